//! What one thread has taken ahead of a ring.

use crate::engine::table::Slot;
use std::cell::Cell;

/// The longest block.
pub(super) const MAX_BLOCK: u32 = 8;
/// How many slots behind its own block a thread keeps in sight, to ask the processor for what is there.
pub(super) const FORESEEN: usize = 6;

/// The positions of one ring that one thread has taken ahead: some to be filled, some to be looked at.
///
/// Taken by blocks, so that threads do not write head and tail with each operation. A block never goes beyond the end of a lap.
#[derive(Debug, Default)]
pub(crate) struct ReservedPositions {
    pub(super) tail: Cell<u32>,
    pub(super) tail_end: Cell<u32>,
    pub(super) head: Cell<u32>,
    pub(super) head_end: Cell<u32>,
    /// What the ring named there when they were taken: the places may be written again by now. The last one of the block is the last
    /// of the first [`MAX_BLOCK`]; behind it stand those that are likely to come next.
    pub(super) slots: [Cell<u32>; MAX_BLOCK as usize + FORESEEN],
    pub(super) is_counted: Cell<bool>,
}

impl ReservedPositions {
    /// How many positions are left to be looked at: at most [`MAX_BLOCK`].
    #[inline(always)]
    pub(super) fn left(&self) -> usize {
        self.head_end.get().wrapping_sub(self.head.get()) as usize
    }

    /// The slot that will be popped after so many others, fewer than [`FORESEEN`], if nobody else pops; whatever it is worth.
    #[inline(always)]
    pub(crate) fn ahead(&self, others: usize) -> Slot {
        debug_assert!(others < FORESEEN && self.left() <= MAX_BLOCK as usize);
        // SAFETY: by the above it is one of the slots: a block has at most `MAX_BLOCK` (`SmallQueue::new`).
        let slot = unsafe {
            self.slots
                .get_unchecked(MAX_BLOCK as usize - self.left() + others)
        };
        Slot(slot.get())
    }

    /// Whether the position was taken to be looked at with this slot, and has not been yet.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn will_look_at(&self, position: u32, slot: Slot) -> bool {
        let others = position.wrapping_sub(self.head.get()) as usize;
        others < self.left()
            && self.slots[MAX_BLOCK as usize - self.left() + others].get() == slot.0
    }
}
