//! The fixed-capacity hash table of bounded caches: cache-line buckets of seven lanes.
//!
//! A bucket is one cache line: seven lane words and a word of seven *hint bytes*, for each lane another byte of the hash. Lanes
//! are the truth, changed by single exchanges; hints only say where to look first. They are written with plain
//! stores, may be stale or lost, and are repaired by the reader that notices; zero means free, or says nothing. So a hit reads the hint word, one lane
//! and the entry; a miss compares the seven lane tags as well (all in the same line) and looks at
//! `passed`.
//!
//! A key whose home bucket is full goes to the next bucket with a free lane. Each bucket it passes counts it in
//! `passed` *before* the entry is published; a search goes on behind a bucket only while that count is not zero.
//! Counts stick at 255.
//!
//! Lanes number twice the capacity, seven entries to two buckets when full. What bounds the cache is not lanes but rooms (see `capacity`).

use crate::engine::arch::prefetch::prefetch;
use crate::engine::arch::zeros::Zeros;
use crate::engine::entry::{Entry, Hash};
use crate::engine::table::word::{Kind, Word};
use crate::sync::{AtomicU8, Ordering};

mod bucket;
mod hints;
mod probe;
mod size;
mod slot;
pub(crate) mod word;

pub(crate) use bucket::Home;
use bucket::{Bucket, Place};
use hints::matching;
pub(crate) use probe::Near;
use size::buckets_for;
pub(crate) use size::{LANES, MAX_CAPACITY};
pub(crate) use slot::Lane;

/// How far along its path a search trusts hints before it compares the tags of all of it.
const HINTED_BUCKETS: usize = 3;

/// The table. Methods that hand out entries ask for an open guard in their safety contract or documentation.
pub(crate) struct Table<K, V> {
    buckets: Zeros<Bucket<K, V>>,
    /// How many entries have gone past each bucket; 255 sticks.
    passed: Zeros<AtomicU8>,
}

/// An entry and where it stands.
pub(crate) type Found<'g, K, V> = (Lane, Word<K, V>, &'g Entry<K, V>);

impl<K, V> Table<K, V> {
    /// A table for `capacity` entries; `None` if the memory is not to be had. Untouched pages cost nothing.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        debug_assert!(capacity <= MAX_CAPACITY);
        let buckets = buckets_for(capacity);
        Some(Self {
            buckets: Zeros::new(buckets)?,
            passed: Zeros::new(buckets)?,
        })
    }

    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Whether there is such a lane.
    pub(crate) fn has(&self, lane: Lane) -> bool {
        lane.bucket() < self.buckets.len() && lane.position() < LANES
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
    fn distance(&self, hash: Hash, lane: Lane) -> usize {
        let (home, at) = (self.home(hash), lane.bucket());
        if at >= home {
            at - home
        } else {
            at + self.buckets.len() - home
        }
    }

    #[inline(always)]
    pub(crate) fn load(&self, lane: Lane) -> Word<K, V> {
        // Acquire pairs with the Release of the exchange that put the word there: the entry's fields are visible.
        self.place(lane).load(Ordering::Acquire)
    }

    /// Numbers of lanes are those of this table: who keeps one in a shared word asks [`has`](Self::has).
    #[inline(always)]
    fn place(&self, lane: Lane) -> &Place<K, V> {
        debug_assert!(self.has(lane), "{lane:?} is not of this table");
        // SAFETY: see above.
        unsafe {
            let bucket = self.buckets.get_unchecked(lane.bucket());
            bucket.lanes.get_unchecked(lane.position())
        }
    }

    /// Whether a lane still holds `word`. SeqCst: after what the caller has written SeqCst.
    #[inline]
    pub(crate) fn holds(&self, lane: Lane, word: Word<K, V>) -> bool {
        self.place(lane).load(Ordering::SeqCst) == word
    }

    /// Changes a lane from `from` to `to`, if it still holds `from`. Words with an address are unique while the
    /// caller's guard is open, so there is no ABA.
    #[inline(always)]
    pub(crate) fn exchange(&self, lane: Lane, from: Word<K, V>, to: Word<K, V>) -> bool {
        self.place(lane).exchange(from, to)
    }

    /// Makes a lane free, if it still holds `from`.
    #[inline(always)]
    pub(crate) fn free(&self, lane: Lane, from: Word<K, V>) -> bool {
        // Inserts look for a lane without a hint first. Before it is free: afterwards the hint is somebody else's. If the
        // exchange fails, an entry has lost its hint: it is found by its tag, and its hint repaired. (Models
        // have the stale hint instead: a store more would only multiply them.)
        if !cfg!(tux_loom) {
            self.set_hints(lane, 0);
        }
        self.exchange(lane, from, Word::EMPTY)
    }

    /// Asks the processor for the home bucket of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: Hash) {
        // Only an address is made of it.
        prefetch(self.buckets.as_ptr().wrapping_add(self.home(hash)));
    }

    /// Asks the processor for the bucket of `lane`.
    #[inline(always)]
    pub(crate) fn prefetch_lane(&self, lane: Lane) {
        prefetch(self.place(lane));
    }

    /// Asks the processor for the entries of a bucket.
    #[inline]
    pub(crate) fn prefetch_entries(&self, bucket: usize) {
        for lane in &self.buckets[bucket].lanes {
            // The address is not followed, only handed to the processor, which ignores one that is none.
            let word = lane.load(Ordering::Relaxed);
            Entry::prefetch(word.address());
        }
    }

    /// The entry in `lane`, if one stands there.
    ///
    /// # Safety
    ///
    /// The caller is inside a guard that outlives `'g`.
    #[inline(always)]
    pub(crate) unsafe fn occupant<'g>(&self, lane: Lane) -> Option<&'g Entry<K, V>> {
        // SAFETY: the same contract.
        unsafe { self.load(lane).occupant() }
    }

    /// The entry a look-up of `hash` would try first, if any; for prefetching only.
    #[inline(always)]
    pub(crate) fn first_guess(&self, hash: Hash) -> Option<*const Entry<K, V>> {
        let bucket = &self.buckets[self.home(hash)];
        let found = matching(bucket.hints.load(Ordering::Relaxed), hash.hints());
        (found != 0).then(|| {
            let lane = &bucket.lanes[found.trailing_zeros() as usize];
            lane.load(Ordering::Relaxed).address().cast_const()
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
        mut visit: impl FnMut(Lane, Word<K, V>, &'g Entry<K, V>) -> bool,
    ) where
        K: 'g,
        V: 'g,
    {
        let mut at = self.home(hash);
        for _ in 0..self.buckets.len() {
            for (position, lane) in self.buckets[at].lanes.iter().enumerate() {
                // SeqCst: the loads of the Dekker pair of two inserts of one key; plain loads on x86.
                let word = lane.load(Ordering::SeqCst);
                // SAFETY: loaded inside the caller's guard.
                if let Some(entry) = unsafe { word.tagged(hash) }
                    && entry.hash() == hash
                    && !visit(Lane::new(at, position), word, entry)
                {
                    return;
                }
            }
            if !self.is_passed(at) {
                return;
            }
            at = self.after(at);
        }
    }

    /// Puts `word` into the first free lane of its search path, and its hint; `None` if there is none in the whole table.
    #[inline(always)]
    pub(crate) fn claim(&self, home: Home<'_, K, V>, word: Word<K, V>) -> Option<Lane> {
        let Home { hash, at, bucket } = home;
        let free = matching(bucket.hints.load(Ordering::Relaxed), 0);
        if free != 0 {
            let position = free.trailing_zeros() as usize;
            // SAFETY: `matching` sets bits of the seven lanes only.
            let lane = unsafe { bucket.lanes.get_unchecked(position) };
            if lane.exchange(Word::EMPTY, word) {
                bucket.set_hint(position, hash.hints());
                return Some(Lane::new(at, position));
            }
        }
        let lane = self.claim_anywhere(at, hash, word);
        if let Some(lane) = lane {
            self.hint(lane, hash);
        }
        lane
    }

    /// [`claim`](Self::claim) where hints show no free lane, or one that is not.
    #[inline(never)]
    fn claim_anywhere(&self, home: usize, hash: Hash, word: Word<K, V>) -> Option<Lane> {
        match self.claim_in(home, word) {
            Some(lane) => Some(lane),
            None => self.claim_behind(home, hash, word),
        }
    }

    #[inline(always)]
    fn claim_in(&self, at: usize, word: Word<K, V>) -> Option<Lane> {
        debug_assert!(at < self.buckets.len());
        // SAFETY: callers pass the number of a bucket.
        let lanes = &unsafe { self.buckets.get_unchecked(at) }.lanes;
        let mut free = 0_u32;
        for (position, lane) in lanes.iter().enumerate() {
            // Relaxed: only a guess at a free lane; the exchange decides.
            free |= u32::from(lane.load(Ordering::Relaxed).is_empty()) << position;
        }
        while free != 0 {
            let position = free.trailing_zeros() as usize;
            if lanes[position].exchange(Word::EMPTY, word) {
                return Some(Lane::new(at, position));
            }
            free &= free - 1;
        }
        None
    }

    #[inline(never)]
    fn claim_behind(&self, home: usize, hash: Hash, word: Word<K, V>) -> Option<Lane> {
        let mut at = home;
        for distance in 1..self.buckets.len() {
            self.count(at);
            at = self.after(at);
            if let Some(lane) = self.claim_in(at, word) {
                return Some(lane);
            }
            if distance + 1 == self.buckets.len() {
                self.uncount(hash, distance);
            }
        }
        None
    }

    /// Undoes the counting of an entry that has left `lane`. Called once, by whoever changed the lane from that
    /// entry to anything but an entry of the same key.
    #[inline(always)]
    pub(crate) fn departed(&self, hash: Hash, lane: Lane) {
        if lane.bucket() != self.home(hash) {
            self.uncount(hash, self.distance(hash, lane));
        }
    }

    fn count(&self, bucket: usize) {
        let passed = &self.passed[bucket];
        // SeqCst: ordered before the publication that follows, as seen by a scan.
        let _ = passed.fetch_update(Ordering::SeqCst, Ordering::Relaxed, |n| n.checked_add(1));
    }

    #[inline(never)]
    fn uncount(&self, hash: Hash, buckets: usize) {
        let mut at = self.home(hash);
        for _ in 0..buckets {
            let _ = self.passed[at].fetch_update(Ordering::SeqCst, Ordering::Relaxed, |n| {
                // Zero: a key that equals another one, but whose hash does not, has taken that one's place.
                if n == u8::MAX { None } else { n.checked_sub(1) }
            });
            at = self.after(at);
        }
    }

    /// Writes the hint byte of a lane.
    #[inline(always)]
    pub(crate) fn hint(&self, lane: Lane, hash: Hash) {
        self.set_hints(lane, hash.hints());
    }

    #[inline(always)]
    fn set_hints(&self, lane: Lane, of: u64) {
        debug_assert!(self.has(lane), "{lane:?} is not of this table");
        // SAFETY: as in `place`.
        let bucket = unsafe { self.buckets.get_unchecked(lane.bucket()) };
        bucket.set_hint(lane.position(), of);
    }

    /// How many buckets all entries together stand from home.
    #[cfg(test)]
    pub(crate) fn passed(&self) -> usize {
        self.passed
            .iter()
            .map(|p| usize::from(p.load(Ordering::Relaxed)))
            .sum()
    }

    /// Whether every bucket's count is exactly the entries that went past it; at rest, without saturation.
    #[cfg(test)]
    pub(crate) fn counts_are_exact(&self) -> bool {
        let mut expected = vec![0; self.buckets.len()];
        for bucket in 0..self.buckets.len() {
            self.each_in(bucket, |lane, word| {
                assert_eq!(word.kind(), Kind::Entry);
                // SAFETY: at rest nothing is freed.
                let hash = unsafe { word.deref() }.hash();
                let mut at = self.home(hash);
                for _ in 0..self.distance(hash, lane) {
                    expected[at] += 1;
                    at = self.after(at);
                }
            });
        }
        self.passed
            .iter()
            .map(|p| p.load(Ordering::Relaxed))
            .eq(expected)
    }

    /// Visits the lanes of one bucket that are not empty.
    pub(crate) fn each_in(&self, bucket: usize, mut visit: impl FnMut(Lane, Word<K, V>)) {
        for (position, lane) in self.buckets[bucket].lanes.iter().enumerate() {
            // SeqCst: one half of two Dekker pairs, of a predicate invalidation with a leased publication (I8) and of a
            // sweep with the recording of a deadline (I6).
            let word = lane.load(Ordering::SeqCst);
            if word.kind() != Kind::Empty {
                visit(Lane::new(bucket, position), word);
            }
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
