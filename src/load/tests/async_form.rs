//! The asynchronous form, polled by hand: every step of a race is put where the test wants it.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Wake, Waker};

use super::support::{
    Task, TestGroup, TestLease, TestStore, assert_at_rest, quiet_panic, until_waiting,
};
use crate::load::{Entry, FlightError, JoinFuture, Joined, LeaderGuard, Shared};
use crate::sync::{Mutex, StdArc, thread};

type Guard = LeaderGuard<u64, u32, TestLease>;
type Join = JoinFuture<u64, u32, TestLease>;

fn fixture() -> (TestGroup<u32>, TestStore<u32>) {
    (TestGroup::new(), TestStore::new())
}

fn lead(group: &TestGroup<u32>, store: &TestStore<u32>, key: u64) -> Guard {
    match group.enter(store, &key) {
        Entry::Lead(baton) => baton.begin(store),
        Entry::Wait(_) | Entry::Nested => panic!("a flight is under way"),
    }
}

fn wait(group: &TestGroup<u32>, store: &TestStore<u32>, key: u64) -> Join {
    match group.enter(store, &key) {
        Entry::Wait(join) => join,
        Entry::Lead(_) | Entry::Nested => panic!("no flight to join"),
    }
}

fn value(joined: Joined<u64, u32, TestLease>) -> u32 {
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
    let seat = Mutex::new(None);
    let start = |guard: Guard| *seat.lock().unwrap() = Some(guard);
    let mut caller = Task::new(group.share(&store, 1, start, pending::<()>));
    caller.pending();
    let mut waiter = Task::new(group.share(&store, 1, |_| panic!("leads"), pending::<()>));
    waiter.pending();
    drop(caller);
    waiter.pending();
    let guard = seat.lock().unwrap().take().unwrap();
    assert!(guard.publish(&store, 6));
    guard.complete(Ok::<_, String>(6));
    assert_eq!(waiter.bell.rung(), 1);
    assert!(matches!(waiter.ready(), Shared::Value(6)));
    assert_at_rest(&group, &store);
}

#[test]
fn t20_a_dropped_load_promotes_one_waiter_which_uses_its_own_loader() {
    let (group, store) = fixture();
    let seats = Mutex::new(Vec::new());
    let start = |guard: Guard| seats.lock().unwrap().push(guard);
    let mut callers: Vec<_> = (0..3)
        .map(|_| Task::new(group.share(&store, 1, start, pending::<()>)))
        .collect();
    callers.iter_mut().for_each(Task::pending);
    assert_eq!(seats.lock().unwrap().len(), 1, "L1: one leader");

    drop(seats.lock().unwrap().pop()); // The task was aborted.
    let abandoned = callers[0].ready();
    assert!(
        matches!(abandoned, Shared::Failed(FlightError::Abandoned)),
        "L4: its loader is gone with the task"
    );
    callers[1].pending();
    callers[2].pending();
    assert_eq!(seats.lock().unwrap().len(), 1, "L4: exactly one takes over");

    let guard = seats.lock().unwrap().pop().unwrap();
    guard.complete(Ok::<_, String>(8));
    assert!(matches!(callers[1].ready(), Shared::Value(8)));
    assert!(matches!(callers[2].ready(), Shared::Value(8)));
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
    let Joined::Promoted(baton) = awake.ready() else {
        panic!("L4: no leader")
    };
    baton.begin(&store).complete(Ok::<_, String>(2));
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
        assert_eq!(error.downcast::<String>().as_deref(), Some("refused"));
        assert_eq!(error.downcast::<u8>(), None);
    }
    assert_at_rest(&group, &store);
    drop(lead(&group, &store, 1));
}

#[test]
fn t23_an_expired_flight_frees_the_key_while_its_load_runs_on() {
    let (group, store) = fixture();
    let seat = Mutex::new(None);
    let start = |guard: Guard| *seat.lock().unwrap() = Some(guard);
    // The leader is stuck in blocking code; its own caller's patience ends (the timer is ready).
    let mut caller = Task::new(group.share(&store, 1, start, || ready(())));
    let result = caller.ready();
    assert!(matches!(result, Shared::Failed(FlightError::Expired)));
    assert_at_rest_but_one_lease(&group, &store);

    let fresh = lead(&group, &store, 1);
    let orphan = seat.lock().unwrap().take().unwrap();
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
        let Entry::Lead(baton) = group.enter(&store, &1) else {
            panic!("a flight is under way")
        };
        let guard = baton.begin(&store);
        let Entry::Wait(waiter) = group.enter(&store, &1) else {
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
fn t24_a_waiter_cancelled_after_its_promotion_passes_the_baton_on() {
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
    let Joined::Promoted(baton) = waiter.ready() else {
        panic!("not promoted")
    };
    // Its load begins after the invalidation: newcomers may join it, and it may publish.
    let guard = baton.begin(&store);
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
