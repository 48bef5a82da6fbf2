//! The time an operation works at.

use super::Era;
use crate::engine::entry::{Entry, Lifetime};
use crate::time::{Deadline, Line};

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

    /// The split form of [`sees`](Self::sees), for hits: of an entry that is used. The time is asked for last, and the generation with the
    /// use in one comparison ([`Entry::use_if_live`]); `steady` is the epoch's, from before the entry was looked for.
    #[inline(always)]
    pub(crate) fn uses<K, V>(
        entry: &Entry<K, V>,
        line: impl FnOnce() -> Line,
        steady: u32,
    ) -> bool {
        !entry.deadline.may_have_passed(line()) && entry.use_if_live(steady)
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
