//! The fixed-capacity hash table of bounded caches: cache-line buckets of seven slots.
//!
//! A bucket is one cache line: seven slot words and a word of seven *hint bytes*, for each slot another byte of the hash. Slots
//! are the truth, changed by single exchanges; hints only say where to look first. They are written with plain stores, may be
//! stale or lost, and are repaired by the reader that notices; zero means free, or says nothing. So a hit reads the hint word,
//! one slot and the entry; a miss compares the seven slot tags as well (all in the same line) and looks at
//! `displacements`.
//!
//! A key whose home bucket is full goes to the next bucket with a free slot. Each bucket it passes counts it in
//! `displacements` *before* the entry is published; a search goes on behind a bucket only while that count is not zero.
//! Counts stick at 255.
//!
//! Slots number twice the capacity, seven entries to two buckets when full. What bounds the cache is not slots but permits (see
//! `capacity`).

use crate::engine::arch::prefetch::prefetch;
use crate::engine::entry::{Entry, Hash};
use crate::engine::table::word::{Word, WordKind};
use crate::sync::Zeros;
use crate::sync::{AtomicU8, Ordering};

mod bucket;
mod hints;
mod probe;
mod size;
mod slot;
pub(crate) mod word;

pub(crate) use bucket::Home;
use bucket::{Bucket, SlotWord};
use hints::matching;
pub(crate) use probe::Near;
use size::buckets_for;
pub(crate) use size::{MAX_CAPACITY, SLOTS};
pub(crate) use slot::Slot;

/// How far along its path a search trusts hints before it compares the tags of all of it.
const HINTED_BUCKETS: usize = 3;

/// The table. Methods that hand out entries ask for an open guard in their safety contract or documentation.
pub(crate) struct Table<K, V> {
    buckets: Zeros<Bucket<K, V>>,
    /// How many entries have gone past each bucket; 255 sticks.
    displacements: Zeros<AtomicU8>,
}

/// An entry and where it stands.
pub(crate) type Found<'g, K, V> = (Slot, Word<K, V>, &'g Entry<K, V>);

impl<K, V> Table<K, V> {
    /// A table for `capacity` entries; `None` if the memory is not to be had. Untouched pages cost nothing.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        debug_assert!(capacity <= MAX_CAPACITY);
        let buckets = buckets_for(capacity);
        Some(Self {
            buckets: Zeros::new(buckets)?,
            displacements: Zeros::new(buckets)?,
        })
    }

    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Whether there is such a slot.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        slot.bucket() < self.buckets.len() && slot.position() < SLOTS
    }

    /// Below the number of buckets.
    #[inline(always)]
    fn home(&self, hash: Hash) -> usize {
        hash.share(self.buckets.len())
    }

    /// Where the search path of `hash` begins. A write asks three times for it, and what is read of the table itself would
    /// be read again each time.
    #[inline(always)]
    pub(crate) fn home_of(&self, hash: Hash) -> Home<'_, K, V> {
        let at = self.home(hash);
        // SAFETY: `home` is below the number of buckets.
        let bucket = unsafe { self.buckets.get_unchecked(at) };
        Home { hash, at, bucket }
    }

    #[inline]
    fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets.len() {
            0
        } else {
            bucket + 1
        }
    }

    #[inline]
    fn distance(&self, hash: Hash, slot: Slot) -> usize {
        let (home, at) = (self.home(hash), slot.bucket());
        if at >= home {
            at - home
        } else {
            at + self.buckets.len() - home
        }
    }

    #[inline(always)]
    pub(crate) fn load(&self, slot: Slot) -> Word<K, V> {
        // Acquire pairs with the Release of the exchange that put the word there: the entry's fields are visible.
        self.place(slot).load(Ordering::Acquire)
    }

    /// Numbers of slots are those of this table: who keeps one in a shared word asks [`has`](Self::has).
    #[inline(always)]
    fn place(&self, slot: Slot) -> &SlotWord<K, V> {
        debug_assert!(self.has(slot), "{slot:?} is not of this table");
        // SAFETY: see above.
        unsafe {
            let bucket = self.buckets.get_unchecked(slot.bucket());
            bucket.slots.get_unchecked(slot.position())
        }
    }

    /// Whether a slot still holds `word`. SeqCst: after what the caller has written SeqCst.
    #[inline]
    pub(crate) fn holds(&self, slot: Slot, word: Word<K, V>) -> bool {
        self.place(slot).load(Ordering::SeqCst) == word
    }

    /// Changes a slot from `from` to `to`, if it still holds `from`. Words with an address are unique while the
    /// caller's guard is open, so there is no ABA.
    #[inline(always)]
    pub(crate) fn exchange(&self, slot: Slot, from: Word<K, V>, to: Word<K, V>) -> bool {
        self.place(slot).exchange(from, to)
    }

    /// Makes a slot free, if it still holds `from`.
    #[inline(always)]
    pub(crate) fn free(&self, slot: Slot, from: Word<K, V>) -> bool {
        // Inserts look for a slot without a hint first. Before it is free: afterwards the hint is somebody else's. If the
        // exchange fails, an entry has lost its hint: it is found by its tag, and its hint repaired. (Models
        // have the stale hint instead: a store more would only multiply them.)
        if !cfg!(tux_loom) {
            self.set_hints(slot, 0);
        }
        self.exchange(slot, from, Word::EMPTY)
    }

    /// Asks the processor for the home bucket of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: Hash) {
        // Only an address is made of it.
        prefetch(self.buckets.as_ptr().wrapping_add(self.home(hash)));
    }

    /// Asks the processor for the bucket of `slot`.
    #[inline(always)]
    pub(crate) fn prefetch_slot(&self, slot: Slot) {
        prefetch(self.place(slot));
    }

    /// Asks the processor for the entries of a bucket.
    #[inline]
    pub(crate) fn prefetch_entries(&self, bucket: usize) {
        for slot in &self.buckets[bucket].slots {
            // The address is not followed, only handed to the processor, which ignores one that is none.
            let word = slot.load(Ordering::Relaxed);
            Entry::prefetch(word.address());
        }
    }

    /// The entry in `slot`, if one stands there.
    ///
    /// # Safety
    ///
    /// The caller is inside a guard that outlives `'g`.
    #[inline(always)]
    pub(crate) unsafe fn occupant<'g>(&self, slot: Slot) -> Option<&'g Entry<K, V>> {
        // SAFETY: the same contract.
        unsafe { self.load(slot).occupant() }
    }

    /// The entry a look-up of `hash` would try first, if any; for prefetching only.
    #[inline(always)]
    pub(crate) fn first_guess(&self, hash: Hash) -> Option<*const Entry<K, V>> {
        let bucket = &self.buckets[self.home(hash)];
        let found = matching(bucket.hints.load(Ordering::Relaxed), hash.hints());
        (found != 0).then(|| {
            let slot = &bucket.slots[found.trailing_zeros() as usize];
            slot.load(Ordering::Relaxed).address().cast_const()
        })
    }

    /// Calls `visit` for every entry word with this hash's tag on its search path, until it returns false.
    ///
    /// # Safety
    ///
    /// As for `find`.
    pub(crate) unsafe fn scan<'g>(
        &self,
        hash: Hash,
        mut visit: impl FnMut(Slot, Word<K, V>, &'g Entry<K, V>) -> bool,
    ) where
        K: 'g,
        V: 'g,
    {
        let mut at = self.home(hash);
        for _ in 0..self.buckets.len() {
            for (position, slot) in self.buckets[at].slots.iter().enumerate() {
                // SeqCst: the loads of the Dekker pair of two inserts of one key; plain loads on x86.
                let word = slot.load(Ordering::SeqCst);
                // SAFETY: loaded inside the caller's guard.
                if let Some(entry) = unsafe { word.tagged(hash) }
                    && entry.hash() == hash
                    && !visit(Slot::new(at, position), word, entry)
                {
                    return;
                }
            }
            if !self.has_displacements(at) {
                return;
            }
            at = self.after(at);
        }
    }

    /// Puts `word` into the first free slot of its search path, and its hint; `None` if there is none in the whole table.
    #[inline(always)]
    pub(crate) fn claim(&self, home: Home<'_, K, V>, word: Word<K, V>) -> Option<Slot> {
        let Home { hash, at, bucket } = home;
        let free = matching(bucket.hints.load(Ordering::Relaxed), 0);
        if free != 0 {
            let position = free.trailing_zeros() as usize;
            // SAFETY: `matching` sets bits of the seven slots only.
            let slot = unsafe { bucket.slots.get_unchecked(position) };
            if slot.exchange(Word::EMPTY, word) {
                bucket.set_hint(position, hash.hints());
                return Some(Slot::new(at, position));
            }
        }
        let slot = self.claim_anywhere(at, hash, word);
        if let Some(slot) = slot {
            self.hint(slot, hash);
        }
        slot
    }

    /// [`claim`](Self::claim) where hints show no free slot, or one that is not.
    #[inline(never)]
    fn claim_anywhere(&self, home: usize, hash: Hash, word: Word<K, V>) -> Option<Slot> {
        match self.claim_in(home, word) {
            Some(slot) => Some(slot),
            None => self.claim_behind(home, hash, word),
        }
    }

    #[inline(always)]
    fn claim_in(&self, at: usize, word: Word<K, V>) -> Option<Slot> {
        debug_assert!(at < self.buckets.len());
        // SAFETY: callers pass the number of a bucket.
        let slots = &unsafe { self.buckets.get_unchecked(at) }.slots;
        let mut free = 0_u32;
        for (position, slot) in slots.iter().enumerate() {
            // Relaxed: only a guess at a free slot; the exchange decides.
            free |= u32::from(slot.load(Ordering::Relaxed).is_empty()) << position;
        }
        while free != 0 {
            let position = free.trailing_zeros() as usize;
            if slots[position].exchange(Word::EMPTY, word) {
                return Some(Slot::new(at, position));
            }
            free &= free - 1;
        }
        None
    }

    #[inline(never)]
    fn claim_behind(&self, home: usize, hash: Hash, word: Word<K, V>) -> Option<Slot> {
        let mut at = home;
        for distance in 1..self.buckets.len() {
            self.count(at);
            at = self.after(at);
            if let Some(slot) = self.claim_in(at, word) {
                return Some(slot);
            }
            if distance + 1 == self.buckets.len() {
                self.uncount(hash, distance);
            }
        }
        None
    }

    /// Undoes the counting of an entry that has left `slot`. Called once, by whoever changed the slot from that
    /// entry to anything but an entry of the same key.
    #[inline(always)]
    pub(crate) fn departed(&self, hash: Hash, slot: Slot) {
        if slot.bucket() != self.home(hash) {
            self.uncount(hash, self.distance(hash, slot));
        }
    }

    fn count(&self, bucket: usize) {
        let displacements = &self.displacements[bucket];
        // SeqCst: ordered before the publication that follows, as seen by a scan.
        let _ =
            displacements.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |n| n.checked_add(1));
    }

    #[inline(never)]
    fn uncount(&self, hash: Hash, buckets: usize) {
        let mut at = self.home(hash);
        for _ in 0..buckets {
            let _ = self.displacements[at].fetch_update(Ordering::SeqCst, Ordering::Relaxed, |n| {
                // Zero: a key that equals another one, but whose hash does not, has taken that one's place.
                if n == u8::MAX { None } else { n.checked_sub(1) }
            });
            at = self.after(at);
        }
    }

    /// Writes the hint byte of a slot.
    #[inline(always)]
    pub(crate) fn hint(&self, slot: Slot, hash: Hash) {
        self.set_hints(slot, hash.hints());
    }

    #[inline(always)]
    fn set_hints(&self, slot: Slot, of: u64) {
        debug_assert!(self.has(slot), "{slot:?} is not of this table");
        // SAFETY: as in `place`.
        let bucket = unsafe { self.buckets.get_unchecked(slot.bucket()) };
        bucket.set_hint(slot.position(), of);
    }

    /// How many buckets all entries together stand from home.
    #[cfg(test)]
    pub(crate) fn displacements(&self) -> usize {
        self.displacements
            .iter()
            .map(|p| usize::from(p.load(Ordering::Relaxed)))
            .sum()
    }

    /// Whether every bucket's count is exactly the entries that went past it; at rest, without saturation.
    #[cfg(test)]
    pub(crate) fn counts_are_exact(&self) -> bool {
        let mut expected = vec![0; self.buckets.len()];
        for bucket in 0..self.buckets.len() {
            self.each_in(bucket, |slot, word| {
                assert_eq!(word.kind(), WordKind::Entry);
                // SAFETY: at rest nothing is freed.
                let hash = unsafe { word.deref() }.hash();
                let mut at = self.home(hash);
                for _ in 0..self.distance(hash, slot) {
                    expected[at] += 1;
                    at = self.after(at);
                }
            });
        }
        self.displacements
            .iter()
            .map(|p| p.load(Ordering::Relaxed))
            .eq(expected)
    }

    /// Visits the slots of one bucket that are not empty.
    pub(crate) fn each_in(&self, bucket: usize, mut visit: impl FnMut(Slot, Word<K, V>)) {
        for (position, slot) in self.buckets[bucket].slots.iter().enumerate() {
            // SeqCst: one half of two Dekker pairs, of a predicate invalidation with a leased publication (I8) and of a
            // sweep with the recording of a deadline (I6).
            let word = slot.load(Ordering::SeqCst);
            if word.kind() != WordKind::Empty {
                visit(Slot::new(bucket, position), word);
            }
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
