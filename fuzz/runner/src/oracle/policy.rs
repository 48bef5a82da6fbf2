//! The ghost-horizon clock, exactly: S as a ring of slots in order of arrival, M under the hand, ghosts of both.
//!
//! Amounts as the engine keeps them: the share of S in tenths of an entry, the horizon in 1/256 of an eviction.

use std::collections::VecDeque;

use super::Hash;
use super::Now;
use super::ghosts::{Dates, EPOCHS, Ghost, Ghosts};
use super::slots::{Entry, Slots};
use super::sweep_order::SweepOrder;

const MAX_USES: u32 = 3;
/// Bounds of one eviction: promotions into a share of M that is not full, duels, places of the ring.
const PROMOTIONS: u32 = 4;
const DUELS: u32 = 8;
const PLACES: u32 = 64;
/// Bounds of one turn of the hand: entries of M, and slots.
const TURN_ENTRIES: u32 = 16;
const TURN_SLOTS: usize = 256;

/// A newcomer, with the ghost it has left here before.
#[derive(Debug)]
pub(super) struct Arrival {
    ghost: Option<Ghost>,
    into_main: bool,
    old: bool,
    /// Nobody had to leave for it.
    pub(super) found_permit: bool,
}

/// S: slots in order of arrival. Those of entries that have gone stay until they come to the front, or until there are too many.
#[derive(Debug)]
struct Ring {
    slots: VecDeque<usize>,
    most: usize,
    /// The position of the first slot.
    head: u32,
}

impl Ring {
    fn is_full(&self) -> bool {
        self.slots.len() == self.most
    }

    fn push(&mut self, slot: usize) -> u32 {
        self.slots.push_back(slot);
        self.head + u32::try_from(self.slots.len()).expect("small") - 1
    }

    fn pop(&mut self) -> Option<(u32, usize)> {
        let slot = self.slots.pop_front()?;
        self.head += 1;
        Some((self.head - 1, slot))
    }
}

#[derive(Debug)]
pub(super) struct Policy {
    capacity: i64,
    order: SweepOrder,
    hand: usize,
    candidate: Option<usize>,
    in_main: i64,
    ghosts: Ghosts,
    ring: Ring,
    misses: usize,
    misses_per_epoch: usize,
    epoch: u32,
    /// It has been full once.
    filled: bool,
    evictions: u64,
    s_evictions: u64,
    s_share: i64,
    horizon: i64,
}

fn live(slots: &mut Slots, slot: usize) -> Option<&mut Entry> {
    slots[slot].as_mut().filter(|entry| entry.live)
}

impl Policy {
    pub(super) fn new(capacity: usize, order: SweepOrder) -> Self {
        let c = i64::try_from(capacity).expect("small");
        Self {
            capacity: c,
            order,
            hand: 0,
            candidate: None,
            in_main: 0,
            ghosts: Ghosts::new(capacity),
            ring: Ring {
                slots: VecDeque::new(),
                most: capacity + capacity / 16 - capacity / 64 + 48,
                head: 0,
            },
            misses: 0,
            misses_per_epoch: (capacity / 16).max(1),
            epoch: 0,
            filled: false,
            evictions: 0,
            s_evictions: 0,
            // A fiftieth, two entries if that is more, and never the whole cache.
            s_share: (c * 10 + 49).div_euclid(50).max(20).min(c * 10 - 10),
            horizon: 3 * c * 256,
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    fn idle(&self, then: u32) -> u32 {
        (self.epoch - then) % EPOCHS
    }

    fn dates(&self) -> Dates {
        Dates {
            evictions: self.evictions,
            s_evictions: self.s_evictions,
            epoch: self.epoch,
        }
    }

    /// How many entries M may have.
    fn m_share(&self) -> i64 {
        ((self.capacity * 10 - self.s_share) / 10).max(1)
    }

    fn shift(&mut self, tenths: i64) {
        let whole = self.capacity * 10;
        let (least, most) = (((whole + 99) / 100).max(20), (whole * 8 / 10).max(20));
        self.s_share = (self.s_share + tenths).clamp(least, most);
    }

    fn widen(&mut self, sign: i64) {
        let c = self.capacity;
        let widened = self.horizon + sign * 4 * self.horizon / c;
        self.horizon = widened.clamp(c * 256 / 4, (3 * c + 1) * 256);
    }

    /// A miss of this key is on its way in.
    pub(super) fn arrive(&mut self, hash: Hash) -> Arrival {
        self.misses += 1;
        if self.misses == self.misses_per_epoch {
            self.misses = 0;
            self.epoch += 1;
        }
        let reach = 3 * self.capacity.unsigned_abs() + 1;
        let ghost = self.ghosts.take(hash, self.dates());
        Arrival {
            ghost: ghost.filter(|ghost| ghost.age <= reach),
            into_main: false,
            old: false,
            found_permit: false,
        }
    }

    /// Gives the newcomer in `slot`, which lives now, its queue.
    pub(super) fn place(&mut self, slots: &mut Slots, slot: usize, arrival: &Arrival) {
        let welcome = arrival.found_permit || arrival.ghost.is_some();
        if arrival.into_main || self.in_main < self.m_share() && welcome {
            self.promote(slots, slot, arrival.old);
        } else {
            slots[slot].as_mut().expect("the newcomer").mark = self.epoch;
            self.wait(slots, slot);
        }
    }

    /// Gives an entry the last position in S.
    fn wait(&mut self, slots: &mut Slots, slot: usize) {
        while self.ring.is_full() {
            // Whoever waits at the oldest position gets the last one.
            let (position, oldest) = self.ring.pop().expect("full");
            let waits = |entry: &mut Entry| !entry.in_main && entry.position == Some(position);
            if live(slots, oldest).is_some_and(waits) {
                self.wait(slots, oldest);
            }
        }
        slots[slot].as_mut().expect("waits").position = Some(self.ring.push(slot));
    }

    fn promote(&mut self, slots: &mut Slots, slot: usize, old: bool) {
        // The hand is soon there: passed over once.
        let near = self.order.ahead(self.hand, slot) * 100 < 70 * self.order.buckets();
        let entry = slots[slot].as_mut().expect("somebody to promote");
        entry.uses = 0;
        entry.mark = self.epoch;
        entry.old |= old;
        entry.grace |= near && self.filled;
        self.in_main += i64::from(!entry.in_main);
        entry.in_main = true;
    }

    /// An entry has left, not by eviction.
    pub(super) fn gone(&mut self, entry: &Entry) {
        self.in_main -= i64::from(entry.in_main);
    }

    pub(super) fn evicted(&mut self, entry: &Entry) {
        self.gone(entry);
        self.evictions += 1;
        if !entry.in_main {
            self.s_evictions += 1;
        } else if entry.old {
            self.widen(-1);
        }
        let (idle, dates) = (self.idle(entry.last_access), self.dates());
        self.ghosts
            .remember(entry.hash, !entry.in_main, idle, dates);
    }

    /// The slot of the entry to leave.
    pub(super) fn choose(
        &mut self,
        slots: &mut Slots,
        arrival: &mut Arrival,
        now: Now,
    ) -> Option<usize> {
        self.filled = true;
        if self.in_main >= self.m_share()
            && let Some(ghost) = arrival.ghost.take()
            && let (Some(slot), _) = self.turn(slots, now)
        {
            let candidate = live(slots, slot).expect("the candidate").last_access;
            let won = ghost.idle < self.idle(candidate);
            if ghost.from_s && !won {
                self.shift(-7);
            } else if ghost.from_s && ghost.s_age * 10 <= self.capacity.unsigned_abs() {
                self.shift(10);
            }
            let age = 256 * i64::try_from(ghost.age).expect("small");
            if won && age <= self.horizon {
                arrival.into_main = true;
                arrival.old = 2 * age > self.horizon;
                return Some(slot);
            }
        }
        if (arrival.into_main || self.in_main > self.m_share() + 1)
            && let (Some(slot), _) = self.turn(slots, now)
        {
            return Some(slot);
        }
        if let Some(slot) = self.head_of_s(slots, now) {
            return Some(slot);
        }
        for _ in 0..=self.order.slots() / TURN_SLOTS {
            let (candidate, last) = self.turn(slots, now);
            let slot = candidate.or(last).or_else(|| self.head_of_s(slots, now));
            if slot.is_some() {
                return slot;
            }
        }
        None
    }

    /// The oldest entry of S that does not go on into M, or the one of M that has lost its place to it.
    fn head_of_s(&mut self, slots: &mut Slots, now: Now) -> Option<usize> {
        let (mut promotions, mut duels) = (0, 0);
        for _ in 0..PLACES {
            let (position, slot) = self.ring.pop()?;
            let Some(entry) = live(slots, slot) else {
                continue;
            };
            if entry.in_main || entry.position != Some(position) {
                continue;
            }
            let seen = now.sees(entry);
            let (uses, mark) = (entry.uses, entry.mark);
            if self.in_main < self.m_share() && promotions < PROMOTIONS && seen {
                promotions += 1;
                self.promote(slots, slot, false);
                continue;
            }
            if uses < MAX_USES || duels == DUELS || !seen {
                return Some(slot);
            }
            duels += 1;
            let rival = self.turn(slots, now).0;
            let rival_access = rival.and_then(|at| live(slots, at)).map(|r| r.last_access);
            if rival_access.is_some_and(|access| self.idle(mark) < self.idle(access)) {
                self.promote(slots, slot, false);
                if self.in_main > self.m_share() {
                    return rival;
                }
            } else {
                let entry = slots[slot].as_mut().expect("the head of S");
                entry.uses = 0;
                entry.mark = entry.last_access;
                self.wait(slots, slot);
            }
        }
        None
    }

    /// Turns the hand to the candidate of M; without one near, the second is the last entry of M that it passed.
    fn turn(&mut self, slots: &mut Slots, now: Now) -> (Option<usize>, Option<usize>) {
        if let Some(slot) = self.candidate
            && let Some(entry) = live(slots, slot)
            && entry.in_main
        {
            if entry.uses == 0 || !now.sees(entry) {
                return (Some(slot), None);
            }
            self.candidate = None;
            self.pass(slots, slot);
        }
        let (mut passed, mut last) = (0, None);
        for _ in 0..TURN_SLOTS.min(self.order.slots()) {
            let slot = self.hand;
            self.hand = self.order.next(slot);
            let Some(entry) = live(slots, slot) else {
                continue;
            };
            if !now.sees(entry) {
                return (Some(slot), None);
            }
            if !entry.in_main {
                // One that has fallen out of the ring comes back into it.
                if entry.position.is_none_or(|at| at < self.ring.head) {
                    self.wait(slots, slot);
                }
                continue;
            }
            if entry.uses > 0 {
                self.pass(slots, slot);
            } else if entry.grace {
                entry.grace = false;
            } else {
                self.candidate = Some(slot);
                return (Some(slot), None);
            }
            (passed, last) = (passed + 1, Some(slot));
            if passed == TURN_ENTRIES {
                break;
            }
        }
        (None, last)
    }

    /// The hand passes a used entry of M.
    fn pass(&mut self, slots: &mut Slots, slot: usize) {
        let entry = slots[slot].as_mut().expect("the hand is there");
        if entry.old {
            self.widen(1);
        }
        let since = i64::from(self.idle(entry.last_access));
        let lap = i64::from(self.idle(entry.mark));
        let m = self.in_main.max(1);
        if since * 10 * m < lap * self.capacity.min(10 * m) {
            self.shift(-3);
        }
        entry.mark = self.epoch;
        (entry.old, entry.grace) = (false, false);
        entry.uses -= 1;
    }
}
