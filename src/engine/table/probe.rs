//! Look-ups: where hints say, then by the tags of all slots.

use super::hints::matching;
use super::{Bucket, Found, HINTED_BUCKETS, Home, SLOTS, Slot, SlotWord, Table};
use crate::engine::arch::{equal_bytes, equal_tags};
use crate::engine::entry::{Entry, Hash, Phase};
use crate::sync::Ordering;
use std::num::NonZeroU32;

/// What can be said of a key without looking at all of its path.
pub(crate) enum Near<'g, K, V> {
    Found(&'g Entry<K, V>),
    Missing,
    Unsure,
}

impl<K, V> Table<K, V> {
    /// The live entry with this hash whose key `is_it`, and its place. O(1); O(keys with the same hash) at worst.
    ///
    /// # Safety
    ///
    /// The caller is inside a guard that outlives `'g`.
    #[inline(always)]
    pub(crate) unsafe fn find<'g>(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<Found<'g, K, V>> {
        // Nearly all keys stand at home, where their hint says.
        // SAFETY: the same contract.
        unsafe {
            match self.find_at(self.home(hash), hash, is_it, Entry::is_live) {
                Some(found) => Some(found),
                None => self.find_elsewhere(hash, is_it),
            }
        }
    }

    /// What stands in the first slot of the home bucket that has the hash's hint, if that has its tag too and `is_it`.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(always)]
    pub(crate) unsafe fn probe_first<'g>(
        &self,
        hash: Hash,
        is_it: impl FnOnce(&Entry<K, V>) -> bool,
    ) -> Option<&'g Entry<K, V>> {
        // SAFETY: `home` is below the number of buckets.
        let bucket = unsafe { self.buckets.get_unchecked(self.home(hash)) };
        // SAFETY: a bucket is a cache line of atomic words, and its hints are the first.
        let found = unsafe { equal_bytes(std::ptr::from_ref(bucket).cast(), hash.hints()) };
        if found & ((1 << SLOTS) - 1) == 0 {
            return None;
        }
        // SAFETY: not zero, and the lowest bit is one of the seven slots'.
        let slot = unsafe {
            let first = NonZeroU32::new_unchecked(found).trailing_zeros();
            bucket.slots.get_unchecked(first as usize)
        };
        // SAFETY: loaded inside the caller's guard.
        match unsafe { slot.load(Ordering::Acquire).tagged(hash) } {
            Some(entry) if is_it(entry) => Some(entry),
            _ => None,
        }
    }

    /// What [`probe_first`](Self::probe_first) has not found: by the tags of the home bucket, which show most of what is missing;
    /// then by all its hints, and by those of the buckets behind it.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(always)]
    pub(crate) unsafe fn probe_home<'g>(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        is_current: impl Fn(&Entry<K, V>) -> bool + Copy,
    ) -> Near<'g, K, V> {
        if self.lacks(hash) {
            return Near::Missing;
        }
        // SAFETY: the same contract.
        let found = unsafe {
            self.find_at(self.home(hash), hash, is_it, is_current)
                .or_else(|| self.find_behind(hash, is_it, is_current))
        };
        found.map_or(Near::Unsure, |(.., entry)| Near::Found(entry))
    }

    /// [`find`](Self::find) that counts a use of what `is_current`.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(always)]
    pub(crate) unsafe fn probe_all<'g>(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        is_current: impl Fn(&Entry<K, V>) -> bool + Copy,
        steady: u32,
    ) -> Option<&'g Entry<K, V>> {
        let used = |entry: &Entry<K, V>| {
            if is_current(entry) {
                entry.use_if_live(steady)
            } else {
                entry.is_live()
            }
        };
        // SAFETY: the same contract.
        unsafe {
            match self.find_at(self.home(hash), hash, is_it, used) {
                Some((.., entry)) => Some(entry),
                None => self.find_elsewhere(hash, is_it).map(|(.., entry)| {
                    used(entry);
                    entry
                }),
            }
            .filter(|entry| is_current(entry))
        }
    }

    /// [`find`](Self::find) in the home bucket alone, and by its hints.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(always)]
    pub(crate) unsafe fn find_at_home<'g>(
        &self,
        home: Home<'_, K, V>,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<Found<'g, K, V>> {
        // SAFETY: the same contract.
        unsafe { Self::find_in(home.bucket, home.at, home.hash, is_it, Entry::is_live) }
    }

    /// Whether entries may have gone past the home bucket.
    #[inline(always)]
    pub(crate) fn displaces(&self, home: Home<'_, K, V>) -> bool {
        self.has_displacements(home.at)
    }

    /// Whether entries may have gone past a bucket.
    #[inline(always)]
    pub(super) fn has_displacements(&self, bucket: usize) -> bool {
        debug_assert!(bucket < self.displacements.len());
        // SAFETY: there are as many counts as buckets. SeqCst: see `scan`.
        unsafe { self.displacements.get_unchecked(bucket) }.load(Ordering::SeqCst) != 0
    }

    /// Whether the key is not here, as can be seen in its home bucket alone: false says nothing. Asks tags, no
    /// entry, in the order of [`scan`](Self::scan), of which it is a short form.
    #[inline(always)]
    pub(crate) fn lacks(&self, hash: Hash) -> bool {
        let home = self.home(hash);
        // SAFETY: `home` is below the number of buckets.
        let slots = &unsafe { self.buckets.get_unchecked(home) }.slots;
        let has_tag = |slot: &SlotWord<_, _>| slot.load(Ordering::SeqCst).has_tag(hash);
        !slots.iter().any(has_tag)
            && (!self.has_displacements(home) || cfg!(tux_fault = "lacks-at-home-only"))
    }

    /// Whether only one slot on the path of this hash has its tag: its own entry's, if it has one there. A short form of
    /// [`scan`](Self::scan), with the same orderings.
    #[inline(always)]
    pub(crate) fn is_alone(&self, home: Home<'_, K, V>) -> bool {
        let Home { hash, at, bucket } = home;
        let tagged = Self::tagged_in(bucket, hash);
        if self.has_displacements(at) {
            self.is_alone_behind(at, hash, tagged)
        } else {
            tagged.is_power_of_two()
        }
    }

    /// Whether a bucket behind home has the hash's tag. Advice: keys that come later are found as rivals.
    #[inline(never)]
    pub(crate) fn may_be_behind(&self, home: Home<'_, K, V>) -> bool {
        let mut at = home.at;
        for _ in 1..self.buckets.len() {
            at = self.after(at);
            if Self::tagged_in(&self.buckets[at], home.hash) != 0 {
                return true;
            }
            if !self.has_displacements(at) {
                break;
            }
        }
        false
    }

    #[inline(never)]
    fn is_alone_behind(&self, home: usize, hash: Hash, tagged: u32) -> bool {
        let (mut at, mut tagged) = (home, tagged.count_ones());
        for _ in 1..self.buckets.len() {
            at = self.after(at);
            tagged += Self::tagged_in(&self.buckets[at], hash).count_ones();
            if tagged > 1 || !self.has_displacements(at) {
                break;
            }
        }
        tagged == 1
    }

    /// A bit for each slot of a bucket that has the tag of this hash.
    #[inline(always)]
    fn tagged_in(bucket: &Bucket<K, V>, hash: Hash) -> u32 {
        let in_rust = || {
            let slots = bucket.slots.iter().enumerate();
            slots.fold(0, |tagged, (position, slot)| {
                tagged | u32::from(slot.load(Ordering::SeqCst).has_tag(hash)) << position
            })
        };
        // SAFETY: a bucket is a cache line of atomic words, and those of its slots come behind its hints.
        unsafe { equal_tags(std::ptr::from_ref(bucket).cast(), hash.tag(), in_rust) }
    }

    /// Looks where the hints of one bucket say, for an entry that `is_live`.
    ///
    /// # Safety
    ///
    /// As for `find`, and there is such a bucket.
    #[inline(always)]
    unsafe fn find_at<'g>(
        &self,
        at: usize,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        is_live: impl Fn(&Entry<K, V>) -> bool,
    ) -> Option<Found<'g, K, V>> {
        debug_assert!(at < self.buckets.len());
        // SAFETY: by the contract.
        unsafe { Self::find_in(self.buckets.get_unchecked(at), at, hash, is_it, is_live) }
    }

    /// [`find_at`](Self::find_at), where the bucket is at hand.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(always)]
    unsafe fn find_in<'g>(
        bucket: &Bucket<K, V>,
        at: usize,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        is_live: impl Fn(&Entry<K, V>) -> bool,
    ) -> Option<Found<'g, K, V>> {
        let mut found = matching(bucket.hints.load(Ordering::Relaxed), hash.hints());
        while found != 0 {
            let position = found.trailing_zeros() as usize;
            // SAFETY: `matching` sets bits of the seven slots only.
            let slot = unsafe { bucket.slots.get_unchecked(position) };
            let word = slot.load(Ordering::Acquire);
            // SAFETY: loaded inside the caller's guard.
            if let Some(entry) = unsafe { word.tagged(hash) }
                && is_it(&entry.key)
                && is_live(entry)
            {
                return Some((Slot::new(at, position), word, entry));
            }
            found &= found - 1;
        }
        None
    }

    /// Looks where hints say in the buckets behind home.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline]
    unsafe fn find_behind<'g>(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        is_live: impl Fn(&Entry<K, V>) -> bool + Copy,
    ) -> Option<Found<'g, K, V>> {
        let mut at = self.home(hash);
        for _ in 1..HINTED_BUCKETS {
            if self.displacements[at].load(Ordering::Relaxed) == 0 {
                break;
            }
            at = self.after(at);
            // SAFETY: the same contract.
            if let Some(found) = unsafe { self.find_at(at, hash, is_it, is_live) } {
                return Some(found);
            }
        }
        None
    }

    /// [`find`](Self::find) for a key that its home bucket's hints do not show: by its tags, behind it, then without trust in
    /// hints. Repairs the hint of what it finds.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline(never)]
    unsafe fn find_elsewhere<'g>(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<Found<'g, K, V>> {
        if self.lacks(hash) {
            return None;
        }
        // SAFETY: the same contract.
        unsafe {
            let found = self.find_behind(hash, is_it, Entry::is_live);
            if found.is_some() || cfg!(tux_fault = "hint-trusted") {
                return found;
            }
            let mut result = None;
            self.scan(hash, |slot, word, entry| {
                if entry.phase.load() == Phase::Live && is_it(&entry.key) {
                    result = Some((slot, word, entry));
                }
                result.is_none()
            });
            if let Some((slot, ..)) = result {
                self.hint(slot, hash);
            }
            result
        }
    }
}
