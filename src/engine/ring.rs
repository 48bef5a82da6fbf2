//! The queue of new entries: a ring of lane numbers, in order of arrival.
//!
//! It is advice. A place says "the entry in this lane, if its position is still mine", which the reader checks; places may
//! go stale (the entry left), be overrun, or be filled late by a thread that stopped between taking a position and filling
//! it. An entry that falls out this way is found by the clock's hand and pushed again, so none is immortal (I4).

use super::memory::zeroed;
use super::table::Lane;
use crate::sync::{AtomicU32, CachePadded, Ordering};

/// By how much a late view of the tail may lie behind the head.
const LATE: u32 = 1 << 20;

pub(crate) struct Ring {
    places: Box<[AtomicU32]>,
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

impl Ring {
    /// A ring of at least `places`; `None` if the memory is not to be had.
    pub(crate) fn new(places: usize) -> Option<Self> {
        Some(Self {
            places: zeroed(places.next_power_of_two())?,
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
    #[inline]
    pub(crate) fn push(&self, lane: Lane, note: impl FnOnce(u32)) {
        let position = self.tail.fetch_add(1, Ordering::Relaxed);
        note(position);
        // Release pairs with the Acquire in `pop`: who reads the place sees the entry's position.
        self.place(position).store(lane.0, Ordering::Release);
    }

    /// The oldest position and the lane it names; `None` if the ring is empty.
    #[inline]
    pub(crate) fn pop(&self) -> Option<(u32, Lane)> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let waiting = self.tail.load(Ordering::Relaxed).wrapping_sub(head);
            // A tail seen late may lie a little behind the head; anything more is a tail far ahead.
            if waiting == 0 || waiting > u32::MAX - LATE {
                return None;
            }
            // Overrun: skip what has been overwritten.
            #[expect(clippy::cast_possible_truncation, reason = "at most 2^31 places")]
            let from = head.wrapping_add(waiting.saturating_sub(self.places.len() as u32));
            if cfg!(tux_fault = "ring-pop-stored") {
                self.head.store(from.wrapping_add(1), Ordering::Relaxed);
                return Some((from, Lane(self.place(from).load(Ordering::Acquire))));
            }
            match self.head.compare_exchange_weak(
                head,
                from.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((from, Lane(self.place(from).load(Ordering::Acquire)))),
                Err(seen) => head = seen,
            }
        }
    }

    /// The lane at so many places behind the head, whatever it is worth.
    #[inline(always)]
    pub(crate) fn behind_head(&self, places: u32) -> Lane {
        let position = self.head.load(Ordering::Relaxed).wrapping_add(places);
        // Acquire: the lane's number is followed to its bucket.
        Lane(self.place(position).load(Ordering::Acquire))
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

    #[test]
    fn first_in_first_out_and_the_overrun_are_skipped() {
        let ring = Ring::new(4).unwrap();
        assert_eq!(ring.pop(), None);
        for n in 0..6 {
            ring.push(Lane(n), |position| assert_eq!(position, n));
        }
        assert_eq!(ring.pop(), Some((2, Lane(2))));
        assert!(ring.has_passed(2) && ring.has_passed(0) && !ring.has_passed(3));
        assert_eq!(ring.pop(), Some((3, Lane(3))));
    }

    fn ring_at(head: u32, tail: u32) -> Ring {
        let ring = Ring::new(4).unwrap();
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
                assert_eq!(ring.pop(), None, "{late} behind {head}");
                assert_eq!(ring.head.load(Ordering::Relaxed), head);
            }
        }
    }

    #[test]
    fn a_tail_far_ahead_is_an_overrun() {
        for ahead in [5, 5_000, u32::MAX - LATE] {
            let ring = ring_at(3, 3_u32.wrapping_add(ahead));
            let oldest = 3_u32.wrapping_add(ahead - 4);
            assert_eq!(ring.pop().unwrap().0, oldest, "{ahead} ahead");
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
