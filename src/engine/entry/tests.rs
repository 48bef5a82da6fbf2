//! Phases, and what an entry hands on.

use super::slab::Lone;
use super::*;

const ALL: [Phase; 4] = [
    Phase::Pending,
    Phase::Live,
    Phase::Overtaken,
    Phase::Cancelled,
];

#[test]
fn a_phase_is_decided_once() {
    for (first, second) in ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b))) {
        let phase = PhaseWord::new(Phase::Pending);
        assert_eq!(phase.decide(first), first);
        let then = if first == Phase::Pending {
            second
        } else {
            first
        };
        assert_eq!(phase.decide(second), then);
        assert_eq!((phase.load(), phase.is_live()), (then, then == Phase::Live));
        // Whoever decides for it cannot know of its source.
        assert!(!phase.is_settled());
        assert_eq!(phase.enliven_settled(), then == Phase::Pending);
        if then != Phase::Pending {
            assert_eq!(phase.load(), then);
            assert!(!phase.is_settled());
        }
    }
}

#[test]
fn what_is_settled_is_live_and_stays_so() {
    let entered = PhaseWord::new(Phase::Pending);
    assert_eq!(entered.decide(Phase::Live), Phase::Live);
    assert!(!entered.is_settled());
    entered.settle();
    let at_once = PhaseWord::new(Phase::Pending);
    assert!(at_once.enliven_settled());
    for phase in [entered, at_once, PhaseWord::new(Phase::Live)] {
        for other in ALL {
            assert_eq!(phase.decide(other), Phase::Live);
        }
        assert!(!phase.enliven_settled(), "it had been live");
        assert!(phase.is_live() && phase.is_settled());
    }
}

/// What a hit reads of a small entry: in one cache line, as it is in blocks (`layout`).
#[cfg(not(tux_count))]
#[test]
fn a_small_entry_is_32_bytes() {
    assert_eq!(size_of::<Entry<u64, u64>>(), 32);
    assert_eq!(size_of::<Cold>(), 12);
}

/// An entry of main has no place in the ring, and an unsettled one has the number of a slot there: neither is handed on.
#[test]
fn only_a_settled_entry_of_small_hands_its_place_on() {
    let lifetime = Lifetime {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    let make = || {
        let hash = Hash::new(0);
        Lone::new(Newcomer::new(
            Phase::Live,
            hash,
            lifetime,
            PolicyMeta::new(0, 0),
            1_u64,
            1_u64,
        ))
    };
    for (in_main, settled) in [(false, true), (false, false), (true, true), (true, false)] {
        let entry = make();
        entry.cold().aux.store(7, Ordering::Relaxed);
        if in_main {
            entry.queue.store(IN_MAIN, Ordering::Relaxed);
        }
        if !settled {
            entry.phase.unsettle();
        }
        let meta = PolicyMeta::of(&entry);
        assert_eq!(meta.aux, if in_main || !settled { u32::MAX } else { 7 });
        assert_eq!(meta.is_in_main(), in_main);
    }
}
