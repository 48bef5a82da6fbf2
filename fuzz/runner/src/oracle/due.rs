//! The index of deadlines: the earliest of each two buckets, of each eight such groups, of each eight of those, and so on
//! up to that of all. It may name a deadline whose entry has gone since; then the look at the group puts it right.

use super::{Deadline, earlier, has_passed};

/// Buckets of a group, and words with one above them.
const BUCKETS: usize = 2;
const FANOUT: usize = 8;

#[derive(Debug)]
pub(super) struct Due {
    all: Deadline,
    /// The groups first.
    levels: Vec<Vec<Deadline>>,
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
        let mut levels = vec![vec![None; buckets.div_ceil(BUCKETS)]];
        while levels[levels.len() - 1].len() > FANOUT {
            let below = levels[levels.len() - 1].len();
            levels.push(vec![None; below.div_ceil(FANOUT)]);
        }
        Self {
            all: None,
            levels,
            buckets,
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.levels[0].len()
    }

    /// The buckets of a group.
    pub(super) fn members(&self, group: usize) -> std::ops::Range<usize> {
        group * BUCKETS..((group + 1) * BUCKETS).min(self.buckets)
    }

    pub(super) fn note_bucket(&mut self, bucket: usize, deadline: Deadline) {
        self.note(bucket / BUCKETS, deadline);
    }

    pub(super) fn note(&mut self, group: usize, deadline: Deadline) {
        let mut at = group;
        for words in &mut self.levels {
            words[at] = earlier(words[at], deadline);
            at /= FANOUT;
        }
        self.all = earlier(self.all, deadline);
    }

    pub(super) fn forget(&mut self, group: usize) {
        self.levels[0][group] = None;
    }

    pub(super) fn is_due(&self, tick: u64) -> bool {
        has_passed(self.all, tick)
    }

    /// The words that share one above them.
    fn node(&self, level: usize, node: usize) -> &[Deadline] {
        let words = &self.levels[level];
        &words[node * FANOUT..(node * FANOUT + FANOUT).min(words.len())]
    }

    /// The group that is due first; its deadline is forgotten. Puts right what is above, up to where nothing changes.
    pub(super) fn take_first_due(&mut self, tick: u64) -> Option<usize> {
        let (mut at, mut deadline, mut passed) = (0, self.all, Vec::new());
        for level in (0..self.levels.len()).rev() {
            if !has_passed(deadline, tick) {
                break;
            }
            passed.push((level, at));
            let best = earliest(self.node(level, at));
            deadline = best.map(|(_, deadline)| deadline);
            at = at * FANOUT + best.map_or(0, |(child, _)| child);
        }
        let arrived = passed.len() == self.levels.len() && has_passed(deadline, tick);
        if arrived {
            self.forget(at);
        }
        for (level, node) in passed.into_iter().rev() {
            let left = earliest(self.node(level, node)).map(|(_, deadline)| deadline);
            let above = match self.levels.get_mut(level + 1) {
                Some(words) => &mut words[node],
                None => &mut self.all,
            };
            if *above == left {
                break;
            }
            *above = left;
        }
        arrived.then_some(at)
    }
}
