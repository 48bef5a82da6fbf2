//! The time an operation works at.

use super::Era;
use crate::engine::entry::{Entry, Lifetime};
use crate::time::Deadline;

/// The instant an operation works at: the tick, and the era that a clear ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    pub(crate) tick: u64,
    pub(crate) era: Era,
}

impl Instant {
    /// Whether the entry has neither expired nor been cleared.
    #[inline(always)]
    pub(crate) fn sees<K, V>(self, entry: &Entry<K, V>) -> bool {
        entry.is_of(self.era.generation()) && !entry.deadline.has_passed(self.tick)
    }

    /// How an entry ends that is born now.
    #[inline(always)]
    pub(crate) fn lifetime(self, deadline: Deadline) -> Lifetime {
        Lifetime {
            deadline,
            generation: self.era.generation(),
        }
    }
}
