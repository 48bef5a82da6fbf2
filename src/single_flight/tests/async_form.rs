//! The asynchronous form, polled by hand: every step of a race is put where the test wants it.

use std::future::{pending, ready};

use super::support::{Task, TestGroup, TestLease, TestStore, assert_at_rest};
use crate::single_flight::{
    FetchOutcome, FlightArrival, FlightError, JoinFuture, Joined, LeaderGuard,
};
use crate::sync::Mutex;

pub(super) type TestGuard = LeaderGuard<u64, u32, TestLease>;
pub(super) type TestJoin = JoinFuture<u64, u32, TestLease>;

pub(super) fn fixture() -> (TestGroup<u32>, TestStore<u32>) {
    (TestGroup::new(), TestStore::new())
}

pub(super) fn lead(group: &TestGroup<u32>, store: &TestStore<u32>, key: u64) -> TestGuard {
    match group.enter(store, &key) {
        FlightArrival::Lead(leadership) => leadership.begin(store),
        FlightArrival::Wait(_) | FlightArrival::Nested => panic!("a flight is under way"),
    }
}

pub(super) fn wait(group: &TestGroup<u32>, store: &TestStore<u32>, key: u64) -> TestJoin {
    match group.enter(store, &key) {
        FlightArrival::Wait(join) => join,
        FlightArrival::Lead(_) | FlightArrival::Nested => panic!("no flight to join"),
    }
}

pub(super) fn value(joined: Joined<u64, u32, TestLease>) -> u32 {
    match joined {
        Joined::Done(result) => result.expect("a value"),
        Joined::Promoted(_) => panic!("promoted"),
    }
}

#[test]
fn l2_all_waiters_are_woken_once_and_get_the_value() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut waiters: Vec<_> = (0..5).map(|_| Task::new(wait(&group, &store, 1))).collect();
    waiters.iter_mut().for_each(Task::pending);
    assert!(guard.may_publish(&store));
    assert!(guard.publish(&store, 3));
    assert!(guard.complete(Ok::<_, String>(3)));
    for waiter in &mut waiters {
        assert_eq!(waiter.bell.rung(), 1);
        assert_eq!(value(waiter.ready()), 3);
    }
    assert_eq!(store.get(1), Some(3));
    assert_at_rest(&group, &store);
}

#[test]
fn l3_a_waiter_polled_first_after_the_landing_still_gets_the_value() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut late = Task::new(wait(&group, &store, 1));
    guard.complete(Ok::<_, String>(3));
    assert_eq!(value(late.ready()), 3);
    assert_at_rest(&group, &store);
}

#[test]
fn l3_the_latest_waker_is_the_one_that_is_woken() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut waiter = Task::new(wait(&group, &store, 1));
    waiter.pending();
    let first_bell = std::mem::take(&mut waiter.bell);
    waiter.pending();
    guard.complete(Ok::<_, String>(3));
    assert_eq!((first_bell.rung(), waiter.bell.rung()), (0, 1));
    assert_eq!(value(waiter.ready()), 3);
}

#[test]
fn t20_the_leading_caller_is_dropped_and_its_load_goes_on() {
    let (group, store) = fixture();
    let led = Mutex::new(None);
    let start = |guard: TestGuard| *led.lock().unwrap() = Some(guard);
    let mut caller = Task::new(group.share(&store, 1, start, pending::<()>));
    caller.pending();
    let mut waiter = Task::new(group.share(&store, 1, |_| panic!("leads"), pending::<()>));
    waiter.pending();
    drop(caller);
    waiter.pending();
    let guard = led.lock().unwrap().take().unwrap();
    assert!(guard.publish(&store, 6));
    guard.complete(Ok::<_, String>(6));
    assert_eq!(waiter.bell.rung(), 1);
    assert!(matches!(waiter.ready(), FetchOutcome::Value(6)));
    assert_at_rest(&group, &store);
}

#[test]
fn t20_a_dropped_load_promotes_one_waiter_which_uses_its_own_loader() {
    let (group, store) = fixture();
    let led = Mutex::new(Vec::new());
    let start = |guard: TestGuard| led.lock().unwrap().push(guard);
    let mut callers: Vec<_> = (0..3)
        .map(|_| Task::new(group.share(&store, 1, start, pending::<()>)))
        .collect();
    callers.iter_mut().for_each(Task::pending);
    assert_eq!(led.lock().unwrap().len(), 1, "L1: one leader");

    drop(led.lock().unwrap().pop()); // The task was aborted.
    let abandoned = callers[0].ready();
    assert!(
        matches!(abandoned, FetchOutcome::Failed(FlightError::Abandoned)),
        "L4: its loader is gone with the task"
    );
    callers[1].pending();
    callers[2].pending();
    assert_eq!(led.lock().unwrap().len(), 1, "L4: exactly one takes over");

    let guard = led.lock().unwrap().pop().unwrap();
    guard.complete(Ok::<_, String>(8));
    assert!(matches!(callers[1].ready(), FetchOutcome::Value(8)));
    assert!(matches!(callers[2].ready(), FetchOutcome::Value(8)));
    assert_at_rest(&group, &store);
}

#[test]
fn t21_a_waiter_that_is_never_polled_again_holds_nobody_up() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut asleep = Task::new(wait(&group, &store, 1));
    let mut awake = Task::new(wait(&group, &store, 1));
    asleep.pending();
    awake.pending();
    drop(guard);
    assert_eq!((asleep.bell.rung(), awake.bell.rung()), (1, 1));
    // `asleep` came first and is alive, but nobody polls it: `awake` leads.
    let Joined::Promoted(leadership) = awake.ready() else {
        panic!("L4: no leader")
    };
    leadership.begin(&store).complete(Ok::<_, String>(2));
    assert_eq!(value(asleep.ready()), 2);
    assert_at_rest(&group, &store);
}

#[test]
fn t21_a_newcomer_leads_an_orphaned_flight_nobody_polls() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut asleep = Task::new(wait(&group, &store, 1));
    asleep.pending();
    drop(guard);
    let guard = lead(&group, &store, 1);
    asleep.pending();
    guard.complete(Ok::<_, String>(2));
    assert_eq!(value(asleep.ready()), 2);
    assert_at_rest(&group, &store);
}

#[test]
fn t22_waiters_get_the_same_error_and_later_callers_a_new_flight() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut waiters: Vec<_> = (0..3).map(|_| Task::new(wait(&group, &store, 1))).collect();
    waiters.iter_mut().for_each(Task::pending);
    guard.complete(Err(String::from("refused")));
    for waiter in &mut waiters {
        let Joined::Done(Err(error)) = waiter.ready() else {
            panic!("no error")
        };
        assert_eq!(
            error.downcast::<String>().as_deref().map(String::as_str),
            Some("refused")
        );
        assert_eq!(error.downcast::<u8>(), None);
    }
    assert_at_rest(&group, &store);
    drop(lead(&group, &store, 1));
}

#[test]
fn t23_an_expired_flight_frees_the_key_while_its_load_runs_on() {
    let (group, store) = fixture();
    let led = Mutex::new(None);
    let start = |guard: TestGuard| *led.lock().unwrap() = Some(guard);
    // The leader is stuck in blocking code; its own caller's patience ends (the timer is ready).
    let mut caller = Task::new(group.share(&store, 1, start, || ready(())));
    let result = caller.ready();
    assert!(matches!(result, FetchOutcome::Failed(FlightError::Expired)));
    assert_at_rest_but_one_lease(&group, &store);

    let fresh = lead(&group, &store, 1);
    let orphan = led.lock().unwrap().take().unwrap();
    assert!(!orphan.is_current() && !orphan.may_publish(&store));
    assert!(
        !orphan.publish(&store, 1),
        "L11: the orphan publishes nothing"
    );
    assert!(!orphan.complete(Ok::<_, String>(1)), "L11: it was over");
    assert!(fresh.publish(&store, 2));
    fresh.complete(Ok::<_, String>(2));
    assert_eq!(store.get(1), Some(2));
    assert_at_rest(&group, &store);
}

/// The orphan's guard still has its lease, the registry has nothing.
fn assert_at_rest_but_one_lease(group: &TestGroup<u32>, store: &TestStore<u32>) {
    assert_eq!((group.len(), store.leases_out()), (0, 1));
}

#[test]
fn t23_the_leader_can_expire_its_flight_for_all() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let mut waiter = Task::new(wait(&group, &store, 1));
    waiter.pending();
    assert!(guard.expire());
    let joined = waiter.ready();
    assert!(matches!(joined, Joined::Done(Err(FlightError::Expired))));
    assert_at_rest(&group, &store);
}

#[test]
fn t23_impatience_with_one_leader_does_not_end_the_next_ones_load() {
    let (group, store) = fixture();
    let guard = lead(&group, &store, 1);
    let impatient = wait(&group, &store, 1);
    let mut other = Task::new(wait(&group, &store, 1));
    drop(guard);
    let guard = lead(&group, &store, 1);
    impatient.expire();
    other.pending();
    assert!(guard.complete(Ok::<_, String>(5)), "the flight goes on");
    assert_eq!(value(other.ready()), 5);
    assert_at_rest(&group, &store);
}
