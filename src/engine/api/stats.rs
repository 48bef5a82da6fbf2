//! What a cache has counted.

use crate::engine::threads::registry::Locals;
use std::time::Duration;

/// Counters of a cache since it was built.
///
/// Every thread counts for itself; this is the sum, which may miss operations under way. At rest
/// `insertions == evictions + expirations + invalidations + cleared + resident()` holds for a bounded cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Look-ups that found a live entry.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries that came in under a new key.
    pub insertions: u64,
    /// Values that replaced one of the same key.
    pub overwrites: u64,
    /// Entries that left to make room.
    pub evictions: u64,
    /// Expired entries that were reclaimed.
    pub expirations: u64,
    /// Live entries that were invalidated.
    pub invalidations: u64,
    /// Entries ended by `clear` that were reclaimed.
    pub cleared: u64,
    /// Loads whose value was not published because the key had changed meanwhile.
    pub voided: u64,
    /// Unlinked entries whose memory waits until no reader can hold them. At most an eighth of the capacity, or 64 if that is
    /// more; it grows beyond that only while a thread stays inside a view, and falls again at the next write after that has
    /// left. [`sweep`](crate::TtlCache::sweep) frees all that nobody can hold.
    pub unreclaimed: u64,
    /// The most by which the ticker was seen to be late, in whole milliseconds. By so much entries may have ended late, and those
    /// that were written meanwhile; none ends early.
    pub ticker_lag: Duration,
}

impl Stats {
    /// Hits per look-up, 0 to 1; 0 if there was none.
    #[doc(alias = "hit_rate")]
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        match self.hits + self.misses {
            0 => 0.0,
            all => self.hits as f64 / all as f64,
        }
    }

    /// Inside a guard (D5).
    pub(super) fn sum<K, V>(locals: &Locals<K, V>) -> Self {
        let mut sum = Self {
            unreclaimed: locals.unreclaimed(),
            ..Self::default()
        };
        locals.for_each(|_, local| {
            let c = &local.counters;
            sum.hits += c.hits.get();
            sum.misses += c.misses.get();
            sum.insertions += c.insertions.get();
            sum.overwrites += c.overwrites.get();
            sum.evictions += c.evictions.get();
            sum.expirations += c.expirations.get();
            sum.invalidations += c.invalidations.get();
            sum.cleared += c.cleared.get();
            sum.voided += c.voided.get();
            sum.ticker_lag = sum
                .ticker_lag
                .max(Duration::from_millis(c.ticker_lag.get()));
        });
        sum
    }
}
