//! Where expired entries are: the earliest deadline of each group of eight buckets (56 lanes), and of each 64 groups.
//!
//! Writers at capacity ask [`Expiry::is_due`] (one load). Only when some deadline may have passed does a writer search:
//! O(lanes / 3584) words for the due 64 groups, 64 words for the group, 56 lanes. So expired entries make room before
//! live ones (I6) without a scan of the table. The index may know too early a deadline (the entry has gone since),
//! which costs one look at a group; it never knows too late a one: the writer records the deadline after it published
//! the entry, and a sweep resets the group before it looks at the lanes (a Dekker pair).
//!
//! Words hold the deadline inverted (`NEVER - deadline`), so that zero means "none" and earliest is greatest.

use super::memory::zeroed;
use super::table::Lane;
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

/// The greatest word, which stands for the earliest deadline, and where it is (the last one of equals, `None` if there is
/// none); and the second greatest.
fn earliest(words: &[AtomicU64]) -> (Option<(usize, u64)>, u64) {
    let (mut best, mut at, mut second) = (0, 0, 0);
    for (i, word) in words.iter().enumerate() {
        let word = word.load(Ordering::SeqCst);
        if word >= best {
            (best, at, second) = (word, i, best);
        } else {
            second = second.max(word);
        }
    }
    ((best != 0).then_some((at, best)), second)
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

    /// Takes the group with the earliest deadline, if that may have passed, and forgets its deadlines: the caller then looks
    /// at its lanes and [`keep`](Self::keep)s what stays.
    ///
    /// The earliest, not the first one: were always the low groups swept, room would come back everywhere but lanes only
    /// there, and the buckets of the others would fill up.
    pub(crate) fn take_due(&self, now: u64) -> Option<usize> {
        // Each level is reset before the level below is read: a deadline recorded meanwhile, which is not seen there, is
        // then noted on this level by whoever records it.
        self.earliest.swap(0, Ordering::SeqCst);
        dekker_fence();
        let (upper, second) = earliest(&self.upper);
        let (u, word) = upper?;
        if !is_due(word, now) {
            self.earliest.fetch_max(word, Ordering::SeqCst);
            return None;
        }
        self.upper[u].swap(0, Ordering::SeqCst);
        dekker_fence();
        let all = &self.groups[u * GROUPS..((u + 1) * GROUPS).min(self.groups.len())];
        let (group, next) = earliest(all);
        let due = group.filter(|&(_, word)| is_due(word, now));
        let left = match (due, group) {
            (Some((g, _)), _) => {
                self.reset(u * GROUPS + g);
                next
            }
            (None, group) => group.map_or(0, |(_, word)| word),
        };
        if left != 0 {
            self.upper[u].fetch_max(left, Ordering::SeqCst);
        }
        let left = left.max(second);
        if left != 0 {
            self.earliest.fetch_max(left, Ordering::SeqCst);
        }
        due.map(|(g, _)| u * GROUPS + g)
    }

    /// Forgets a group's deadlines; the caller then looks at its lanes and [`keep`](Self::keep)s what stays.
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
        assert_eq!(index.take_due(50), Some(777));
        assert!(!index.is_due(50), "what was taken is not due any more");
        index.keep(777, Deadline::from_bits(1_000));
        assert_eq!(index.take_due(50), None);
        assert!(!index.is_due(999));
        assert!(index.is_due(1_000));
        let mut all: Vec<_> = std::iter::from_fn(|| index.take_due(1_000)).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..index.groups()), "each group once");
    }
}
