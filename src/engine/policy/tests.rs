//! The clock's arithmetic, and that main's count is exact whatever order its entries come, go and are overwritten in.

use super::*;
use crate::engine::entry::queue_flags::ARRIVING;
use crate::engine::entry::slab::Lone;
use crate::engine::entry::{Lifetime, Newcomer, Phase, PolicyMeta};
use crate::time::Deadline;

fn policy(capacity: usize) -> Policy {
    Policy::new(capacity, (2 * capacity).div_ceil(7) + 1).unwrap()
}

fn entry() -> Lone<u64, u64> {
    entry_of(PolicyMeta::new(0, 0))
}

fn entry_of(meta: PolicyMeta) -> Lone<u64, u64> {
    let lifetime = Lifetime {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    Lone::new(Newcomer::new(
        Phase::Live,
        Hash::new(0),
        lifetime,
        meta,
        1,
        1,
    ))
}

/// A newcomer stays for a fiftieth of the capacity, and two inserts at least.
#[test]
fn s_has_two_places_and_leaves_m_one() {
    let share = |capacity: i64| capacity - policy(capacity as usize).main_share();
    assert_eq!(
        [1, 2, 3, 4, 100, 101, 128, 5_000].map(share),
        [0, 1, 2, 2, 2, 3, 3, 100]
    );
    let policy = policy(1_000);
    let shifted = |by| {
        policy.shift(by);
        1_000 - policy.main_share()
    };
    assert_eq!([-5, -5, -10_000, 20_000].map(shifted), [20, 19, 10, 800]);
}

#[test]
fn the_horizon_moves_by_four_capacities_and_stays_within_its_ends() {
    let policy = policy(100);
    let from = |horizon, sign| {
        policy.adaptive.horizon.store(horizon, Ordering::Relaxed);
        policy.widen(sign);
        policy.adaptive.horizon.load(Ordering::Relaxed)
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
    slot: Slot,
    entry: Lone<u64, u64>,
}

impl Placed {
    fn new() -> Self {
        Self::of(PolicyMeta::new(0, 0))
    }

    fn of(meta: PolicyMeta) -> Self {
        let (table, entry) = (Table::new(8).unwrap(), entry_of(meta));
        let slot = table.claim(
            table.home_of(entry.hash()),
            Word::entry(entry.address(), entry.hash()),
        );
        Self {
            table,
            slot: slot.unwrap(),
            entry,
        }
    }

    fn word(&self) -> Word<u64, u64> {
        Word::entry(self.entry.address(), self.entry.hash())
    }

    fn promote(&self, policy: &Policy) {
        let found = (self.slot, self.word(), &*self.entry);
        policy.promote(&self.table, found, 0, &PolicyLocal::default());
    }

    /// It has left its slot, but nobody has told the clock yet.
    fn unlink(&self) {
        assert!(self.table.free(self.slot, self.word()));
    }

    fn is_in_main(&self) -> bool {
        PolicyMeta::of(&self.entry).is_in_main()
    }
}

/// I4: main's share rests on this count.
/// Two threads may bring an entry to main where there was room for one: small has two places again at the next eviction.
#[test]
fn m_leaves_s_two_places() {
    let has_too_many = |capacity: usize, in_main: i64| {
        let policy = policy(capacity);
        policy.hand.in_main.store(in_main, Ordering::Relaxed);
        policy.main_has_too_many()
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
            [most, most + 1].map(|in_main| has_too_many(capacity, in_main)),
            [false, true],
            "{capacity}"
        );
    }
}

#[test]
fn m_counts_each_entry_once() {
    let policy = policy(100);
    let (one, gone) = (Placed::new(), Placed::new());
    assert!(!one.is_in_main());
    one.promote(&policy);
    one.promote(&policy);
    assert_eq!((policy.main_len(), one.is_in_main()), (1, true));
    gone.unlink();
    gone.promote(&policy);
    assert_eq!(
        (policy.main_len(), gone.is_in_main()),
        (1, false),
        "it had left before it was promoted"
    );
    policy.gone(&gone.entry);
    assert_eq!(policy.main_len(), 1);
    policy.gone(&one.entry);
    assert_eq!(policy.main_len(), 0);
}

fn overwritten(policy: &Policy, old: &Placed, queue: (bool, u32)) {
    policy.overwritten(
        &old.table,
        &old.entry,
        queue,
        old.slot,
        &PolicyLocal::default(),
    );
}

#[test]
fn an_overwrite_keeps_the_count_of_m() {
    // Neither in main.
    let (policy, old) = (policy(100), Placed::new());
    let meta = PolicyMeta::of(&old.entry);
    overwritten(&policy, &old, meta.queue());
    assert_eq!((policy.main_len(), meta.is_in_main()), (0, false));
    // Inherited with everything else, and left once.
    let old = Placed::new();
    old.promote(&policy);
    let new = Placed::of(PolicyMeta::of(&old.entry));
    overwritten(&policy, &old, (new.is_in_main(), u32::MAX));
    assert_eq!((policy.main_len(), new.is_in_main()), (1, true));
    policy.gone(&new.entry);
    assert_eq!(policy.main_len(), 0);
    // Promoted after its successor was made: that is in small, and main has nobody.
    let old = Placed::new();
    let new = Placed::of(PolicyMeta::of(&old.entry));
    old.promote(&policy);
    overwritten(&policy, &old, (new.is_in_main(), u32::MAX));
    assert_eq!((policy.main_len(), new.is_in_main()), (0, false));
}

/// What stands between the two steps of an arrival: the bit is taken by one of both sides.
#[test]
fn an_entry_that_is_arriving_is_counted_for_one_side() {
    let arriving = || {
        let entry = entry();
        entry
            .queue
            .store(IN_MAIN | ARRIVING | OLD, Ordering::Relaxed);
        entry
    };
    // Not handed on, since it may yet turn out to have gone.
    let meta = PolicyMeta::of(&arriving());
    assert_eq!((meta.is_in_main(), meta.queue), (false, OLD));
    let entry = arriving();
    assert_eq!(
        queue_flags::leave(&entry.queue),
        (IN_MAIN | ARRIVING | OLD, 1)
    );
    assert_eq!(queue_flags::leave(&entry.queue).1, 0, "once");
    // The arrival finds that it has been counted out.
    let entry = self::entry();
    let more = queue_flags::enter(&entry.queue, 0, || {
        assert_eq!(queue_flags::leave(&entry.queue).1, 1);
        false
    });
    assert_eq!(more, 1);
    // And the same, but the slot was still there when it looked.
    let entry = self::entry();
    let more = queue_flags::enter(&entry.queue, SKIP_ONCE, || true);
    assert_eq!(
        (more, entry.queue.load(Ordering::Relaxed)),
        (1, IN_MAIN | SKIP_ONCE)
    );
    assert_eq!(queue_flags::leave(&entry.queue), (IN_MAIN | SKIP_ONCE, 1));
    assert_eq!(queue_flags::enter(&entry.queue, 0, || panic!("again")), 0);
}

#[test]
fn the_hand_takes_a_use_and_the_marks_of_those_it_passes() {
    let policy = policy(100);
    policy.era.set(0, 10);
    // Small shrinks for an entry used in the last tenth of C/|main| of its lap.
    for (in_main, used, began, late) in [
        (20, 9, 7, true),
        (20, 8, 7, false),
        (2, 9, 7, true),
        (2, 7, 7, false),
    ] {
        let entry = entry_of(PolicyMeta::new(0, used));
        entry.usage.set_uses(2);
        entry.mark.store(began, Ordering::Relaxed);
        entry
            .queue
            .store(IN_MAIN | OLD | SKIP_ONCE, Ordering::Relaxed);
        policy.hand.in_main.store(in_main, Ordering::Relaxed);
        policy.adaptive.small_target.store(300, Ordering::Relaxed);
        policy.adaptive.horizon.store(10_000, Ordering::Relaxed);
        policy.pass(&entry);
        let target = policy.adaptive.small_target.load(Ordering::Relaxed);
        assert_eq!(
            target,
            if late { 300 + USED_LATE } else { 300 },
            "{in_main} {used}"
        );
        assert_eq!(
            policy.adaptive.horizon.load(Ordering::Relaxed),
            10_400,
            "it came back old"
        );
        assert_eq!(entry.queue.load(Ordering::Relaxed), IN_MAIN);
        assert_eq!((entry.usage.uses(), entry.usage.last_access()), (1, used));
        assert_eq!(entry.mark.load(Ordering::Relaxed), 10);
        policy.pass(&entry);
        assert_eq!(
            policy.adaptive.horizon.load(Ordering::Relaxed),
            10_400,
            "only once"
        );
    }
}

/// Q1: one that was chosen and not evicted after all is chosen again; one of main stays where it is.
#[test]
fn a_choice_that_is_put_back_comes_again() {
    let (policy, placed, local) = (policy(8), Placed::new(), PolicyLocal::default());
    policy.see_to(&placed.table, placed.slot, &local);
    assert_eq!(policy.in_no_queue(&placed.table, &[]), None);
    let chosen = || {
        let popped = policy.small.pop(&local.taken);
        popped.filter(|&(position, _)| {
            // SAFETY: nothing is freed here.
            unsafe { Policy::waiting(placed.word(), position) }.is_some()
        })
    };
    assert_eq!(chosen().map(|(_, slot)| slot), Some(placed.slot));
    assert_eq!(chosen(), None);
    assert_eq!(policy.in_no_queue(&placed.table, &[]), Some(placed.slot));
    let choice = Choice {
        slot: placed.slot,
        word: placed.word(),
    };
    policy.put_back(&placed.table, choice, &local);
    assert_eq!(policy.in_no_queue(&placed.table, &[]), None);
    assert_eq!(chosen().map(|(_, slot)| slot), Some(placed.slot));
    // Unsettled: `aux` is the number of a slot.
    placed.entry.phase.unsettle();
    placed.entry.cold().aux.store(5, Ordering::Relaxed);
    policy.put_back(&placed.table, choice, &local);
    assert_eq!(placed.entry.cold().aux.load(Ordering::Relaxed), 5);
    assert_eq!(policy.small.pop(&local.taken), None);
    placed.entry.phase.settle();
    policy.put_back(&placed.table, Choice::<u64, u64>::NOBODY, &local);
    placed.promote(&policy);
    assert_eq!(policy.in_no_queue(&placed.table, &[]), None);
    policy.put_back(&placed.table, choice, &local);
    assert_eq!(policy.small.pop(&local.taken), None);
}

/// Q1: of a successor that has taken over a position.
#[test]
fn a_successor_whose_position_is_nobodys_gets_its_own() {
    let local = PolicyLocal::default();
    let waits = |policy: &Policy, placed: &Placed| {
        policy.see_to(&placed.table, placed.slot, &local);
        placed.entry.cold().aux.load(Ordering::Relaxed)
    };
    // In order: nothing happens.
    let (policy, one) = (self::policy(8), Placed::new());
    let position = waits(&policy, &one);
    overwritten(&policy, &one, (false, position));
    assert_eq!(waits(&policy, &one), position);
    // The predecessor had no position yet, or another one by now: then the slot is seen to.
    for taken_over in [u32::MAX, position + 100] {
        assert_eq!(
            policy.small.pop(&local.taken).map(|(_, slot)| slot),
            Some(one.slot)
        );
        overwritten(&policy, &one, (false, taken_over));
        assert_eq!(policy.in_no_queue(&one.table, &[]), None);
    }
}

/// A ring full of what has gone takes newcomers, and whom it finds waiting stays in it.
#[test]
fn a_full_ring_makes_place() {
    let (policy, placed, local) = (policy(8), Placed::new(), PolicyLocal::default());
    policy.see_to(&placed.table, placed.slot, &local);
    for _ in 0..1_000 {
        while let Some(position) = policy.small.reserve(&local.taken) {
            // Nobody's.
            policy.small.fill(position, Slot(0));
        }
        if let Some(waiting) = policy.make_place(&placed.table, &local) {
            policy.see_to(&placed.table, waiting, &local);
        }
        assert_eq!(policy.in_no_queue(&placed.table, &[]), None);
    }
}
