//! Where expired entries are: the earliest deadline of each group of two buckets (14 slots), in a tree.
//!
//! Writers ask [`Expiry::is_due`] (one load of the root). Only when some deadline may have passed does a writer search:
//! eight words on each level down to the group that is due first, then that group's slots. So expired entries make room
//! before live ones (I6) without a scan of the table. Groups are small: where short times to live are scattered among long
//! ones, a search frees one entry, and what it costs are the lines of the others that it looks at.
//!
//! Words hold the deadline inverted (`NEVER - deadline`), so that zero means "none" and earliest is greatest: a word is at
//! least as great as each of those below it. All accesses are `SeqCst` (those of slots too), so one may think of them as
//! interleaved.
//!
//! - **X1** *A group's word is not less than that of a live entry in its slots.* The writer notes the deadline after the
//!   entry lives; a sweep takes the word to zero before it looks at the slots, and notes what stays. If the sweep does not
//!   see the entry, the writer's note comes after the zero.
//! - **X2** *A word is not less than one below it.* Whoever raises a word goes on to the one above; a word that is great
//!   enough is left to whoever raised it. A word is lowered only to the greatest below it, and then those are looked at
//!   again: of a note that raises one of them and a lowering, either the note comes to the upper word later, and raises it,
//!   or the second look sees the note, and notes it from there up.
//! - **X3** *Both hold but for what a thread under way owes.* One that is stopped there hides a group (between zero and
//!   note, or before it went up), or what was noted between its two looks; all else is found by others, and what is not
//!   found is evicted in its turn.
//! - **X4** *A word may be too great*: the entry has gone, or somebody swept the group without a search. A search that comes
//!   to it ends there and puts right what it passed. No step is repeated: a search is one way down and one way up.

use crate::engine::arch::prefetch::prefetch;
use crate::engine::table::{SLOTS, Slot};
use crate::sync::{AtomicU64, CachePadded, Ordering, dekker_fence};
use crate::sync::{Zeroed, Zeros};
use crate::time::Deadline;

const BUCKETS: usize = 2;
/// Words that share one above them.
const FANOUT: usize = if cfg!(tux_loom) { 2 } else { 8 };
/// What the largest table needs.
const MAX_LEVELS: usize = if cfg!(tux_loom) { 30 } else { 10 };

/// Words below one word: one cache line.
#[repr(C, align(64))]
struct TreeNode([AtomicU64; FANOUT]);

// SAFETY: zero words are valid: no deadline.
unsafe impl Zeroed for TreeNode {
    #[cfg(tux_loom)]
    fn zero() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl TreeNode {
    /// The greatest word, which stands for the earliest deadline, and where it is (the last one of equals).
    #[inline]
    fn earliest(&self) -> (usize, u64) {
        // Deadlines have 48 bits: the place fits below, and no branch depends on the words.
        let bits = FANOUT.ilog2();
        let placed = self.0.iter().enumerate();
        let placed = placed.map(|(at, word)| word.load(Ordering::SeqCst) << bits | at as u64);
        let best = placed.fold(0, u64::max);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the remainder is below the fan-out"
        )]
        let at = (best % FANOUT as u64) as usize;
        (at, best >> bits)
    }

    #[inline]
    fn greatest(&self) -> u64 {
        let words = self.0.iter().map(|word| word.load(Ordering::SeqCst));
        words.fold(0, u64::max)
    }
}

pub(crate) struct Expiry {
    root: CachePadded<AtomicU64>,
    /// The groups' words, then on each level a word for each node of the level before; the last level is one node.
    levels: Vec<Zeros<TreeNode>>,
    groups: usize,
}

#[inline]
fn invert(deadline: Deadline) -> u64 {
    Deadline::NEVER.ticks() - deadline.ticks()
}

#[inline]
fn is_due(inverted: u64, now: u64) -> bool {
    // `now` is before `NEVER`, so that zero is not due.
    inverted >= Deadline::NEVER.ticks() - now
}

impl Expiry {
    /// Slots of a group, at most.
    pub(crate) const SLOTS: usize = BUCKETS * SLOTS;

    /// `None` if the memory is not to be had.
    pub(crate) fn new(buckets: usize) -> Option<Self> {
        let groups = buckets.div_ceil(BUCKETS);
        let (mut levels, mut nodes) = (Vec::new(), groups);
        while nodes > 1 || levels.is_empty() {
            nodes = nodes.div_ceil(FANOUT);
            levels.push(Zeros::new(nodes)?);
        }
        debug_assert!(levels.len() <= MAX_LEVELS);
        Some(Self {
            root: CachePadded::new(AtomicU64::new(0)),
            levels,
            groups,
        })
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// The buckets of one group.
    pub(crate) fn buckets(group: usize, all: usize) -> std::ops::Range<usize> {
        group * BUCKETS..((group + 1) * BUCKETS).min(all)
    }

    /// Word `at` of a level, or the root above the last one.
    #[inline]
    fn word(&self, level: usize, at: usize) -> &AtomicU64 {
        match self.levels.get(level) {
            Some(nodes) => &nodes[at / FANOUT].0[at % FANOUT],
            None => &self.root,
        }
    }

    /// Whether some entry may have expired.
    #[inline(always)]
    pub(crate) fn is_due(&self, now: u64) -> bool {
        // Relaxed: what is missed now is found by the next writer.
        is_due(self.root.load(Ordering::Relaxed), now)
    }

    /// Notes the deadline of an entry that has just come to life in `slot` (X1).
    #[inline(always)]
    pub(crate) fn record(&self, slot: Slot, deadline: Deadline) {
        self.keep(slot.bucket() / BUCKETS, deadline);
    }

    /// Notes the earliest deadline that stays in a group after a sweep (X1).
    #[inline(always)]
    pub(crate) fn keep(&self, group: usize, deadline: Deadline) {
        if deadline != Deadline::NEVER {
            // After the entry lives, and after the sweep's zero.
            dekker_fence();
            let inverted = invert(deadline);
            debug_assert!(group < self.groups);
            // SAFETY: slots and groups are those of this cache's table, for which there are as many words (`new`).
            let word = unsafe { self.group(group) };
            // Mostly something in the group expires earlier.
            if word.load(Ordering::SeqCst) < inverted {
                self.note(0, group, inverted);
            }
        }
    }

    /// The word of a group.
    ///
    /// # Safety
    ///
    /// There is such a group.
    #[inline(always)]
    unsafe fn group(&self, group: usize) -> &AtomicU64 {
        // SAFETY: there is a first level, and it has a word for each group (`new`).
        unsafe {
            let nodes = self.levels.get_unchecked(0);
            if const { size_of::<TreeNode>() == FANOUT * size_of::<AtomicU64>() } {
                // One word after the other: no node to find first.
                &*nodes.as_ptr().cast::<AtomicU64>().add(group)
            } else {
                let node = nodes.get_unchecked(group / FANOUT);
                node.0.get_unchecked(group % FANOUT)
            }
        }
    }

    /// Asks the processor for the word of the group that a bucket belongs to.
    #[inline(always)]
    pub(crate) fn prefetch(&self, bucket: usize) {
        debug_assert!(bucket / BUCKETS < self.groups);
        // SAFETY: a bucket of this cache's table.
        prefetch(unsafe { self.group(bucket / BUCKETS) });
    }

    /// Raises word `at` of `level` and those above it, up to the first that is great enough (X2).
    fn note(&self, level: usize, mut at: usize, inverted: u64) {
        for level in level..=self.levels.len() {
            let word = self.word(level, at);
            if word.load(Ordering::SeqCst) >= inverted
                || word.fetch_max(inverted, Ordering::SeqCst) >= inverted
            {
                return;
            }
            // Between this level and the next.
            dekker_fence();
            at /= FANOUT;
        }
    }

    /// Takes the group with the earliest deadline, if that may have passed, and forgets its deadlines: the caller then looks
    /// at its slots and [`keep`](Self::keep)s what stays. `None`: nothing is due where the search came to; if the index
    /// [is due](Self::is_due) still, elsewhere.
    ///
    /// The earliest, not the first one: were always the low groups swept, room would come back everywhere but slots only
    /// there, and the buckets of the others would fill up.
    pub(crate) fn take_due(&self, now: u64) -> Option<usize> {
        // The words on the way: of each level the one above the node that was looked at.
        let mut way = [0; MAX_LEVELS];
        let (mut at, mut word) = (0, self.root.load(Ordering::SeqCst));
        let mut level = self.levels.len();
        while level > 0 && is_due(word, now) {
            level -= 1;
            way[level] = word;
            let (child, best) = self.levels[level][at].earliest();
            (at, word) = (at * FANOUT + child, best);
        }
        let taken = level == 0 && is_due(word, now) && self.take(at);
        let mut node = at;
        for (level, &word) in way[..self.levels.len()].iter().enumerate().skip(level) {
            node /= FANOUT;
            if !self.lower(level, node, word) {
                break;
            }
        }
        taken.then_some(at)
    }

    /// Lowers the word above a node, which was `from`, to the greatest in it (X2). False if there is no need, or others see
    /// to it: then what is above holds too.
    fn lower(&self, level: usize, node: usize, from: u64) -> bool {
        let words = &self.levels[level][node];
        let greatest = words.greatest();
        let above = self.word(level + 1, node);
        if greatest >= from
            || above
                .compare_exchange(from, greatest, Ordering::SeqCst, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        // Between the lowering and the second look.
        dekker_fence();
        let again = words.greatest();
        if again > greatest && !cfg!(tux_fault = "expiry-lowered-blind") {
            if cfg!(tux_fault = "expiry-raised-halfway") {
                above.fetch_max(again, Ordering::SeqCst);
                return true;
            }
            // Not to this word only: somebody may have seen it low and lowered the one above.
            self.note(level + 1, node, again);
        }
        true
    }

    /// Forgets a group's deadlines; the caller then looks at its slots and [`keep`](Self::keep)s what stays. False if there
    /// were none: they were never noted, or somebody else has taken them.
    pub(crate) fn take(&self, group: usize) -> bool {
        let word = self.word(0, group).swap(0, Ordering::SeqCst);
        // Before the slots are read.
        dekker_fence();
        word != 0
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    fn slot(group: usize) -> Slot {
        Slot::new(group * BUCKETS, 3)
    }

    /// All groups that are taken at `now`; what is found in vain is put right on the way.
    fn due(index: &Expiry, now: u64) -> Vec<usize> {
        let search = || index.is_due(now).then(|| index.take_due(now));
        std::iter::from_fn(search).flatten().collect()
    }

    /// Whether each word is the greatest of those below it.
    fn is_exact(index: &Expiry) -> bool {
        index.levels.iter().enumerate().all(|(level, nodes)| {
            nodes.iter().enumerate().all(|(node, words)| {
                words.greatest() == index.word(level + 1, node).load(Ordering::SeqCst)
            })
        })
    }

    #[test]
    fn the_due_group_is_found_and_others_are_not() {
        let index = Expiry::new(20_000).unwrap();
        for group in 0..index.groups() {
            index.record(slot(group), Deadline::at(1_000));
        }
        index.record(slot(777), Deadline::at(50));
        index.record(slot(5), Deadline::NEVER);
        assert!(!index.is_due(49));
        assert!(index.is_due(50));
        assert_eq!(index.take_due(50), Some(777));
        assert!(!index.is_due(50), "what was taken is not due any more");
        assert!(is_exact(&index));
        index.keep(777, Deadline::at(1_000));
        assert_eq!(index.take_due(50), None);
        assert!(!index.is_due(999));
        assert!(index.is_due(1_000));
        let mut all = due(&index, 1_000);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..index.groups()), "each group once");
        assert!(is_exact(&index));
    }

    /// A search that finds nothing puts right what it passed, and the next one finds what is due elsewhere.
    #[test]
    fn a_node_that_is_too_great_is_put_right() {
        let index = Expiry::new(20_000).unwrap();
        for (group, tick) in [(3, 10), (8_000, 20), (9_000, 2_000)] {
            index.record(slot(group), Deadline::at(tick));
        }
        assert!(index.take(3), "as a sweep of all groups does");
        assert!(!is_exact(&index));
        assert_eq!(index.take_due(30), None);
        assert!(index.is_due(30));
        assert_eq!(index.take_due(30), Some(8_000));
        assert!(!index.is_due(1_999) && index.is_due(2_000));
        assert!(is_exact(&index));
    }

    /// The earliest deadline of all comes first, whatever the number of levels; and a note in passing is not lost.
    #[test]
    fn groups_come_in_the_order_of_their_deadlines() {
        for buckets in [1, 2, 31, 32, 33, 600, 9_000, 140_000] {
            let index = Expiry::new(buckets).unwrap();
            let tick = |group: usize| (group as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
            for group in 0..index.groups() {
                index.record(slot(group), Deadline::at(tick(group)));
            }
            assert!(is_exact(&index));
            let found = due(&index, 1 << 20);
            assert_eq!(found.len(), index.groups(), "{buckets} buckets");
            assert!(found.is_sorted_by_key(|&group| tick(group)));
            assert!(is_exact(&index) && !index.is_due((u64::MAX >> 16) - 1));
        }
    }
}
