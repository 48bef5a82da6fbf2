//! What one thread keeps for the clock of one cache.

use super::small_queue::ReservedPositions;
use std::cell::Cell;

/// Places of the ring that are taken, and what has been told before it was counted: a line that each miss writes would go back
/// and forth between the processors. Touched by its thread only; what a thread that ends has told and not counted, the next
/// one with its participant counts.
#[derive(Debug, Default)]
pub(crate) struct PolicyLocal {
    pub(crate) taken: ReservedPositions,
    pub(super) misses: BatchedCount,
    pub(super) small_evictions: BatchedCount,
    pub(super) m_evictions: BatchedCount,
}

/// How many have been told and not counted yet.
#[derive(Debug, Default)]
pub(super) struct BatchedCount(Cell<u32>);

impl BatchedCount {
    /// Counts one more; true if `more` are to be told now, of which it is the first.
    #[inline(always)]
    pub(super) fn count(&self, more: u32) -> bool {
        let told = self.0.get().checked_sub(1);
        self.0.set(told.unwrap_or(more - 1));
        told.is_none()
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_told_once_and_not_late() {
        for more in [1, 2, 7, 32] {
            let counts = BatchedCount::default();
            for n in 0..100 {
                assert_eq!(counts.count(more), n % more == 0);
            }
        }
    }
}
