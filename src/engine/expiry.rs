//! Where expired entries are: the earliest deadline of each group of eight buckets (56 lanes), and of each 64 groups.
//!
//! Writers at capacity ask [`Expiry::is_due`] (one load). Only when some deadline may have passed does a writer search:
//! O(lanes / 3584) words for the due 64 groups, 64 words for the group, 56 lanes. So expired entries make room before
//! live ones (I6) without a scan of the table. The index may know too early a deadline (the entry has gone since),
//! which costs one look at a group; it never knows too late a one: the writer records the deadline after it published
//! the entry, and a sweep resets the group before it looks at the lanes (a Dekker pair).
//!
//! Words hold the deadline inverted (`NEVER - deadline`), so that zero means "none" and earliest is greatest.

use super::table::{Lane, zeroed};
use crate::sync::{AtomicU64, CachePadded, Ordering, dekker_fence};
use crate::time::Deadline;

const BUCKETS: usize = 8;
const GROUPS: usize = 64;

pub(crate) struct Expiry {
    earliest: CachePadded<AtomicU64>,
    upper: Box<[AtomicU64]>,
    groups: Box<[AtomicU64]>,
}

#[inline]
fn invert(deadline: Deadline) -> u64 {
    Deadline::NEVER.bits() - deadline.bits()
}

#[inline]
fn is_due(inverted: u64, now: u64) -> bool {
    inverted != 0 && Deadline::from_bits(Deadline::NEVER.bits() - inverted).has_passed(now)
}

impl Expiry {
    pub(crate) fn new(buckets: usize) -> Option<Self> {
        let groups = buckets.div_ceil(BUCKETS);
        Some(Self {
            earliest: CachePadded::new(AtomicU64::new(0)),
            upper: zeroed(groups.div_ceil(GROUPS))?,
            groups: zeroed(groups)?,
        })
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The buckets of one group.
    pub(crate) fn buckets(group: usize, all: usize) -> std::ops::Range<usize> {
        group * BUCKETS..((group + 1) * BUCKETS).min(all)
    }

    /// Notes the deadline of an entry that has just been published in `lane`.
    #[inline(always)]
    pub(crate) fn record(&self, lane: Lane, deadline: Deadline) {
        if deadline != Deadline::NEVER {
            self.note(lane.bucket() / BUCKETS, invert(deadline));
        }
    }

    #[inline]
    fn note(&self, group: usize, inverted: u64) {
        dekker_fence();
        // Lowest level first: whoever sees a due word above finds the cause below.
        for word in [
            &self.groups[group],
            &self.upper[group / GROUPS],
            &self.earliest,
        ] {
            if word.load(Ordering::SeqCst) < inverted {
                word.fetch_max(inverted, Ordering::SeqCst);
            }
        }
    }

    /// Whether some entry may have expired.
    #[inline(always)]
    pub(crate) fn is_due(&self, now: u64) -> bool {
        is_due(self.earliest.load(Ordering::Relaxed), now)
    }

    /// A group in which some entry may have expired.
    pub(crate) fn find_due(&self, now: u64) -> Option<usize> {
        // Each level is reset before the level below is read, so that a deadline recorded meanwhile is not lost.
        self.earliest.swap(0, Ordering::SeqCst);
        dekker_fence();
        let mut earliest = 0;
        let mut found = None;
        for (u, upper) in self.upper.iter().enumerate() {
            let mut word = upper.load(Ordering::SeqCst);
            if found.is_none() && is_due(word, now) {
                upper.swap(0, Ordering::SeqCst);
                dekker_fence();
                let groups = &self.groups[u * GROUPS..((u + 1) * GROUPS).min(self.groups.len())];
                word = 0;
                for (g, group) in groups.iter().enumerate() {
                    let inverted = group.load(Ordering::SeqCst);
                    if found.is_none() && is_due(inverted, now) {
                        found = Some(u * GROUPS + g);
                    }
                    word = word.max(inverted);
                }
                upper.fetch_max(word, Ordering::SeqCst);
            }
            earliest = earliest.max(word);
        }
        self.earliest.fetch_max(earliest, Ordering::SeqCst);
        found
    }

    /// Forgets a group's deadlines; the caller then looks at its lanes and [`note`](Self::keep)s what stays.
    pub(crate) fn reset(&self, group: usize) {
        self.groups[group].swap(0, Ordering::SeqCst);
        dekker_fence();
    }

    /// Notes the earliest deadline that stays in a group after a sweep.
    pub(crate) fn keep(&self, group: usize, deadline: Deadline) {
        if deadline != Deadline::NEVER {
            self.note(group, invert(deadline));
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_due_group_is_found_and_others_are_not() {
        let index = Expiry::new(10_000).unwrap();
        let lane = |group: usize| Lane::new(group * BUCKETS, 3);
        for group in 0..index.groups() {
            index.record(lane(group), Deadline::from_bits(1_000));
        }
        index.record(lane(777), Deadline::from_bits(50));
        index.record(lane(5), Deadline::NEVER);
        assert!(!index.is_due(49));
        assert!(index.is_due(50));
        assert_eq!(index.find_due(50), Some(777));
        index.reset(777);
        index.keep(777, Deadline::from_bits(1_000));
        assert_eq!(index.find_due(50), None);
        assert!(!index.is_due(999));
        assert!(index.is_due(1_000));
    }
}
