//! What one thread keeps for the clock of one cache.

use crate::engine::ring::Taken;
use std::cell::Cell;

/// Places of the ring that are taken, and what is counted but not told: a line that each miss writes would go back and forth
/// between the processors. Touched by its thread only; what a thread that ends has not told is told by the next one with
/// its slot.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) taken: Taken,
    pub(super) misses: Untold,
    pub(super) evictions: Untold,
    pub(super) s_evictions: Untold,
}

#[derive(Debug, Default)]
pub(super) struct Untold(Cell<u32>);

impl Untold {
    /// Counts one more: all that are to be told now, if they are `enough`.
    #[inline(always)]
    pub(super) fn count(&self, enough: u32) -> Option<u32> {
        let untold = self.0.get() + 1;
        let tell = untold >= enough;
        self.0.set(if tell { 0 } else { untold });
        tell.then_some(untold)
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_told_once() {
        for enough in [1, 2, 7, 32] {
            let counts = Untold::default();
            let told: Vec<_> = (1..=100).map(|n| (n, counts.count(enough))).collect();
            for (n, told) in told {
                assert_eq!(told, (n % enough == 0).then_some(enough));
            }
        }
    }
}
