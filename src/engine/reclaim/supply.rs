//! What all threads' parts of one cache share: where memory comes from, and how much may be unlinked at a time.

use super::bag::Bag;
use crate::engine::entry::slab::Slab;
use crate::sync::{AtomicI64, AtomicU64, CachePadded, Ordering, StdArc as Arc};

/// How many unlinked entries share one heavy fence: not too few, since it takes microseconds where another processor runs
/// the program too (10 in a virtual machine); not too many, since they hold values, and each thread has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    /// Those of a thread among many.
    least: usize,
    /// Those of the first participant's thread; the second one has half as many, the third one a third.
    first: usize,
}

impl Batches {
    pub(crate) const fn all(of: usize) -> Self {
        Self {
            least: of,
            first: of,
        }
    }

    pub(crate) fn for_capacity(n: usize) -> Self {
        Self {
            least: (n / 16).clamp(16, 256).max((n / 128).min(512)),
            first: (n / 64).min(4_096),
        }
    }

    pub(in crate::engine) fn of(self, participant: usize) -> usize {
        self.least.max(self.first / (participant + 1))
    }
}

/// How many entries may be unlinked and not freed, all threads together: whoever unlinks one has reserved a unit for it, some at
/// a time. Beyond that goes only what is unlinked while readers, or stopped threads, hold back the rest.
///
/// - **D6** What is left and what is reserved for bags are the whole at any time. So as long as something is left, no more are
///   unlinked than the whole.
pub(crate) struct Budget {
    whole: i64,
    left: CachePadded<AtomicI64>,
    /// Entries in bags that were taken out of their places.
    held: AtomicU64,
}

impl Budget {
    /// For caches without a bound, and the least.
    pub(crate) const LEAST: usize = 64;

    pub(crate) fn new(units: usize) -> Self {
        let whole = i64::try_from(units).unwrap_or(i64::MAX);
        Self {
            whole,
            left: CachePadded::new(AtomicI64::new(whole)),
            held: AtomicU64::new(0),
        }
    }

    /// An eighth of the capacity, less an eighth of that for the threads that are just about to look: each may have unlinked
    /// something before it sees that nothing is left.
    pub(crate) fn for_capacity(n: usize) -> Self {
        let units = (n / 8).max(Self::LEAST);
        Self::new(units - units / 8)
    }

    /// Reserves some, at most so many and a quarter of what is left, so that each thread gets some; 0 if nothing is left.
    pub(in crate::engine) fn reserve(&self, most: usize) -> usize {
        let mut left = self.left.load(Ordering::Relaxed);
        loop {
            let some = (left / 4)
                .max(1)
                .min(i64::try_from(most).unwrap_or(i64::MAX));
            if left <= 0 || some == 0 {
                return 0;
            }
            // Relaxed: numbers only. What bags hold is handed over with the bags.
            match self.left.compare_exchange_weak(
                left,
                left - some,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return usize::try_from(some).unwrap_or(0),
                Err(seen) => left = seen,
            }
        }
    }

    /// Reserves one whatever is left.
    pub(in crate::engine) fn overdraw(&self) {
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    pub(in crate::engine) fn give_back(&self, units: usize) {
        self.left
            .fetch_add(i64::try_from(units).unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) <= 0
    }

    /// The most entries that a thread takes in its hand at once.
    pub(in crate::engine) fn share(&self) -> usize {
        usize::try_from(self.whole / 4).unwrap_or(usize::MAX).max(1)
    }

    pub(in crate::engine) fn taken(&self, entries: usize) {
        self.held.fetch_add(entries as u64, Ordering::Relaxed);
    }

    pub(in crate::engine) fn freed(&self, entries: usize) {
        self.held.fetch_sub(entries as u64, Ordering::Relaxed);
    }

    /// Entries that were taken and not freed.
    pub(in crate::engine) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn is_whole(&self) -> bool {
        self.left.load(Ordering::Relaxed) == self.whole
    }
}

/// What a thread's part is made with.
pub(crate) struct Supply<K, V> {
    pub(crate) batches: Batches,
    /// How many threads may hold a victim's permit (see `bounded::admit`).
    pub(crate) holders: usize,
    /// Where the memory of entries comes from.
    pub(crate) slab: Arc<Slab<K, V>>,
    pub(crate) budget: Budget,
    /// What stands where a thread has no bag: one without room.
    pub(in crate::engine) none: Box<Bag<K, V>>,
}

impl<K, V> Supply<K, V> {
    pub(crate) fn new(
        slab: Arc<Slab<K, V>>,
        holders: usize,
        batches: Batches,
        budget: Budget,
    ) -> Arc<Self> {
        Arc::new(Self {
            batches,
            holders,
            slab,
            budget,
            none: Bag::with_room(0),
        })
    }

    /// What stands where there is no bag.
    pub(in crate::engine) fn none(&self) -> *mut Bag<K, V> {
        std::ptr::from_ref(&*self.none).cast_mut()
    }
}
