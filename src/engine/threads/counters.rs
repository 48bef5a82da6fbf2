//! What one thread counts, and any may read.

use crate::sync::{AtomicU64, Ordering};

/// A counter written by one thread and read by any.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Only the owner of the surrounding [`Local`] may call it: load and store, no read-modify-write.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        if cfg!(tux_fault = "counter-restarts") {
            self.0.store(n, Ordering::Relaxed);
        }
        self.0.store(sum, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one thread has counted.
#[derive(Debug, Default)]
pub(crate) struct LocalCounters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) insertions: Counter,
    pub(crate) overwrites: Counter,
    pub(crate) evictions: Counter,
    pub(crate) expirations: Counter,
    pub(crate) invalidations: Counter,
    pub(crate) cleared: Counter,
    pub(crate) voided: Counter,
    pub(crate) ticker_lag: Counter,
}

impl LocalCounters {
    /// Counts a hit or a miss. Only the owner of the surrounding [`Local`] may call it.
    pub(crate) fn looked_up(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.add(1);
    }
}
