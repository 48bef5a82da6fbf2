//! Join: callers of one key share one load (L1, L2, L3, L10).

use std::sync::atomic::Ordering::SeqCst;

use super::super::check;
use super::support::World;
use crate::single_flight::Joined;
use crate::sync::{StdArc, thread};

/// Two threads miss at once: one load, both get its value, wherever the second one meets the first
/// (before, in, or after its flight).
///
/// Seeded faults: `load-no-second-look` (a leader that does not look into the cache again loads a second
/// time); `load-no-wake` (a landing that wakes nobody: deadlock).
#[test]
fn two_callers_make_one_load() {
    check("load::join, 2 threads", 5, 100, || {
        let world = World::new();
        let other = thread::spawn({
            let world = StdArc::clone(&world);
            move || world.fetch(|| world.load(7))
        });
        assert_eq!(world.fetch(|| world.load(7)), 7);
        assert_eq!(other.join().unwrap(), 7);
        assert_eq!(world.loads.load(SeqCst), 1, "L2: one load");
        world.assert_at_rest();
    });
}

/// The same with three threads.
#[test]
fn three_callers_make_one_load() {
    check("load::join, 3 threads", 4, 100, || {
        let world = World::new();
        let others = [(); 2].map(|()| {
            let world = StdArc::clone(&world);
            thread::spawn(move || world.fetch(|| world.load(7)))
        });
        assert_eq!(world.fetch(|| world.load(7)), 7);
        for other in others {
            assert_eq!(other.join().unwrap(), 7);
        }
        assert_eq!(world.loads.load(SeqCst), 1, "L2: one load");
        world.assert_at_rest();
    });
}

/// A leader that ends its flight against two waiters that are just going to sleep: both wake (L3).
///
/// Seeded fault: `load-late-waker` (the waker is noted after the look, outside its critical section: a
/// landing in between wakes nobody).
#[test]
fn a_landing_wakes_waiters_that_are_going_to_sleep() {
    check("load::landing against sleep", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let waiters = [(); 2].map(|()| {
            let join = world.join();
            thread::spawn(move || match join.wait() {
                Joined::Done(result) => result.expect("the value"),
                Joined::Promoted(_) => panic!("L4: promoted though the leader landed"),
            })
        });
        assert!(guard.complete(Ok::<_, ()>(5)));
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 5);
        }
        world.assert_at_rest();
    });
}
