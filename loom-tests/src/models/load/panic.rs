//! The leader panics: it alone unwinds, one waiter takes over (L4, T22).

use std::sync::atomic::Ordering::SeqCst;

use super::super::check;
use super::support::{World, caught, quiet_panic};
use crate::sync::{StdArc, thread};

/// One caller's loader panics, the other's does not: the other gets its own value whatever it met.
///
/// Seeded fault: `load-forget-on-panic` (the guard's drop does nothing: deadlock).
#[test]
fn a_panic_unwinds_the_leader_alone() {
    check("load::panic, 2 threads", 5, 100, || {
        let world = World::new();
        let other = thread::spawn({
            let world = StdArc::clone(&world);
            move || caught(|| world.fetch(|| quiet_panic()))
        });
        assert_eq!(world.fetch(|| world.load(7)), 7);
        if let Some(value) = other.join().unwrap() {
            assert_eq!(value, 7, "a caller that did not lead has the other's value");
        }
        assert_eq!(world.loads.load(SeqCst), 1);
        assert_eq!(world.cache.get(super::support::KEY), Some(7));
        world.assert_at_rest();
    });
}

/// Two waiters behind a leader that panics: one load in its place, both have the value.
///
/// Seeded fault: `load-claim-keeps-orphan` (a claim leaves the flight orphaned: both lead).
#[test]
fn one_of_two_waiters_takes_over() {
    check("load::panic, 3 threads", 4, 100, || {
        let world = World::new();
        let panicking = thread::spawn({
            let world = StdArc::clone(&world);
            move || caught(|| world.fetch(|| quiet_panic()))
        });
        let other = thread::spawn({
            let world = StdArc::clone(&world);
            move || world.fetch(|| world.load(7))
        });
        assert_eq!(world.fetch(|| world.load(7)), 7);
        assert_eq!(other.join().unwrap(), 7);
        panicking.join().unwrap();
        assert_eq!(world.loads.load(SeqCst), 1, "L4: exactly one takes over");
        world.assert_at_rest();
    });
}
