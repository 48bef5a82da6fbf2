//! What stands in the slots of the table.

use super::{Deadline, Hash, Now, has_passed};

/// An entry in its slot, with what the clock knows of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: u16,
    pub(super) id: u64,
    pub(super) hash: Hash,
    pub(super) deadline: Deadline,
    pub(super) clears: u64,
    /// Has its permit; a newcomer stands in its slot before.
    pub(super) live: bool,
    /// Belongs to M.
    pub(super) in_main: bool,
    /// Came back from far behind, and was not used since.
    pub(super) old: bool,
    /// The hand passes it over once more.
    pub(super) grace: bool,
    pub(super) uses: u32,
    pub(super) last_access: u32,
    pub(super) mark: u32,
    /// Its position in the ring of new entries.
    pub(super) position: Option<u32>,
}

impl Now {
    /// Neither expired nor cleared.
    pub(super) fn sees(self, entry: &Entry) -> bool {
        entry.clears == self.clears && !has_passed(entry.deadline, self.tick)
    }
}

pub(super) type Slots = Vec<Option<Entry>>;
