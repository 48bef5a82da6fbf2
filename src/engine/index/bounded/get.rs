//! Look-ups and walks.

use super::Bounded;
use crate::engine::entry::{Entry, Hash, Phase};
use crate::engine::expiry::Expiry;
use crate::engine::policy::Instant;
use crate::engine::table::Near;
use crate::engine::table::word::WordKind;
use crate::time::Line;

impl<K, V> Bounded<K, V> {
    /// The current entry whose key `is_it`. Does not count as a use.
    ///
    /// # Safety
    ///
    /// The caller is inside a guard that outlives `'g`.
    #[inline(always)]
    pub(crate) unsafe fn peek<'g>(
        &self,
        hash: Hash,
        now: Instant,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<&'g Entry<K, V>> {
        // SAFETY: the same contract.
        let (.., entry) = unsafe { self.table.find(hash, is_it) }?;
        now.sees(entry).then_some(entry)
    }

    /// [`peek`](Self::peek), counted as a use: at most one plain store, none in steady state.
    ///
    /// # Safety
    ///
    /// As for `peek`.
    #[inline(always)]
    pub(crate) unsafe fn probe_all<'g>(
        &self,
        hash: Hash,
        now: Instant,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<&'g Entry<K, V>> {
        let is_current = |entry: &Entry<K, V>| now.sees(entry);
        // SAFETY: the same contract.
        unsafe {
            self.table
                .probe_all(hash, is_it, is_current, now.era.steady())
        }
    }

    /// [`probe_all`](Self::probe_all) of a key that stands in its home bucket, in the first slot that its hint says; `None` says nothing.
    /// Short, calls nothing but `is_it`, and asks what time it is last: few registers are needed at a time, so that
    /// callers have none to save.
    ///
    /// The count of clears is asked for before the slot, so an entry of a generation long gone is never taken for one of that
    /// count's: it had left its slot by then (I5). The time may be asked for last: it does not go back.
    ///
    /// # Safety
    ///
    /// As for `peek`.
    #[inline(always)]
    pub(crate) unsafe fn probe_first<'g>(
        &self,
        hash: Hash,
        line: impl FnOnce() -> Line,
        is_it: impl FnOnce(&K) -> bool,
    ) -> Option<&'g Entry<K, V>> {
        let steady = self.policy.era.load().steady();
        let used = |entry: &Entry<K, V>| is_it(&entry.key) && Instant::uses(entry, line, steady);
        // SAFETY: the same contract.
        unsafe { self.table.probe_first(hash, used) }
    }

    /// [`probe_first`](Self::probe_first) that looks at all that is near, and sees whether the key is missing.
    ///
    /// # Safety
    ///
    /// As for `peek`.
    #[inline(always)]
    pub(crate) unsafe fn probe_home<'g>(
        &self,
        hash: Hash,
        line: impl Fn() -> Line + Copy,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Near<'g, K, V> {
        let steady = self.policy.era.load().steady();
        let used = |entry: &Entry<K, V>| Instant::uses(entry, line, steady);
        // SAFETY: the same contract.
        unsafe { self.table.probe_home(hash, is_it, used) }
    }

    /// Brings the cache line of the hash's bucket on its way.
    #[inline(always)]
    pub(crate) fn prefetch_bucket(&self, hash: Hash) {
        self.table.prefetch(hash);
    }

    /// Brings the cache line of the likely entry on its way; its bucket should have arrived.
    #[inline(always)]
    pub(crate) fn prefetch_entry(&self, hash: Hash) {
        if let Some(entry) = self.table.first_guess(hash) {
            Entry::prefetch(entry);
        }
    }

    /// Brings what an insert of `hash` will need on its way.
    #[inline(always)]
    pub(crate) fn prefetch_insert(&self, hash: Hash) {
        self.policy.prefetch(hash);
    }

    pub(crate) fn buckets(&self) -> usize {
        self.table.buckets()
    }

    pub(crate) fn groups(&self) -> usize {
        self.expiry.groups()
    }

    /// Visits the current entries of one bucket. Weakly consistent.
    ///
    /// # Safety
    ///
    /// The caller is inside a guard that outlives `'g`.
    pub(crate) unsafe fn each_in_bucket<'g>(
        &self,
        bucket: usize,
        now: Instant,
        mut visit: impl FnMut(&'g Entry<K, V>),
    ) where
        K: 'g,
        V: 'g,
    {
        self.table.each_in(bucket, |_, word| {
            if word.kind() == WordKind::Entry {
                // SAFETY: an entry word, loaded inside the caller's guard.
                let entry: &'g Entry<K, V> = unsafe { word.deref() };
                if entry.phase.load() == Phase::Live && now.sees(entry) {
                    visit(entry);
                }
            }
        });
    }

    /// Current entries, O(slots). Exact while nothing is written; never more than are resident (I1), though the walk
    /// may have met an entry, then its eviction, then the newcomer further on.
    pub(crate) fn len(&self, now: Instant) -> usize {
        let mut len = 0;
        for bucket in 0..self.buckets() {
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe { self.each_in_bucket(bucket, now, |_| len += 1) };
        }
        len.min(self.resident())
    }

    pub(crate) fn is_empty(&self, now: Instant) -> bool {
        (0..self.buckets()).all(|bucket| {
            let mut empty = true;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe { self.each_in_bucket(bucket, now, |_| empty = false) };
            empty
        })
    }

    /// The buckets of one group of the expiry index.
    pub(crate) fn group(&self, group: usize) -> std::ops::Range<usize> {
        Expiry::buckets(group, self.buckets())
    }
}
