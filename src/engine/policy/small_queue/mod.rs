//! The queue of new entries, S: a ring of lane numbers, in order of arrival.
//!
//! A place says "the entry in this lane, if its position is still mine", which the reader checks. Whose entry waits where is the
//! clock's affair (invariant Q1 in `policy/queue.rs`); the ring's own are:
//!
//! - **Q2** *No place is written again before the head has passed it and what it said was kept*: the tail is less than a ring's length ahead
//!   of the head, by as much as threads are likely to be about to read. Who finds the ring full looks at the oldest first. (A thread
//!   that stops between the head's step and its reading, or between taking a position and filling it, for so long that the others go
//!   round the whole ring, is as one that stopped with entries in its hands: up to a block of them, or the one that waits by then
//!   at its place, is left to the clock's hand.)
//! - **Q3** *Who has filled a place and then finds, behind a fence, that the head has not passed it, will be found*: who moves the head
//!   reads the places behind a fence as well, so one of both sees the other.
//! - **Q4** *What all threads together have taken ahead, but for the first one's block, is a small part of S when it is smallest*: places that
//!   are taken and not filled are found empty; entries at places that are taken and not looked at wait for that thread, or for
//!   the clock's hand.
//!
//! A position is a lap and the index of a place: the length of the ring need not be a power of two.

use crate::engine::arch::zeros::Zeros;
use crate::engine::table::Lane;
use crate::sync::{AtomicU32, CachePadded, Ordering, advice, fence_behind_exchange};
use std::cell::Cell;

/// A block of heads is at most this part of what waits.
const BLOCK_PART: u32 = 16;
/// The most places: there are at least four laps of them.
const MAX_PLACES: usize = 1 << 30;
/// Places beyond the capacity, for positions that are given up: one for so many entries, and some.
const ENTRIES_PER_SPARE: usize = 16;
const SPARES: usize = 64;
/// Places that stay free, for what others are about to read.
const MARGIN: u32 = 16;
/// Blocks of one thread: one place for so much capacity; of each of several, for so much and so many threads.
const CAPACITY_PER_PLACE: usize = 512;
const CAPACITY_PER_SHARED_PLACE: usize = 1_024;
const MAX_BLOCK: u32 = 8;
/// How many lanes behind its own block a thread keeps in sight, to ask the processor for what is there.
const FORESEEN: usize = 6;
/// How far behind the tail a position may be filled that was taken ahead: one place for so much capacity.
const CAPACITY_PER_LATE: usize = 256;

pub(crate) struct Ring {
    places: Zeros<AtomicU32>,
    /// The low bits of a position, which are the index of its place.
    index: u32,
    /// How many places may wait.
    most: u32,
    /// How many positions a thread takes at once that is alone, and all threads together otherwise.
    alone: u32,
    together: u32,
    /// How far behind the tail a position may lie that was taken ahead.
    far: u32,
    /// How many threads have taken any.
    threads: advice::AtomicU32,
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

/// The positions of one ring that one thread has taken ahead: some to be filled, some to be looked at.
///
/// Taken by blocks, so that threads do not write head and tail with each operation. A block never goes beyond the end of a lap.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    tail: Cell<u32>,
    tail_end: Cell<u32>,
    head: Cell<u32>,
    head_end: Cell<u32>,
    /// What the ring named there when they were taken: the places may be written again by now. The last one of the block is the last
    /// of the first [`MAX_BLOCK`]; behind it stand those that are likely to come next.
    lanes: [Cell<u32>; MAX_BLOCK as usize + FORESEEN],
    is_counted: Cell<bool>,
}

impl Taken {
    /// How many positions are left to be looked at: at most [`MAX_BLOCK`].
    #[inline(always)]
    fn left(&self) -> usize {
        self.head_end.get().wrapping_sub(self.head.get()) as usize
    }

    /// The lane that will be popped after so many others, fewer than [`FORESEEN`], if nobody else pops; whatever it is worth.
    #[inline(always)]
    pub(crate) fn ahead(&self, others: usize) -> Lane {
        debug_assert!(others < FORESEEN && self.left() <= MAX_BLOCK as usize);
        // SAFETY: by the above it is one of the lanes: a block has at most `MAX_BLOCK` (`Ring::new`).
        let lane = unsafe {
            self.lanes
                .get_unchecked(MAX_BLOCK as usize - self.left() + others)
        };
        Lane(lane.get())
    }

    /// Whether the position was taken to be looked at with this lane, and has not been yet.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn will_look_at(&self, position: u32, lane: Lane) -> bool {
        let others = position.wrapping_sub(self.head.get()) as usize;
        others < self.left()
            && self.lanes[MAX_BLOCK as usize - self.left() + others].get() == lane.0
    }
}

impl Ring {
    /// A ring for the entries of a cache; `None` if the memory is not to be had.
    pub(crate) fn for_capacity(capacity: usize) -> Option<Self> {
        let most =
            |per: usize, most: u32| u32::try_from(capacity / per).map_or(most, |n| n.min(most));
        let places = capacity + capacity / ENTRIES_PER_SPARE + SPARES;
        Self::new(
            places.min(MAX_PLACES),
            MARGIN,
            most(CAPACITY_PER_PLACE, MAX_BLOCK).max(1),
            most(CAPACITY_PER_SHARED_PLACE, u32::MAX),
            most(CAPACITY_PER_LATE, u32::MAX).max(MAX_BLOCK),
        )
    }

    /// A ring of so many places, of which `margin` stay free, and a thread takes `alone` at once, several threads `together`.
    pub(crate) fn new(
        places: usize,
        margin: u32,
        alone: u32,
        together: u32,
        far: u32,
    ) -> Option<Self> {
        debug_assert!((1..=MAX_PLACES).contains(&places) && alone <= MAX_BLOCK);
        Some(Self {
            index: u32::try_from(places.next_power_of_two()).ok()? - 1,
            most: u32::try_from(places).ok()? - margin,
            places: Zeros::new(places)?,
            alone,
            together,
            far,
            threads: advice::AtomicU32::new(0),
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
        })
    }

    #[inline]
    fn len(&self) -> u32 {
        // At most 2^30 (`new`).
        self.places.len() as u32
    }

    #[inline]
    fn place(&self, position: u32) -> &AtomicU32 {
        let place = (position & self.index) as usize;
        debug_assert!(place < self.places.len());
        // SAFETY: positions are made by `after`, or lie within a block, which ends with its lap: their indices are below the number of
        // places.
        unsafe { self.places.get_unchecked(place) }
    }

    /// The position so many behind, at most at the end of the lap.
    fn after(&self, position: u32, more: u32) -> u32 {
        let next = position.wrapping_add(more);
        if next & self.index == self.len() {
            (position | self.index).wrapping_add(1)
        } else {
            next
        }
    }

    /// How many positions lie between two, of which the later one is at most a lap ahead; `None` if it is seen behind the first one.
    fn between(&self, from: u32, to: u32) -> Option<u32> {
        let ahead = to.wrapping_sub(from);
        // Indices that are no places.
        let gap = self.index + 1 - self.len();
        let is_lap_later = (to ^ from) & !self.index != 0;
        (ahead <= u32::MAX / 2).then(|| ahead - if is_lap_later { gap } else { 0 })
    }

    /// How many positions the thread may take at once (Q4).
    fn block(&self, taken: &Taken) -> u32 {
        if !taken.is_counted.replace(true) {
            self.threads.fetch_add(1, Ordering::Relaxed);
        }
        match self.threads.load(Ordering::Relaxed) {
            0 | 1 => self.alone,
            threads => (self.together / threads).clamp(1, self.alone),
        }
    }

    /// How many more fit into the lap.
    fn left_of_lap(&self, position: u32) -> u32 {
        self.len() - (position & self.index)
    }

    /// A position to be [filled](Self::fill): mostly the next one; `None` if the ring is full (Q2).
    pub(crate) fn reserve(&self, taken: &Taken) -> Option<u32> {
        self.reserved(taken).or_else(|| self.take_tails(taken))
    }

    /// The same of those that the thread has taken ahead: `None` if it must [take more](Self::take_tails).
    #[inline(always)]
    pub(crate) fn reserved(&self, taken: &Taken) -> Option<u32> {
        let position = taken.tail.get();
        // One from long ago would be far ahead of its turn.
        if position != taken.tail_end.get()
            && self.tail.load(Ordering::Relaxed).wrapping_sub(position) <= self.far
        {
            taken.tail.set(position.wrapping_add(1));
            return Some(position);
        }
        None
    }

    /// Takes positions ahead, and the first of them.
    #[inline(never)]
    pub(crate) fn take_tails(&self, taken: &Taken) -> Option<u32> {
        let mut tail = self.tail.load(Ordering::Relaxed);
        let left = taken.tail.get();
        // At the end of a lap the next position looks further than it is.
        let far = self.between(left, tail);
        if left != taken.tail_end.get() && far.is_some_and(|far| far <= self.far) {
            taken.tail.set(left.wrapping_add(1));
            return Some(left);
        }
        let block = self.block(taken);
        loop {
            // A head seen late makes the ring look fuller than it is. A tail that is behind the head was seen late: the exchange fails.
            let head = self.head.load(Ordering::Relaxed);
            let waiting = self.between(head, tail).unwrap_or(0);
            let more = block
                .min(self.most.saturating_sub(waiting))
                .min(self.left_of_lap(tail));
            let more = if cfg!(tux_fault = "ring-overrun") {
                block.min(self.left_of_lap(tail))
            } else {
                more
            };
            if more == 0 {
                return None;
            }
            match self.tail.compare_exchange_weak(
                tail,
                self.after(tail, more),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    taken.tail.set(tail.wrapping_add(1));
                    taken.tail_end.set(tail.wrapping_add(more));
                    return Some(tail);
                }
                Err(seen) => tail = seen,
            }
        }
    }

    /// Has a reserved position name a lane. The entry has noted its position before, and whoever calls this asks behind a fence
    /// whether the position [has passed](Self::has_passed) meanwhile (Q3).
    #[inline(always)]
    pub(crate) fn fill(&self, position: u32, lane: Lane) {
        // Release pairs with the Acquire in `lane`: who reads the place sees the entry's position.
        self.place(position).store(lane.0, Ordering::Release);
    }

    /// The oldest position and the lane it names; `None` if the ring is empty.
    #[inline(always)]
    pub(crate) fn pop(&self, taken: &Taken) -> Option<(u32, Lane)> {
        if taken.left() == 0 && !self.take_heads(taken) {
            return None;
        }
        let (position, lane) = (taken.head.get(), taken.ahead(0));
        taken.head.set(position.wrapping_add(1));
        Some((position, lane))
    }

    #[cfg(any(test, tux_loom))]
    pub(super) fn lane(&self, position: u32) -> Lane {
        // Acquire: see `fill`; and the lane's number is followed to its bucket.
        Lane(self.place(position).load(Ordering::Acquire))
    }

    /// Takes the oldest positions; false if there are none.
    fn take_heads(&self, taken: &Taken) -> bool {
        let block = self.block(taken);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // A tail seen late may lie a little behind the head.
            let waiting = self.between(head, self.tail.load(Ordering::Relaxed));
            let Some(waiting @ 1..) = waiting else {
                return false;
            };
            let more = (waiting / BLOCK_PART)
                .clamp(1, block)
                .min(self.left_of_lap(head));
            let end = self.after(head, more);
            if cfg!(tux_fault = "ring-pop-stored") {
                self.head.store(end, Ordering::Relaxed);
            // SeqCst, and a fence behind it: Q3.
            } else if let Err(seen) =
                self.head
                    .compare_exchange_weak(head, end, Ordering::SeqCst, Ordering::Relaxed)
            {
                head = seen;
                continue;
            }
            fence_behind_exchange();
            let (first, all) = ((head & self.index) as usize, more as usize);
            let places = &self.places[first..first + all];
            let kept = &taken.lanes[MAX_BLOCK as usize - all..];
            for (kept, place) in kept.iter().zip(places) {
                // Acquire: as in `lane`.
                kept.set(place.load(Ordering::Acquire));
            }
            self.foresee(taken, head, end);
            taken.head.set(head);
            taken.head_end.set(head.wrapping_add(more));
            return true;
        }
    }

    /// Notes what stands where the thread is likely to take its next block: as far behind this one, from `head` to `end`, as this one is
    /// behind the last one. Not in small caches, which are in the processor's as a whole.
    #[inline(always)]
    fn foresee(&self, taken: &Taken, head: u32, end: u32) {
        if self.alone == MAX_BLOCK {
            let others = head.wrapping_sub(taken.head_end.get());
            let first = (end.wrapping_add(others) & self.index) as usize;
            // Near the end of a lap those of the last time stay. Relaxed: whatever stands there, it is the number of a lane.
            if let Some(places) = self.places.get(first..first + FORESEEN) {
                for (kept, place) in taken.lanes[MAX_BLOCK as usize..].iter().zip(places) {
                    kept.set(place.load(Ordering::Relaxed));
                }
            }
        }
    }

    /// Whether a position has been popped already. SeqCst: behind what the caller has written (Q3).
    #[inline(always)]
    pub(crate) fn has_passed(&self, position: u32) -> bool {
        let ahead = position.wrapping_sub(self.head.load(Ordering::SeqCst));
        ahead > u32::MAX / 2
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
