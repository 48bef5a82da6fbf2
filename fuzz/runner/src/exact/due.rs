//! The index of deadlines: the earliest of each eight buckets, of each 64 such groups, and of all. It may name a deadline
//! whose entry has gone since; then the look at the group puts it right.

use super::{Deadline, earlier, has_passed};

/// Buckets of a group, and groups of a block.
const BUCKETS: usize = 8;
const GROUPS: usize = 64;

#[derive(Debug)]
pub(super) struct Due {
    all: Deadline,
    blocks: Vec<Deadline>,
    groups: Vec<Deadline>,
    buckets: usize,
}

/// The earliest, and where; of equal ones the last.
fn earliest(deadlines: &[Deadline]) -> Option<(usize, u64)> {
    let known = deadlines.iter().enumerate();
    known
        .filter_map(|(at, deadline)| deadline.map(|deadline| (at, deadline)))
        .min_by_key(|&(at, deadline)| (deadline, usize::MAX - at))
}

impl Due {
    pub(super) fn new(buckets: usize) -> Self {
        let groups = buckets.div_ceil(BUCKETS);
        Self {
            all: None,
            blocks: vec![None; groups.div_ceil(GROUPS)],
            groups: vec![None; groups],
            buckets,
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The buckets of a group.
    pub(super) fn members(&self, group: usize) -> std::ops::Range<usize> {
        group * BUCKETS..((group + 1) * BUCKETS).min(self.buckets)
    }

    pub(super) fn note_bucket(&mut self, bucket: usize, deadline: Deadline) {
        self.note(bucket / BUCKETS, deadline);
    }

    pub(super) fn note(&mut self, group: usize, deadline: Deadline) {
        let block = &mut self.blocks[group / GROUPS];
        for known in [&mut self.groups[group], block, &mut self.all] {
            *known = earlier(*known, deadline);
        }
    }

    pub(super) fn forget(&mut self, group: usize) {
        self.groups[group] = None;
    }

    pub(super) fn is_due(&self, tick: u64) -> bool {
        has_passed(self.all, tick)
    }

    /// The group that is due first; its deadline is forgotten. Puts the upper levels right on the way.
    pub(super) fn take_first_due(&mut self, tick: u64) -> Option<usize> {
        let mut found = None;
        if let Some((block, deadline)) = earliest(&self.blocks)
            && deadline <= tick
        {
            let from = block * GROUPS;
            let to = (from + GROUPS).min(self.groups.len());
            found = earliest(&self.groups[from..to])
                .filter(|&(_, deadline)| deadline <= tick)
                .map(|(at, _)| from + at);
            if let Some(group) = found {
                self.forget(group);
            }
            self.blocks[block] = earliest(&self.groups[from..to]).map(|(_, deadline)| deadline);
        }
        self.all = earliest(&self.blocks).map(|(_, deadline)| deadline);
        found
    }
}
