//! The queue of new entries: a ring of lane numbers, in order of arrival.
//!
//! It is advice. A place says "the entry in this lane, if its position is still mine", which the reader checks; places may
//! go stale (the entry left), be overrun, or be filled late by a thread that stopped between taking a position and filling
//! it. An entry that falls out this way is found by the clock's hand and pushed again, so none is immortal (I4).

use super::memory::Zeros;
use super::table::Lane;
use crate::sync::{AtomicU32, CachePadded, Ordering};
use std::cell::Cell;

/// By how much a late view of the tail may lie behind the head.
const LATE: u32 = 1 << 20;

/// How far behind the tail a position may lie that was taken ahead.
const FAR: u32 = 64;
/// A block of heads is at most this part of what waits.
const BLOCK_PART: u32 = 16;

pub(crate) struct Ring {
    places: Zeros<AtomicU32>,
    /// How many positions a thread takes at once.
    block: u32,
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

/// The positions of one ring that one thread has taken ahead: some to be filled, some to be looked at.
///
/// Taken by blocks, so that threads do not write head and tail with each operation. What a thread that stops has taken is
/// skipped, or found by the hand.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    tail: Cell<u32>,
    tail_end: Cell<u32>,
    head: Cell<u32>,
    head_end: Cell<u32>,
}

impl Ring {
    /// A ring of at least `places`, whose positions are taken by blocks; `None` if the memory is not to be had.
    pub(crate) fn new(places: usize, block: u32) -> Option<Self> {
        Some(Self {
            places: Zeros::new(places.next_power_of_two())?,
            block,
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
        })
    }

    #[inline]
    fn place(&self, position: u32) -> &AtomicU32 {
        let place = position as usize & (self.places.len() - 1);
        debug_assert!(place < self.places.len());
        // SAFETY: their number is a power of two (`new`), so the mask leaves a number below it.
        unsafe { self.places.get_unchecked(place) }
    }

    /// Takes the next position; `note` stores it in the entry before others can read it from the ring.
    #[inline(always)]
    pub(crate) fn push(&self, taken: &Taken, lane: Lane, note: impl FnOnce(u32)) {
        let mut position = taken.tail.get();
        // One from long ago would pass for an old entry's, or would never be looked at.
        if position == taken.tail_end.get()
            || self.tail.load(Ordering::Relaxed).wrapping_sub(position) > FAR
            || self.has_passed(position)
        {
            position = self.tail.fetch_add(self.block, Ordering::Relaxed);
            taken.tail_end.set(position.wrapping_add(self.block));
        }
        taken.tail.set(position.wrapping_add(1));
        note(position);
        // Release pairs with the Acquire in `pop`: who reads the place sees the entry's position.
        self.place(position).store(lane.0, Ordering::Release);
    }

    /// The oldest position and the lane it names; `None` if the ring is empty.
    #[inline(always)]
    pub(crate) fn pop(&self, taken: &Taken) -> Option<(u32, Lane)> {
        if taken.head.get() == taken.head_end.get() && !self.take_heads(taken) {
            return None;
        }
        let position = taken.head.get();
        taken.head.set(position.wrapping_add(1));
        Some((position, self.lane(position)))
    }

    #[inline]
    fn lane(&self, position: u32) -> Lane {
        // Acquire: see `push`; and the lane's number is followed to its bucket.
        Lane(self.place(position).load(Ordering::Acquire))
    }

    /// Takes the oldest positions; false if there are none.
    fn take_heads(&self, taken: &Taken) -> bool {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let waiting = self.tail.load(Ordering::Relaxed).wrapping_sub(head);
            // A tail seen late may lie a little behind the head; anything more is a tail far ahead.
            if waiting == 0 || waiting > u32::MAX - LATE {
                return false;
            }
            // Overrun: skip what has been overwritten.
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^30 places")]
            let overrun = waiting.saturating_sub(self.places.len() as u32);
            let from = head.wrapping_add(overrun);
            let end = from.wrapping_add(((waiting - overrun) / BLOCK_PART).clamp(1, self.block));
            if cfg!(tux_fault = "ring-pop-stored") {
                self.head.store(end, Ordering::Relaxed);
            } else if let Err(seen) =
                self.head
                    .compare_exchange_weak(head, end, Ordering::Relaxed, Ordering::Relaxed)
            {
                head = seen;
                continue;
            }
            taken.head.set(from);
            taken.head_end.set(end);
            return true;
        }
    }

    /// Tells the lane that will be popped after so many others, if nobody else pops; whatever it is worth.
    #[inline(always)]
    pub(crate) fn ahead(&self, taken: &Taken) -> impl Fn(u32) -> Lane {
        let (head, end) = (taken.head.get(), taken.head_end.get());
        let left = end.wrapping_sub(head);
        // What others have taken before this thread takes more.
        let gap = self.head.load(Ordering::Relaxed).wrapping_sub(end);
        // Not through `self`, of which everything would be read again after each load of a lane.
        let places = &*self.places;
        move |behind| {
            let gap = if behind < left { 0 } else { gap };
            let position = head.wrapping_add(behind).wrapping_add(gap);
            // SAFETY: as in `place`. Relaxed: whatever stands there, it is the number of a lane.
            let place = unsafe { places.get_unchecked(position as usize & (places.len() - 1)) };
            Lane(place.load(Ordering::Relaxed))
        }
    }

    /// Whether a position has been popped already.
    #[inline]
    pub(crate) fn has_passed(&self, position: u32) -> bool {
        let ahead = position.wrapping_sub(self.head.load(Ordering::Relaxed));
        ahead > u32::MAX / 2
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    fn pushed(ring: &Ring, taken: &Taken, lane: u32) -> u32 {
        let mut position = None;
        ring.push(taken, Lane(lane), |p| position = Some(p));
        position.unwrap()
    }

    #[test]
    fn first_in_first_out_and_the_overrun_are_skipped() {
        let (ring, taken) = (Ring::new(4, 1).unwrap(), Taken::default());
        assert_eq!(ring.pop(&taken), None);
        for n in 0..6 {
            assert_eq!(pushed(&ring, &taken, n), n);
        }
        assert_eq!(ring.pop(&taken), Some((2, Lane(2))));
        assert!(ring.has_passed(2) && ring.has_passed(0) && !ring.has_passed(3));
        assert_eq!(ring.pop(&taken), Some((3, Lane(3))));
    }

    /// In a ring with blocks, too, one thread gets back what it put in, in that order, however far the two are apart.
    #[test]
    fn blocks_keep_the_order_of_one_thread() {
        for ahead in [0, 1, 5, 8, 9, 127, 128, 200] {
            let (ring, taken) = (Ring::new(256, 8).unwrap(), Taken::default());
            let mut popped = 0;
            for n in 0..3_000 {
                pushed(&ring, &taken, n);
                if n >= ahead {
                    // Places that were taken but not filled hold older lanes, or none yet: skipped, as the clock does.
                    while let Some((_, Lane(lane))) = ring.pop(&taken) {
                        if lane == popped {
                            popped += 1;
                            break;
                        }
                        assert!(lane < popped || lane == 0, "{lane} came before {popped}");
                    }
                    assert_eq!(popped, n + 1 - ahead, "{ahead} ahead");
                }
            }
        }
    }

    /// Two threads that take turns each have their own blocks; nothing comes twice, and nothing is left behind.
    #[test]
    fn two_threads_get_everything_once() {
        let ring = Ring::new(1_024, 8).unwrap();
        let threads = [Taken::default(), Taken::default()];
        for n in 0..400 {
            pushed(&ring, &threads[n as usize % 2], n + 1);
        }
        let mut seen: Vec<u32> = Vec::new();
        loop {
            let popped = threads.each_ref().map(|taken| ring.pop(taken));
            if popped == [None, None] {
                break;
            }
            seen.extend(popped.iter().flatten().map(|(_, lane)| lane.0));
        }
        seen.retain(|&lane| lane != 0);
        seen.sort_unstable();
        assert!(seen.into_iter().eq(1..=400));
    }

    /// Of a short queue nobody takes much: others would find it empty.
    #[test]
    fn a_block_is_a_small_part_of_what_waits() {
        for (waiting, block) in [(1, 1), (31, 1), (32, 2), (127, 7), (200, 8)] {
            let (ring, taken) = (Ring::new(256, 8).unwrap(), Taken::default());
            ring.tail.store(waiting, Ordering::Relaxed);
            assert!(ring.pop(&taken).is_some());
            let left = taken.head_end.get() - taken.head.get();
            assert_eq!(left + 1, block, "{waiting} wait");
        }
    }

    /// A block from long ago is given up: what is put there would look old, or never be found.
    #[test]
    fn old_positions_are_not_filled() {
        let ring = Ring::new(1_024, 8).unwrap();
        let [slow, fast, reader] = [(); 3].map(|()| Taken::default());
        assert_eq!(pushed(&ring, &slow, 1), 0);
        for n in 0..56 {
            pushed(&ring, &fast, n);
        }
        assert_eq!(pushed(&ring, &slow, 1), 1, "not far");
        pushed(&ring, &fast, 1);
        assert_eq!(pushed(&ring, &slow, 1), 72, "far");
        for _ in 0..40 {
            pushed(&ring, &fast, 1);
        }
        while ring.pop(&reader).is_some() {}
        assert_eq!(pushed(&ring, &slow, 1), 120, "passed");
    }

    fn ring_at(head: u32, tail: u32) -> Ring {
        let ring = Ring::new(4, 1).unwrap();
        ring.head.store(head, Ordering::Relaxed);
        ring.tail.store(tail, Ordering::Relaxed);
        ring
    }

    /// I4: a stale view of the tail is an empty ring; taken for a full one, it would put the head before the tail for good.
    #[test]
    fn a_tail_seen_late_is_no_overrun() {
        for late in [1, 2, 1_000, LATE] {
            for head in [0, 7, u32::MAX] {
                let ring = ring_at(head, head.wrapping_sub(late));
                assert_eq!(ring.pop(&Taken::default()), None, "{late} behind {head}");
                assert_eq!(ring.head.load(Ordering::Relaxed), head);
            }
        }
    }

    #[test]
    fn a_tail_far_ahead_is_an_overrun() {
        for ahead in [5, 5_000, u32::MAX - LATE] {
            let ring = ring_at(3, 3_u32.wrapping_add(ahead));
            let oldest = 3_u32.wrapping_add(ahead - 4);
            assert_eq!(
                ring.pop(&Taken::default()).unwrap().0,
                oldest,
                "{ahead} ahead"
            );
        }
    }

    #[test]
    fn positions_have_passed_for_half_of_their_range() {
        let ring = ring_at(10, 10);
        assert!(!ring.has_passed(10) && ring.has_passed(9));
        assert!(!ring.has_passed(10 + u32::MAX / 2));
        assert!(ring.has_passed(10 + u32::MAX / 2 + 1));
    }
}
