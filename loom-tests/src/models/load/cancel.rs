//! Waiters that go away (L7, T24).

use std::sync::atomic::Ordering::SeqCst;

use super::super::check;
use super::support::{World, poll_once};
use crate::single_flight::Joined;
use crate::sync::{StdArc, thread};

/// One waiter cancels while the leader lands and another waits: the other still gets the value.
///
/// Seeded fault: `load-no-wake`.
#[test]
fn a_cancelled_waiter_cancels_nobody() {
    check("load::waiter cancel", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let mut goes = world.join();
        let stays = world.join();
        let goes = thread::spawn(move || {
            if poll_once(&mut goes).is_pending() {
                thread::yield_now();
            }
            drop(goes);
        });
        let stays = thread::spawn(move || match stays.wait() {
            Joined::Done(result) => result.expect("the value"),
            Joined::Promoted(_) => panic!("the leader landed"),
        });
        assert!(guard.complete(Ok::<_, ()>(5)));
        assert_eq!(stays.join().unwrap(), 5);
        goes.join().unwrap();
        world.assert_at_rest();
    });
}

/// The leader goes, and of two waiters one goes too, perhaps after its promotion: the other one leads.
///
/// Seeded fault: `load-forget-leadership` (a leadership that is dropped before it begins is not passed on).
#[test]
fn a_promoted_waiter_that_is_cancelled_passes_the_leadership_on() {
    check("load::leadership passed on", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let mut goes = world.join();
        let stays = world.join();
        let goes = thread::spawn(move || {
            // Promoted or not: its answer, a leadership perhaps, and its place are dropped.
            drop(poll_once(&mut goes));
        });
        let stays = thread::spawn({
            let world = StdArc::clone(&world);
            move || match stays.wait() {
                Joined::Promoted(leadership) => {
                    let value = world.load(2);
                    leadership.begin(&world.cache).complete(Ok::<_, ()>(value))
                }
                Joined::Done(_) => panic!("nobody else finished a load"),
            }
        });
        drop(guard);
        assert!(stays.join().unwrap());
        goes.join().unwrap();
        assert_eq!(world.loads.load(SeqCst), 1);
        world.assert_at_rest();
    });
}

/// Everybody goes: leader and both waiters, in any order. Nothing stays behind (L10), and the next caller
/// is not held up.
///
/// Seeded fault: `load-cancel-strands` (the last waiter of an orphaned flight leaves it in the registry).
#[test]
fn when_all_go_the_flight_is_over() {
    check("load::all cancelled", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let waiters = [(); 2].map(|()| {
            let mut join = world.join();
            thread::spawn(move || {
                let _ = poll_once(&mut join);
                drop(join);
            })
        });
        drop(guard);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        world.assert_at_rest();
        drop(world.lead());
    });
}
