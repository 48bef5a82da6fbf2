//! The clock's arithmetic, and that M's count is exact whatever order its entries come, go and are overwritten in.

use super::*;
use crate::engine::entry::{Due, Standing};
use crate::time::Deadline;

fn clock(capacity: usize) -> Clock {
    Clock::new(capacity, capacity.div_ceil(4) + 1).unwrap()
}

fn entry() -> Entry<u64, u64> {
    entry_of(Standing::new(0, 0))
}

fn entry_of(standing: Standing) -> Entry<u64, u64> {
    let due = Due::new(Deadline::NEVER, 0);
    Entry::new(Phase::Live, Hash::new(0), due, standing, 1, 1)
}

fn is_in_m(entry: &Entry<u64, u64>) -> bool {
    Clock::is_in_m(&Standing::of(entry))
}

const LANE: Lane = Lane(0);

#[test]
fn s_leaves_m_a_place() {
    assert_eq!([1, 2, 3, 11].map(Clock::s_limit), [10, 10, 20, 100]);
}

/// Small caches, whose policy the exact model follows, take places one by one; S always has several blocks.
#[test]
fn blocks_are_small_parts_of_s() {
    let sizes = [1, 1_023, 1_024, 3_000, 4_096, 100_000].map(Clock::block);
    assert_eq!(sizes, [1, 1, 2, 5, 8, 8]);
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

/// I4: M's share rests on this count.
#[test]
fn m_counts_each_entry_once() {
    let clock = clock(100);
    let (one, gone) = (entry(), entry());
    assert!(!is_in_m(&one));
    clock.promote(&one, LANE, OLD);
    clock.promote(&one, LANE, 0);
    assert_eq!((clock.m_len(), is_in_m(&one)), (1, true));
    clock.gone(&gone);
    clock.promote(&gone, LANE, 0);
    assert_eq!(clock.m_len(), 1, "it had left before it was promoted");
    clock.gone(&gone);
    clock.gone(&one);
    clock.gone(&one);
    assert_eq!(clock.m_len(), 0);
}

#[test]
fn an_overwrite_keeps_the_count_of_m() {
    // Neither in M.
    let (clock, old, new) = (clock(100), entry(), entry());
    clock.overwritten(&old, &new, false);
    assert_eq!((clock.m_len(), is_in_m(&new)), (0, false));
    // Inherited with everything else.
    let old = entry();
    clock.promote(&old, LANE, 0);
    let new = entry_of(Standing::of(&old));
    clock.overwritten(&old, &new, true);
    assert_eq!((clock.m_len(), is_in_m(&new)), (1, true));
    clock.gone(&old);
    assert_eq!(clock.m_len(), 1, "it does not leave M a second time");
    clock.gone(&new);
    assert_eq!(clock.m_len(), 0);
    // Promoted after its successor was made: that goes to M too.
    let (old, new) = (entry(), entry());
    clock.promote(&old, LANE, 0);
    clock.overwritten(&old, &new, false);
    assert_eq!((clock.m_len(), is_in_m(&new)), (1, true));
    clock.gone(&new);
    assert_eq!(clock.m_len(), 0);
    // Both promoted.
    let (old, new) = (entry(), entry());
    clock.promote(&old, LANE, 0);
    clock.promote(&new, LANE, 0);
    clock.overwritten(&old, &new, false);
    assert_eq!(clock.m_len(), 1);
    clock.gone(&new);
    assert_eq!(clock.m_len(), 0);
    // The successor has gone already.
    let (old, new) = (entry(), entry());
    clock.promote(&old, LANE, 0);
    clock.gone(&new);
    clock.overwritten(&old, &new, false);
    assert_eq!(clock.m_len(), 0);
}

#[test]
fn the_hand_takes_a_use_and_the_marks_of_those_it_passes() {
    let clock = clock(100);
    clock.steady.store(Usage::steady(10), Ordering::Relaxed);
    // S shrinks for an entry used in the last tenth of C/|M| of its lap.
    for (in_m, used, began, late) in [
        (20, 9, 7, true),
        (20, 8, 7, false),
        (2, 9, 7, true),
        (2, 7, 7, false),
    ] {
        let mut entry = entry();
        entry.usage = Usage::new(2, used);
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
