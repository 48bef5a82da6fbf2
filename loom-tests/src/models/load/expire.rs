//! A deadline ends a flight while its load runs on (L11, T23).

use super::super::check;
use super::support::{KEY, World};
use crate::single_flight::{FlightError, Joined};
use crate::sync::{AtomicBool, Ordering, StdArc, thread};

/// A waiter's patience ends while the leader lands and another waiter waits: the other gets the value or
/// the expiry, never nothing; and the leader knows which.
///
/// Seeded fault: `load-no-wake`.
#[test]
fn an_expiry_races_the_landing() {
    check("load::expiry against landing", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let impatient = world.join();
        let patient = world.join();
        let impatient = thread::spawn(move || impatient.expire());
        let patient = thread::spawn(move || match patient.wait() {
            Joined::Done(Ok(value)) => Some(value),
            Joined::Done(Err(FlightError::Expired)) => None,
            Joined::Done(Err(_)) | Joined::Promoted(_) => panic!("neither landed nor expired"),
        });
        let landed = guard.complete(Ok::<_, ()>(6));
        impatient.join().unwrap();
        assert_eq!(patient.join().unwrap(), landed.then_some(6), "L11: one end");
        world.assert_at_rest();
    });
}

/// The leader publishes and lands, a waiter's patience ends, a newcomer asks: once the expiry has returned,
/// the orphan publishes nothing, and the newcomer gets a value whatever it met.
///
/// Seeded fault: `load-expired-publishes` (the orphan publishes after its flight is over).
#[test]
fn an_orphan_publishes_nothing() {
    check("load::expiry against orphan", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let impatient = world.join();
        let expired = StdArc::new(AtomicBool::new(false));
        let impatient = thread::spawn({
            let expired = StdArc::clone(&expired);
            move || {
                impatient.expire();
                expired.store(true, Ordering::Release);
            }
        });
        let newcomer = thread::spawn({
            let world = StdArc::clone(&world);
            move || world.fetch(|| world.load(2))
        });
        let late = expired.load(Ordering::Acquire);
        let published = guard.publish(&world.cache, 1);
        let landed = guard.complete(Ok::<_, ()>(1));
        assert!(!(late && (published || landed)), "L11: it was over");
        let value = newcomer.join().unwrap();
        impatient.join().unwrap();
        assert!(value == 2 || (value == 1 && published));
        assert!(matches!(world.cache.get(KEY), Some(1 | 2)));
        world.assert_at_rest();
    });
}

/// Impatience with a leader that goes at the same moment: its successor's load is not ended by it, and
/// nobody is left waiting.
///
/// Seeded fault: `load-expire-any-term` (the expiry ends the successor's load as well).
#[test]
fn impatience_does_not_end_the_successors_load() {
    check("load::expiry against promotion", 4, 100, || {
        let world = World::new();
        let guard = world.lead();
        let impatient = world.join();
        let waiter = world.join();
        let impatient = thread::spawn(move || impatient.expire());
        let waiter = thread::spawn({
            let world = StdArc::clone(&world);
            move || match waiter.wait() {
                Joined::Promoted(leadership) => {
                    let guard = leadership.begin(&world.cache);
                    let value = world.load(8);
                    assert!(guard.complete(Ok::<_, ()>(value)), "its load was ended");
                }
                Joined::Done(Err(FlightError::Expired)) => {}
                Joined::Done(_) => panic!("neither promoted nor expired"),
            }
        });
        drop(guard);
        impatient.join().unwrap();
        waiter.join().unwrap();
        world.assert_at_rest();
    });
}
