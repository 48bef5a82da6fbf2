//! The leader is dropped (abort, `select!`): the promotion race (L1, L4, T20, T21).

use std::sync::atomic::Ordering::SeqCst;

use super::super::check;
use super::support::World;
use crate::single_flight::{FlightError, Joined};
use crate::sync::{StdArc, thread};

/// A guard is dropped while one thread waits or is about to: that thread loads, now or as a newcomer.
///
/// Seeded fault: `load-forget-on-panic`.
#[test]
fn a_dropped_leader_hands_over() {
    check("load::leader drop", 5, 100, || {
        let world = World::new();
        let guard = world.lead();
        let waiter = thread::spawn({
            let world = StdArc::clone(&world);
            move || world.fetch(|| world.load(7))
        });
        drop(guard);
        assert_eq!(world.fetch(|| world.load(7)), 7);
        assert_eq!(waiter.join().unwrap(), 7);
        assert_eq!(world.loads.load(SeqCst), 1, "L2, L4: one load in its place");
        world.assert_at_rest();
    });
}

/// Two registered waiters race for a dropped leader's flight: exactly one is promoted, and the other gets
/// its value.
///
/// Seeded fault: `load-claim-keeps-orphan`.
#[test]
fn exactly_one_waiter_is_promoted() {
    check("load::promotion race", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let waiters = [(); 2].map(|()| {
            let join = world.join();
            let world = StdArc::clone(&world);
            thread::spawn(move || match join.wait() {
                Joined::Promoted(leadership) => {
                    let guard = leadership.begin(&world.cache);
                    let value = world.load(3);
                    assert!(guard.complete(Ok::<_, ()>(value)));
                    value
                }
                Joined::Done(result) => result.expect("the promoted one's value"),
            })
        });
        drop(guard);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 3);
        }
        assert_eq!(world.loads.load(SeqCst), 1, "L4: exactly one is promoted");
        world.assert_at_rest();
    });
}

/// A detached load is aborted: its own caller is told, the waiter with a loader leads on; each exactly that.
///
/// Seeded fault: `load-promote-without-loader` (the caller without a loader is promoted).
#[test]
fn the_caller_without_a_loader_is_told_and_another_leads() {
    check("load::with and without loader", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let own = guard.join().unwrap();
        let with_loader = world.join();
        let loader_given = thread::spawn(move || match own.wait() {
            Joined::Done(Err(FlightError::Abandoned)) => {}
            Joined::Done(_) => panic!("L4: a waiter without a loader got another leader's result"),
            Joined::Promoted(_) => panic!("L4: a waiter without a loader was promoted"),
        });
        let with_loader = thread::spawn({
            let world = StdArc::clone(&world);
            move || match with_loader.wait() {
                Joined::Promoted(leadership) => {
                    leadership.begin(&world.cache).complete(Ok::<_, ()>(4))
                }
                Joined::Done(_) => panic!("L4: no leader is left but this one"),
            }
        });
        drop(guard);
        loader_given.join().unwrap();
        assert!(with_loader.join().unwrap());
        world.assert_at_rest();
    });
}
