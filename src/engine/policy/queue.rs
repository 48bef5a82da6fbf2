//! Where entries of S wait.
//!
//! - **Q1** *No live entry is in no queue*: each belongs to M, where the hand finds it, or waits in S, at a position that the ring's head has
//!   not passed and where the ring names its lane; or a thread is about to see to it: the one that made it live, or put it in
//!   its predecessor's place, or the one that took its position from the ring, to look at it.
//!
//! Who sees to an entry does so until it is in a queue, whatever others do meanwhile:
//!
//! - Who makes an entry live fills its place first, or afterwards, and then looks, behind a fence, whether the head has passed it (Q3).
//! - Who takes a position from the ring evicts the entry, brings it to M, or gives it another position. If its lane has changed
//!   meanwhile, the one that stands there now may have taken the position over, and gets another.
//! - Who overwrites an entry takes its position over. Then it looks at the predecessor again: if that had none yet, has another by
//!   now, or has come to M, the successor gets one of its own.
//!
//! The entries that a stopped thread was about to see to, and those in blocks of threads that do not come again (Q4), are
//! found by the hand (I4).

use super::*;
use crate::sync::{fence, fence_behind_exchange};

/// No position.
const NONE: u32 = u32::MAX;

impl Clock {
    /// Gives an entry a position in S before it lives, the cheaper way: `None` if there is none at once. The caller asks
    /// [`is_waiting`](Self::is_waiting) when it lives.
    #[inline(always)]
    pub(crate) fn wait_ahead<K, V>(
        &self,
        entry: &Entry<K, V>,
        aside: &Aside,
        lane: Lane,
        part: &Part,
    ) -> Option<u32> {
        // Not `reserve`, whose two ends would meet before it is asked whether there is any.
        let position = match self.ring.reserved(&part.taken) {
            Some(position) => position,
            None => self.ring.take_tails(&part.taken)?,
        };
        entry.mark.store(self.stamp(), Ordering::Relaxed);
        aside.aux.store(position, Ordering::Release);
        self.ring.fill(position, lane);
        Some(position)
    }

    /// Whether an entry that has just come to life by an exchange will be found at its position (Q3).
    #[inline(always)]
    pub(crate) fn is_waiting(&self, position: u32) -> bool {
        fence_behind_exchange();
        !self.ring.has_passed(position) || cfg!(tux_fault = "queue-filled-late")
    }

    /// Sees to it that the entry of a lane is in a queue (Q1).
    #[inline(never)]
    pub(crate) fn see_to<K, V>(&self, table: &Table<K, V>, lane: Lane, part: &Part) {
        if !self.wait_again(table, lane, part) {
            self.make_places(table, lane, part);
        }
    }

    /// The same, if the ring has a place; false if it is full.
    fn wait_again<K, V>(&self, table: &Table<K, V>, lane: Lane, part: &Part) -> bool {
        loop {
            // SAFETY: inside the caller's guard.
            let Some(entry) = (unsafe { table.occupant(lane) }) else {
                return true;
            };
            // Unsettled: its number is that of a lane, and its owner has yet to see to it.
            if !entry.phase.is_settled() || entry.queue.load(Ordering::Relaxed) & IN_M != 0 {
                return true;
            }
            let position = entry.aside().aux.load(Ordering::Acquire);
            if position != NONE && !self.ring.has_passed(position) {
                return true;
            }
            let Some(position) = self.ring.reserve(&part.taken) else {
                return false;
            };
            entry.aside().aux.store(position, Ordering::Release);
            self.ring.fill(position, lane);
            // Then whether the head has passed it, and whether the lane has changed, is asked once more.
            fence(Ordering::SeqCst);
            if cfg!(tux_fault = "queue-not-again") {
                return true;
            }
        }
    }

    /// [`see_to`](Self::see_to) where the ring is full.
    #[cold]
    fn make_places<K, V>(&self, table: &Table<K, V>, lane: Lane, part: &Part) {
        // More than two only where other threads take the places that this one makes.
        let mut owed = vec![lane];
        while let Some(&lane) = owed.last() {
            if self.wait_again(table, lane, part) {
                owed.pop();
            } else {
                owed.extend(self.make_place(table, part));
            }
        }
    }

    /// The oldest place is looked at: mostly its entry has gone. One that waits there is to be seen to.
    pub(super) fn make_place<K, V>(&self, table: &Table<K, V>, part: &Part) -> Option<Lane> {
        let (position, lane) = self.ring.pop(&part.taken)?;
        // SAFETY: inside the caller's guard.
        unsafe { Self::waiting(table.load(lane), position) }.map(|_| lane)
    }

    /// Another entry has taken the place of `old` in its lane, and has its standing: whether it belongs to M, and its position.
    #[inline(always)]
    pub(crate) fn overwritten<K, V>(
        &self,
        table: &Table<K, V>,
        old: &Entry<K, V>,
        (in_m, position): (bool, u32),
        lane: Lane,
        part: &Part,
    ) {
        // Otherwise the count of M is right as it is.
        if !in_m {
            let came_to_m = self.leave(old) & IN_M != 0;
            let is_its_own = old.aside().aux.load(Ordering::SeqCst) != position;
            if (came_to_m || is_its_own || position == NONE)
                && !cfg!(tux_fault = "queue-inherits-blind")
            {
                self.see_to(table, lane, part);
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
            self.hand.in_m.fetch_sub(less, Ordering::Relaxed);
        }
    }

    /// The lane of a live entry that is in no queue, while no thread is in a call; `parts`: those of threads that may have positions
    /// taken to be looked at.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn in_no_queue<K, V>(&self, table: &Table<K, V>, parts: &[&Part]) -> Option<Lane> {
        let lanes = (0..table.buckets())
            .flat_map(|bucket| (0..LANES).map(move |position| Lane::new(bucket, position)));
        lanes.into_iter().find(|&lane| {
            // SAFETY: nothing is freed meanwhile.
            let Some(entry) = (unsafe { table.occupant(lane) }) else {
                return false;
            };
            let position = entry.aside().aux.load(Ordering::SeqCst);
            let waits = || {
                position != NONE
                    && !self.ring.has_passed(position)
                    && self.ring.lane(position) == lane
            };
            let is_taken = || {
                parts
                    .iter()
                    .any(|part| part.taken.will_look_at(position, lane))
            };
            entry.is_live()
                && entry.queue.load(Ordering::Relaxed) & IN_M == 0
                && !waits()
                && !is_taken()
        })
    }
}
