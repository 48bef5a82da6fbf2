//! Waiters that leave, flights that are overtaken, and threads among futures; polled by hand as in `async_form`.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Wake, Waker};

use super::async_form::{fixture, lead, value, wait};
use super::support::{Task, TestGroup, TestStore, assert_at_rest, quiet_panic, until_waiting};
use crate::single_flight::{FlightArrival, FlightError, Joined};
use crate::sync::{StdArc, thread};

#[test]
fn t24_a_cancelled_waiter_cancels_nobody() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut stays = Task::new(wait(&group, &store, 1));
    let mut goes = Task::new(wait(&group, &store, 1));
    stays.pending();
    goes.pending();
    drop(goes);
    assert!(guard.is_current());
    guard.complete(Ok::<_, String>(1));
    assert_eq!(value(stays.ready()), 1);
    assert_at_rest(&group, &store);
}

#[test]
fn l10_an_outcome_nobody_collects_is_dropped() {
    let (group, store) = (TestGroup::new(), TestStore::keeps_nothing());
    let value = StdArc::new(());
    for cancel_before in [true, false] {
        let FlightArrival::Lead(leadership) = group.enter(&store, &1) else {
            panic!("a flight is under way")
        };
        let guard = leadership.begin(&store);
        let FlightArrival::Wait(waiter) = group.enter(&store, &1) else {
            panic!("no flight to join")
        };
        let mut waiter = Some(waiter);
        guard.complete_with(|| {
            if cancel_before {
                waiter = None;
            }
            Ok::<_, String>(StdArc::clone(&value))
        });
        drop(waiter);
        assert_eq!(StdArc::strong_count(&value), 1, "a flight kept its value");
        assert_at_rest(&group, &store);
    }
}

#[test]
fn t24_a_waiter_cancelled_after_its_promotion_passes_the_leadership_on() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut first = Task::new(wait(&group, &store, 1));
    let mut second = Task::new(wait(&group, &store, 1));
    first.pending();
    second.pending();
    drop(guard);
    let promoted = first.ready();
    assert!(matches!(promoted, Joined::Promoted(_)));
    second.pending();
    drop(promoted);
    assert_eq!(second.bell.rung(), 2);
    assert!(matches!(second.ready(), Joined::Promoted(_)));
    // That one was dropped at once, too; nobody is left.
    assert_at_rest(&group, &store);
}

#[test]
fn t24_when_the_last_waiter_leaves_an_orphaned_flight_it_is_over() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let own = guard.join().unwrap();
    let waiter = wait(&group, &store, 1);
    drop(guard);
    assert_eq!(group.len(), 1, "orphaned, with one who could lead");
    drop(waiter);
    assert_at_rest(&group, &store);
    let joined = Task::new(own).ready();
    assert!(matches!(joined, Joined::Done(Err(FlightError::Abandoned))));
}

#[test]
fn l4_a_dropped_load_without_other_waiters_is_over() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut own = Task::new(guard.join().unwrap());
    own.pending();
    drop(guard);
    assert_eq!(own.bell.rung(), 1);
    assert_at_rest(&group, &store);
    assert!(matches!(
        own.ready(),
        Joined::Done(Err(FlightError::Abandoned))
    ));
}

#[test]
fn t26_an_overtaken_flight_takes_no_newcomers_and_publishes_nothing() {
    let (group, store) = fixture();
    let old = lead(&group, &store, 1);
    let mut waiter = Task::new(wait(&group, &store, 1));
    waiter.pending();
    store.invalidate(1);
    let new = lead(&group, &store, 1);
    let mut newcomer = Task::new(wait(&group, &store, 1));
    newcomer.pending();
    assert!(!old.may_publish(&store) && !old.publish(&store, 1));
    old.complete(Ok::<_, String>(1));
    assert_eq!(value(waiter.ready()), 1, "L5: its call began before");
    newcomer.pending();
    drop(wait(&group, &store, 1)); // The old flight's end left the new one in its place.
    assert!(new.publish(&store, 2));
    new.complete(Ok::<_, String>(2));
    assert_eq!(value(newcomer.ready()), 2);
    assert_eq!(store.get(1), Some(2));
    assert_at_rest(&group, &store);
}

#[test]
fn t26_an_overtaken_flight_that_is_led_anew_loads_under_a_new_lease() {
    let (group, store) = fixture();
    let old = lead(&group, &store, 1);
    let mut waiter = Task::new(wait(&group, &store, 1));
    store.invalidate(1);
    drop(old);
    let Joined::Promoted(leadership) = waiter.ready() else {
        panic!("not promoted")
    };
    // Its load begins after the invalidation: newcomers may join it, and it may publish.
    let guard = leadership.begin(&store);
    let mut newcomer = Task::new(wait(&group, &store, 1));
    assert!(guard.publish(&store, 4));
    guard.complete(Ok::<_, String>(4));
    assert_eq!(value(newcomer.ready()), 4);
    assert_at_rest(&group, &store);
}

#[test]
fn threads_and_futures_wait_for_the_same_flight() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut future = Task::new(wait(&group, &store, 1));
    future.pending();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| group.get_or_fetch(&store, 1, || panic!("must wait")));
        until_waiting(&group, 1, 2);
        guard.complete(Ok::<_, String>(7));
        assert_eq!(blocked.join().unwrap(), 7);
    });
    assert_eq!(value(future.ready()), 7);
    assert_at_rest(&group, &store);
}

#[test]
fn a_thread_is_promoted_when_an_async_leader_goes() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| group.get_or_fetch(&store, 1, || 9));
        until_waiting(&group, 1, 1);
        drop(guard);
        assert_eq!(blocked.join().unwrap(), 9);
    });
    assert_eq!(store.get(1), Some(9));
    assert_at_rest(&group, &store);
}

struct Explosive;

impl Wake for Explosive {
    fn wake(self: StdArc<Self>) {
        quiet_panic();
    }
}

#[test]
fn l3_a_waker_that_panics_leaves_nobody_asleep() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut before = Task::new(wait(&group, &store, 1));
    before.pending();
    let mut bad = Box::pin(wait(&group, &store, 1));
    let waker = Waker::from(StdArc::new(Explosive));
    assert!(
        bad.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let mut after = Task::new(wait(&group, &store, 1));
    after.pending();
    let landing = catch_unwind(AssertUnwindSafe(|| guard.complete(Ok::<_, String>(1))));
    assert!(landing.is_err());
    assert_eq!((before.bell.rung(), after.bell.rung()), (1, 1));
    assert_eq!(value(before.ready()) + value(after.ready()), 2);
    drop(bad);
    assert_at_rest(&group, &store);
}
