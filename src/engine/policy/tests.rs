//! The clock's arithmetic, and that M's count is exact whatever order its entries come, go and are overwritten in.

use super::*;
use crate::engine::entry::queue_flags::ARRIVING;
use crate::engine::entry::slab::Lone;
use crate::engine::entry::{Due, Newcomer, Phase, Standing};
use crate::time::Deadline;

fn clock(capacity: usize) -> Clock {
    Clock::new(capacity, (2 * capacity).div_ceil(7) + 1).unwrap()
}

fn entry() -> Lone<u64, u64> {
    entry_of(Standing::new(0, 0))
}

fn entry_of(standing: Standing) -> Lone<u64, u64> {
    let due = Due {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    Lone::new(Newcomer::new(
        Phase::Live,
        Hash::new(0),
        due,
        standing,
        1,
        1,
    ))
}

/// A newcomer stays for a fiftieth of the capacity, and two inserts at least.
#[test]
fn s_has_two_places_and_leaves_m_one() {
    let share = |capacity: i64| capacity - clock(capacity as usize).m_share();
    assert_eq!(
        [1, 2, 3, 4, 100, 101, 128, 5_000].map(share),
        [0, 1, 2, 2, 2, 3, 3, 100]
    );
    let clock = clock(1_000);
    let shifted = |by| {
        clock.shift(by);
        1_000 - clock.m_share()
    };
    assert_eq!([-5, -5, -10_000, 20_000].map(shifted), [20, 19, 10, 800]);
}

#[test]
fn the_horizon_moves_by_four_capacities_and_stays_within_its_ends() {
    let clock = clock(100);
    let from = |horizon, sign| {
        clock.mood.horizon.store(horizon, Ordering::Relaxed);
        clock.widen(sign);
        clock.mood.horizon.load(Ordering::Relaxed)
    };
    assert_eq!((from(10_000, 1), from(10_000, -1)), (10_400, 9_600));
    let nearest = 100 * EVICTION / 4;
    assert_eq!(
        (from(nearest + 1, -1), from(nearest, -1)),
        (nearest, nearest)
    );
    let farthest = (REACH.cast_signed() * 100 + 1) * EVICTION;
    assert_eq!(
        (from(farthest - 1, 1), from(farthest, 1)),
        (farthest, farthest)
    );
}

/// A table with one entry in it.
struct Placed {
    table: Table<u64, u64>,
    lane: Lane,
    entry: Lone<u64, u64>,
}

impl Placed {
    fn new() -> Self {
        Self::of(Standing::new(0, 0))
    }

    fn of(standing: Standing) -> Self {
        let (table, entry) = (Table::new(8).unwrap(), entry_of(standing));
        let lane = table.claim(
            table.home_of(entry.hash()),
            Word::entry(entry.address(), entry.hash()),
        );
        Self {
            table,
            lane: lane.unwrap(),
            entry,
        }
    }

    fn word(&self) -> Word<u64, u64> {
        Word::entry(self.entry.address(), self.entry.hash())
    }

    fn promote(&self, clock: &Clock) {
        let found = (self.lane, self.word(), &*self.entry);
        clock.promote(&self.table, found, 0, &Part::default());
    }

    /// It has left its lane, but nobody has told the clock yet.
    fn unlink(&self) {
        assert!(self.table.free(self.lane, self.word()));
    }

    fn is_in_m(&self) -> bool {
        Standing::of(&self.entry).is_in_m()
    }
}

/// I4: M's share rests on this count.
/// Two threads may bring an entry to M where there was room for one: S has two places again at the next eviction.
#[test]
fn m_leaves_s_two_places() {
    let has_too_many = |capacity: usize, in_m: i64| {
        let clock = clock(capacity);
        clock.hand.in_m.store(in_m, Ordering::Relaxed);
        clock.m_has_too_many()
    };
    for (capacity, most) in [
        (1, 1),
        (2, 2),
        (3, 1),
        (4, 2),
        (100, 98),
        (101, 99),
        (1_000, 981),
    ] {
        assert_eq!(
            [most, most + 1].map(|in_m| has_too_many(capacity, in_m)),
            [false, true],
            "{capacity}"
        );
    }
}

#[test]
fn m_counts_each_entry_once() {
    let clock = clock(100);
    let (one, gone) = (Placed::new(), Placed::new());
    assert!(!one.is_in_m());
    one.promote(&clock);
    one.promote(&clock);
    assert_eq!((clock.m_len(), one.is_in_m()), (1, true));
    gone.unlink();
    gone.promote(&clock);
    assert_eq!(
        (clock.m_len(), gone.is_in_m()),
        (1, false),
        "it had left before it was promoted"
    );
    clock.gone(&gone.entry);
    assert_eq!(clock.m_len(), 1);
    clock.gone(&one.entry);
    assert_eq!(clock.m_len(), 0);
}

fn overwritten(clock: &Clock, old: &Placed, queue: (bool, u32)) {
    clock.overwritten(&old.table, &old.entry, queue, old.lane, &Part::default());
}

#[test]
fn an_overwrite_keeps_the_count_of_m() {
    // Neither in M.
    let (clock, old) = (clock(100), Placed::new());
    let standing = Standing::of(&old.entry);
    overwritten(&clock, &old, standing.queue());
    assert_eq!((clock.m_len(), standing.is_in_m()), (0, false));
    // Inherited with everything else, and left once.
    let old = Placed::new();
    old.promote(&clock);
    let new = Placed::of(Standing::of(&old.entry));
    overwritten(&clock, &old, (new.is_in_m(), u32::MAX));
    assert_eq!((clock.m_len(), new.is_in_m()), (1, true));
    clock.gone(&new.entry);
    assert_eq!(clock.m_len(), 0);
    // Promoted after its successor was made: that is in S, and M has nobody.
    let old = Placed::new();
    let new = Placed::of(Standing::of(&old.entry));
    old.promote(&clock);
    overwritten(&clock, &old, (new.is_in_m(), u32::MAX));
    assert_eq!((clock.m_len(), new.is_in_m()), (0, false));
}

/// What stands between the two steps of an arrival: the bit is taken by one of both sides.
#[test]
fn an_entry_that_is_arriving_is_counted_for_one_side() {
    let arriving = || {
        let entry = entry();
        entry.queue.store(IN_M | ARRIVING | OLD, Ordering::Relaxed);
        entry
    };
    // Not handed on, since it may yet turn out to have gone.
    let standing = Standing::of(&arriving());
    assert_eq!((standing.is_in_m(), standing.queue), (false, OLD));
    let entry = arriving();
    assert_eq!(queue_flags::leave(&entry.queue), (IN_M | ARRIVING | OLD, 1));
    assert_eq!(queue_flags::leave(&entry.queue).1, 0, "once");
    // The arrival finds that it has been counted out.
    let entry = self::entry();
    let more = queue_flags::enter(&entry.queue, 0, || {
        assert_eq!(queue_flags::leave(&entry.queue).1, 1);
        false
    });
    assert_eq!(more, 1);
    // And the same, but the lane was still there when it looked.
    let entry = self::entry();
    let more = queue_flags::enter(&entry.queue, GRACE, || true);
    assert_eq!(
        (more, entry.queue.load(Ordering::Relaxed)),
        (1, IN_M | GRACE)
    );
    assert_eq!(queue_flags::leave(&entry.queue), (IN_M | GRACE, 1));
    assert_eq!(queue_flags::enter(&entry.queue, 0, || panic!("again")), 0);
}

#[test]
fn the_hand_takes_a_use_and_the_marks_of_those_it_passes() {
    let clock = clock(100);
    clock.era.set(0, 10);
    // S shrinks for an entry used in the last tenth of C/|M| of its lap.
    for (in_m, used, began, late) in [
        (20, 9, 7, true),
        (20, 8, 7, false),
        (2, 9, 7, true),
        (2, 7, 7, false),
    ] {
        let entry = entry_of(Standing::new(0, used));
        entry.usage.set_uses(2);
        entry.mark.store(began, Ordering::Relaxed);
        entry.queue.store(IN_M | OLD | GRACE, Ordering::Relaxed);
        clock.hand.in_m.store(in_m, Ordering::Relaxed);
        clock.mood.s_target.store(300, Ordering::Relaxed);
        clock.mood.horizon.store(10_000, Ordering::Relaxed);
        clock.pass(&entry);
        let target = clock.mood.s_target.load(Ordering::Relaxed);
        assert_eq!(
            target,
            if late { 300 + USED_LATE } else { 300 },
            "{in_m} {used}"
        );
        assert_eq!(
            clock.mood.horizon.load(Ordering::Relaxed),
            10_400,
            "it came back old"
        );
        assert_eq!(entry.queue.load(Ordering::Relaxed), IN_M);
        assert_eq!((entry.usage.uses(), entry.usage.last_access()), (1, used));
        assert_eq!(entry.mark.load(Ordering::Relaxed), 10);
        clock.pass(&entry);
        assert_eq!(
            clock.mood.horizon.load(Ordering::Relaxed),
            10_400,
            "only once"
        );
    }
}

/// Q1: one that was chosen and not evicted after all is chosen again; one of M stays where it is.
#[test]
fn a_choice_that_is_put_back_comes_again() {
    let (clock, placed, part) = (clock(8), Placed::new(), Part::default());
    clock.see_to(&placed.table, placed.lane, &part);
    assert_eq!(clock.in_no_queue(&placed.table, &[]), None);
    let chosen = || {
        let popped = clock.ring.pop(&part.taken);
        popped.filter(|&(position, _)| {
            // SAFETY: nothing is freed here.
            unsafe { Clock::waiting(placed.word(), position) }.is_some()
        })
    };
    assert_eq!(chosen().map(|(_, lane)| lane), Some(placed.lane));
    assert_eq!(chosen(), None);
    assert_eq!(clock.in_no_queue(&placed.table, &[]), Some(placed.lane));
    let choice = Choice {
        lane: placed.lane,
        word: placed.word(),
    };
    clock.put_back(&placed.table, choice, &part);
    assert_eq!(clock.in_no_queue(&placed.table, &[]), None);
    assert_eq!(chosen().map(|(_, lane)| lane), Some(placed.lane));
    // Unsettled: `aux` is the number of a lane.
    placed.entry.phase.unsettle();
    placed.entry.aside().aux.store(5, Ordering::Relaxed);
    clock.put_back(&placed.table, choice, &part);
    assert_eq!(placed.entry.aside().aux.load(Ordering::Relaxed), 5);
    assert_eq!(clock.ring.pop(&part.taken), None);
    placed.entry.phase.settle();
    clock.put_back(&placed.table, Choice::<u64, u64>::NOBODY, &part);
    placed.promote(&clock);
    assert_eq!(clock.in_no_queue(&placed.table, &[]), None);
    clock.put_back(&placed.table, choice, &part);
    assert_eq!(clock.ring.pop(&part.taken), None);
}

/// Q1: of a successor that has taken over a position.
#[test]
fn a_successor_whose_position_is_nobodys_gets_its_own() {
    let part = Part::default();
    let waits = |clock: &Clock, placed: &Placed| {
        clock.see_to(&placed.table, placed.lane, &part);
        placed.entry.aside().aux.load(Ordering::Relaxed)
    };
    // In order: nothing happens.
    let (clock, one) = (self::clock(8), Placed::new());
    let position = waits(&clock, &one);
    overwritten(&clock, &one, (false, position));
    assert_eq!(waits(&clock, &one), position);
    // The predecessor had no position yet, or another one by now: then the lane is seen to.
    for taken_over in [u32::MAX, position + 100] {
        assert_eq!(
            clock.ring.pop(&part.taken).map(|(_, lane)| lane),
            Some(one.lane)
        );
        overwritten(&clock, &one, (false, taken_over));
        assert_eq!(clock.in_no_queue(&one.table, &[]), None);
    }
}

/// A ring full of what has gone takes newcomers, and whom it finds waiting stays in it.
#[test]
fn a_full_ring_makes_place() {
    let (clock, placed, part) = (clock(8), Placed::new(), Part::default());
    clock.see_to(&placed.table, placed.lane, &part);
    for _ in 0..1_000 {
        while let Some(position) = clock.ring.reserve(&part.taken) {
            // Nobody's.
            clock.ring.fill(position, Lane(0));
        }
        if let Some(waiting) = clock.make_place(&placed.table, &part) {
            clock.see_to(&placed.table, waiting, &part);
        }
        assert_eq!(clock.in_no_queue(&placed.table, &[]), None);
    }
}
