//! Where entries of small wait.
//!
//! - **Q1** *No live entry is in no queue*: each belongs to main, where the hand finds it, or waits in small, at a position that
//!   the ring's head has not passed and where the ring names its slot; or a thread is about to see to it: the one that made it
//!   live, or put it in its predecessor's place, or the one that took its position from the ring, to look at it.
//!
//! Who sees to an entry does so until it is in a queue, whatever others do meanwhile:
//!
//! - Who makes an entry live fills its place first, or afterwards, and then looks, behind a fence, whether the head has passed it (Q3).
//! - Who takes a position from the ring evicts the entry, brings it to main, or gives it another position. If its slot has changed
//!   meanwhile, the one that stands there now may have taken the position over, and gets another.
//! - Who overwrites an entry takes its position over. Then it looks at the predecessor again: if that had none yet, has another by
//!   now, or has come to main, the successor gets one of its own.
//!
//! The entries that a stopped thread was about to see to, and those in blocks of threads that do not come again (Q4), are
//! found by the hand (I4).

use super::*;
use crate::sync::{fence, fence_behind_exchange};

/// No position.
const NONE: u32 = u32::MAX;

impl Policy {
    /// Gives an entry a position in small before it lives, the cheaper way: `None` if there is none at once. The caller asks
    /// [`is_waiting`](Self::is_waiting) when it lives.
    #[inline(always)]
    pub(crate) fn wait_ahead<K, V>(
        &self,
        entry: &Entry<K, V>,
        cold: &Cold,
        slot: Slot,
        local: &PolicyLocal,
    ) -> Option<u32> {
        // Not `reserve`, whose two ends would meet before it is asked whether there is any.
        let position = match self.small.reserved(&local.taken) {
            Some(position) => position,
            None => self.small.take_tails(&local.taken)?,
        };
        entry.mark.store(self.stamp(), Ordering::Relaxed);
        cold.aux.store(position, Ordering::Release);
        self.small.fill(position, slot);
        Some(position)
    }

    /// Whether an entry that has just come to life by an exchange will be found at its position (Q3).
    #[inline(always)]
    pub(crate) fn is_waiting(&self, position: u32) -> bool {
        fence_behind_exchange();
        !self.small.has_passed(position) || cfg!(tux_fault = "queue-filled-late")
    }

    /// Sees to it that the entry of a slot is in a queue (Q1).
    #[inline(never)]
    pub(crate) fn see_to<K, V>(&self, table: &Table<K, V>, slot: Slot, local: &PolicyLocal) {
        if !self.wait_again(table, slot, local) {
            self.make_places(table, slot, local);
        }
    }

    /// The same, if the ring has a place; false if it is full.
    fn wait_again<K, V>(&self, table: &Table<K, V>, slot: Slot, local: &PolicyLocal) -> bool {
        loop {
            // SAFETY: inside the caller's guard.
            let Some(entry) = (unsafe { table.occupant(slot) }) else {
                return true;
            };
            // Unsettled: its number is that of a slot, and its owner has yet to see to it.
            if !entry.phase.is_settled() || entry.queue.load(Ordering::Relaxed) & IN_MAIN != 0 {
                return true;
            }
            let position = entry.cold().aux.load(Ordering::Acquire);
            if position != NONE && !self.small.has_passed(position) {
                return true;
            }
            let Some(position) = self.small.reserve(&local.taken) else {
                return false;
            };
            entry.cold().aux.store(position, Ordering::Release);
            self.small.fill(position, slot);
            // Then whether the head has passed it, and whether the slot has changed, is asked once more.
            fence(Ordering::SeqCst);
            if cfg!(tux_fault = "queue-not-again") {
                return true;
            }
        }
    }

    /// [`see_to`](Self::see_to) where the ring is full.
    #[cold]
    fn make_places<K, V>(&self, table: &Table<K, V>, slot: Slot, local: &PolicyLocal) {
        // More than two only where other threads take the places that this one makes.
        let mut owed = vec![slot];
        while let Some(&slot) = owed.last() {
            if self.wait_again(table, slot, local) {
                owed.pop();
            } else {
                owed.extend(self.make_place(table, local));
            }
        }
    }

    /// The oldest place is looked at: mostly its entry has gone. One that waits there is to be seen to.
    pub(super) fn make_place<K, V>(
        &self,
        table: &Table<K, V>,
        local: &PolicyLocal,
    ) -> Option<Slot> {
        let (position, slot) = self.small.pop(&local.taken)?;
        // SAFETY: inside the caller's guard.
        unsafe { Self::waiting(table.load(slot), position) }.map(|_| slot)
    }

    /// Another entry has taken the place of `old` in its slot, and has its standing: whether it belongs to main, and its position.
    #[inline(always)]
    pub(crate) fn overwritten<K, V>(
        &self,
        table: &Table<K, V>,
        old: &Entry<K, V>,
        (in_main, position): (bool, u32),
        slot: Slot,
        local: &PolicyLocal,
    ) {
        // Otherwise the count of main is right as it is.
        if !in_main {
            let came_to_m = self.leave(old) & IN_MAIN != 0;
            let is_its_own = old.cold().aux.load(Ordering::SeqCst) != position;
            if (came_to_m || is_its_own || position == NONE)
                && !cfg!(tux_fault = "queue-inherits-blind")
            {
                self.see_to(table, slot, local);
            }
        }
    }

    /// An entry left by other means than eviction.
    pub(crate) fn gone<K, V>(&self, entry: &Entry<K, V>) {
        self.leave(entry);
    }

    /// Entries left by other means than eviction.
    pub(crate) fn all_gone<'e, K: 'e, V: 'e>(
        &self,
        entries: impl Iterator<Item = &'e Entry<K, V>>,
    ) {
        let less: i64 = entries
            .map(|entry| queue_flags::leave(&entry.queue).1)
            .sum();
        if less != 0 {
            self.hand.in_main.fetch_sub(less, Ordering::Relaxed);
        }
    }

    /// The slot of a live entry that is in no queue, while no thread is in a call; `parts`: those of threads that may have positions
    /// taken to be looked at.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn in_no_queue<K, V>(
        &self,
        table: &Table<K, V>,
        parts: &[&PolicyLocal],
    ) -> Option<Slot> {
        let slots = (0..table.buckets())
            .flat_map(|bucket| (0..SLOTS).map(move |position| Slot::new(bucket, position)));
        slots.into_iter().find(|&slot| {
            // SAFETY: nothing is freed meanwhile.
            let Some(entry) = (unsafe { table.occupant(slot) }) else {
                return false;
            };
            let position = entry.cold().aux.load(Ordering::SeqCst);
            let waits = || {
                position != NONE
                    && !self.small.has_passed(position)
                    && self.small.slot(position) == slot
            };
            let is_taken = || {
                parts
                    .iter()
                    .any(|local| local.taken.will_look_at(position, slot))
            };
            entry.is_live()
                && entry.queue.load(Ordering::Relaxed) & IN_MAIN == 0
                && !waits()
                && !is_taken()
        })
    }
}
