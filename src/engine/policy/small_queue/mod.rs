//! The queue of new entries, small: a ring of slot numbers, in order of arrival.
//!
//! A place says "the entry in this slot, if its position is still mine", which the reader checks. Whose entry waits where is the
//! clock's affair (invariant Q1 in `policy/queue.rs`); the ring's own are:
//!
//! - **Q2** *No place is written again before the head has passed it and what it said was kept*: the tail is less than a ring's length ahead
//!   of the head, by as much as threads may be about to read. Who finds the ring full looks at the oldest first. (A thread
//!   that stops between the head's step and its reading, or between taking a position and filling it, for so long that the others go
//!   round the whole ring, is as one that stopped with entries in its hands: up to a block of them, or the one that waits by then
//!   at its place, is left to the clock's hand.)
//! - **Q3** *Who has filled a place and then finds, behind a fence, that the head has not passed it, will be found*: who moves the head
//!   reads the places behind a fence as well, so one of both sees the other.
//! - **Q4** *What all threads together have taken ahead, but for the first one's block, is a small part of the small queue when
//!   that is smallest*: places that are taken and not filled are found empty; entries at places that are taken and not looked at
//!   wait for that thread, or for the clock's hand.
//!
//! A position is a lap and the index of a place: the length of the ring need not be a power of two.

use crate::engine::table::Slot;
use crate::sync::Zeros;
use crate::sync::{AtomicU32, CachePadded, Ordering, advice, fence_behind_exchange};

mod reserved;
pub(crate) use reserved::ReservedPositions;
use reserved::{FORESEEN, MAX_BLOCK};

/// A block of heads is at most this part of what waits.
const BLOCK_PART: u32 = 16;
/// The most places: there are at least four laps of them.
const MAX_PLACES: usize = 1 << 30;
/// Places beyond the capacity, for positions that are given up: one for so many entries, and some.
const ENTRIES_PER_SPARE: usize = 16;
const SPARES: usize = 64;
/// Places that stay free, for what others are about to read: some, and one for so much capacity. As long as the capacity is at least so much
/// for each thread, that is no less than all of them may have taken and not read yet (Q4).
const MARGIN: usize = 16;
const CAPACITY_PER_FREE: usize = 64;
/// Blocks of one thread: one place for so much capacity; of each of several, for so much and so many threads.
const CAPACITY_PER_PLACE: usize = 512;
const CAPACITY_PER_SHARED_PLACE: usize = 1_024;
/// How far behind the tail a position may be filled that was taken ahead: one place for so much capacity.
const CAPACITY_PER_LATE: usize = 256;

pub(crate) struct SmallQueue {
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
    /// How many threads have taken any, and how many positions each takes at once (Q4).
    threads: advice::AtomicU32,
    block: advice::AtomicU32,
    head: CachePadded<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

impl SmallQueue {
    /// A ring for the entries of a cache; `None` if the memory is not to be had.
    pub(crate) fn for_capacity(capacity: usize) -> Option<Self> {
        let most =
            |per: usize, most: u32| u32::try_from(capacity / per).map_or(most, |n| n.min(most));
        let places = capacity + capacity / ENTRIES_PER_SPARE + SPARES;
        Self::new(
            places.min(MAX_PLACES),
            u32::try_from(MARGIN + capacity / CAPACITY_PER_FREE).ok()?,
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
            block: advice::AtomicU32::new(alone),
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
    #[inline(always)]
    fn block(&self, taken: &ReservedPositions) -> u32 {
        if !taken.is_counted.get() {
            self.count(taken);
        }
        self.block.load(Ordering::Relaxed)
    }

    /// Counts a thread.
    #[cold]
    fn count(&self, taken: &ReservedPositions) {
        taken.is_counted.set(true);
        let mut threads = self.threads.fetch_add(1, Ordering::Relaxed) + 1;
        loop {
            let block = match threads {
                0 | 1 => self.alone,
                _ => (self.together / threads).clamp(1, self.alone),
            };
            self.block.store(block, Ordering::Relaxed);
            // Another one may have stored what goes with fewer.
            match self.threads.load(Ordering::Relaxed) {
                same if same == threads => return,
                more => threads = more,
            }
        }
    }

    /// How many more fit into the lap.
    fn left_of_lap(&self, position: u32) -> u32 {
        self.len() - (position & self.index)
    }

    /// A position to be [filled](Self::fill): mostly the next one; `None` if the ring is full (Q2).
    pub(crate) fn reserve(&self, taken: &ReservedPositions) -> Option<u32> {
        self.reserved(taken).or_else(|| self.take_tails(taken))
    }

    /// The same of those that the thread has taken ahead: `None` if it must [take more](Self::take_tails).
    #[inline(always)]
    pub(crate) fn reserved(&self, taken: &ReservedPositions) -> Option<u32> {
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
    pub(crate) fn take_tails(&self, taken: &ReservedPositions) -> Option<u32> {
        // Mostly there is room for a block, within the lap: places are counted as if those of a lap were a power of two, which are
        // more than there are.
        let (block, left) = (self.block(taken), taken.tail.get());
        let tail = self.tail.load(Ordering::Relaxed);
        let waiting = tail.wrapping_sub(self.head.load(Ordering::Relaxed));
        let fits = u64::from(waiting) + u64::from(block) <= u64::from(self.most);
        let end = tail.wrapping_add(block);
        if fits
            && left == taken.tail_end.get()
            && (tail & self.index) + block < self.len()
            && self
                .tail
                .compare_exchange(tail, end, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            taken.tail.set(tail.wrapping_add(1));
            taken.tail_end.set(end);
            return Some(tail);
        }
        self.take_tails_at_last(taken)
    }

    /// The same where little room is left, at the end of a lap, and after a lost race.
    #[inline(never)]
    fn take_tails_at_last(&self, taken: &ReservedPositions) -> Option<u32> {
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
            let more = if cfg!(tux_fault = "small-queue-overrun") {
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

    /// Has a reserved position name a slot. The entry has noted its position before, and whoever calls this asks behind a fence
    /// whether the position [has passed](Self::has_passed) meanwhile (Q3).
    #[inline(always)]
    pub(crate) fn fill(&self, position: u32, slot: Slot) {
        // Release pairs with the Acquire in `slot`: who reads the place sees the entry's position.
        self.place(position).store(slot.0, Ordering::Release);
    }

    /// The oldest position and the slot it names; `None` if the ring is empty.
    #[inline(always)]
    pub(crate) fn pop(&self, taken: &ReservedPositions) -> Option<(u32, Slot)> {
        if taken.left() == 0 && !self.take_heads(taken) {
            return None;
        }
        let (position, slot) = (taken.head.get(), taken.ahead(0));
        taken.head.set(position.wrapping_add(1));
        Some((position, slot))
    }

    #[cfg(any(test, tux_loom))]
    pub(super) fn slot(&self, position: u32) -> Slot {
        // Acquire: see `fill`; and the slot's number is followed to its bucket.
        Slot(self.place(position).load(Ordering::Acquire))
    }

    /// Takes the oldest positions; false if there are none.
    #[inline(never)]
    fn take_heads(&self, taken: &ReservedPositions) -> bool {
        // Mostly all that waits is in one lap.
        let block = self.block(taken);
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        let waiting = tail.wrapping_sub(head);
        // Zero, and a tail that was seen late and is behind the head, are greater.
        if waiting.wrapping_sub(1) < self.index
            && (tail ^ head) & !self.index == 0
            && !cfg!(tux_fault = "small-queue-pop-stored")
        {
            let more = (waiting / BLOCK_PART).min(block).max(1);
            // SeqCst: Q3.
            let taken_over = self.head.compare_exchange(
                head,
                head.wrapping_add(more),
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if taken_over.is_ok() {
                if more == 1 && self.alone < MAX_BLOCK {
                    fence_behind_exchange();
                    // Acquire: as in `slot`.
                    let slot = self.place(head).load(Ordering::Acquire);
                    taken.slots[MAX_BLOCK as usize - 1].set(slot);
                    taken.head.set(head);
                    taken.head_end.set(head.wrapping_add(1));
                } else {
                    self.keep(taken, head, more);
                }
                return true;
            }
        }
        self.take_heads_at_last(taken)
    }

    /// The same where a lap ends, or nothing waits, and after a lost race.
    #[inline(never)]
    fn take_heads_at_last(&self, taken: &ReservedPositions) -> bool {
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
            if cfg!(tux_fault = "small-queue-pop-stored") {
                self.head.store(end, Ordering::Relaxed);
            // SeqCst, and a fence behind it: Q3.
            } else if let Err(seen) =
                self.head
                    .compare_exchange_weak(head, end, Ordering::SeqCst, Ordering::Relaxed)
            {
                head = seen;
                continue;
            }
            self.keep(taken, head, more);
            return true;
        }
    }

    /// Keeps so many positions that were taken to be looked at, with what stands there.
    #[inline(never)]
    fn keep(&self, taken: &ReservedPositions, head: u32, more: u32) {
        fence_behind_exchange();
        debug_assert!((1..=MAX_BLOCK).contains(&more));
        let kept = MAX_BLOCK - more;
        for n in 0..more {
            let place = self.place(head.wrapping_add(n));
            // SAFETY: a block is no longer than `MAX_BLOCK` (`new`). Acquire: as in `slot`.
            unsafe { taken.slots.get_unchecked((kept + n) as usize) }
                .set(place.load(Ordering::Acquire));
        }
        if self.alone == MAX_BLOCK {
            self.foresee(taken, head, self.after(head, more));
        }
        taken.head.set(head);
        taken.head_end.set(head.wrapping_add(more));
    }

    /// Notes what stands where the thread is likely to take its next block: as far behind this one, from `head` to `end`, as this one is
    /// behind the last one. (Not in small caches, which are in the processor's as a whole.)
    #[inline(always)]
    fn foresee(&self, taken: &ReservedPositions, head: u32, end: u32) {
        let others = head.wrapping_sub(taken.head_end.get());
        let first = (end.wrapping_add(others) & self.index) as usize;
        // Near the end of a lap those of the last time stay. Relaxed: whatever stands there, it is the number of a slot.
        if let Some(places) = self.places.get(first..first + FORESEEN) {
            for (kept, place) in taken.slots[MAX_BLOCK as usize..].iter().zip(places) {
                kept.set(place.load(Ordering::Relaxed));
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
