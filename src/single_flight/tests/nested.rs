//! T25: loads that ask for themselves, on one thread, across threads, and across futures.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::{
    Task, TestGroup, TestStore, assert_at_rest, quiet_panic, until, until_waiting,
};
use crate::single_flight::nesting::{self, Cycle, Edges, LoadScope, WaitNode};
use crate::single_flight::{FetchOutcome, LeaderGuard};
use crate::sync::{AtomicUsize, Mutex, Ordering, StdArc, thread};

#[test]
fn t25_a_loader_that_asks_for_its_own_key_loads_directly() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let value = group.get_or_fetch(&store, 1, || {
        let inner = group.get_or_fetch(&store, 1, || 10);
        assert_eq!(store.get(1), None, "L8: the nested result is not kept");
        inner + 1
    });
    assert_eq!(value, 11);
    assert_eq!(store.get(1), Some(11));
    assert_at_rest(&group, &store);
}

#[test]
fn t25_after_its_own_invalidation_a_loader_starts_afresh() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let value = group.get_or_fetch(&store, 1, || {
        store.invalidate(1);
        group.get_or_fetch(&store, 1, || 10) + 1
    });
    assert_eq!(value, 11);
    // The outer flight was overtaken; the inner one began after the invalidation and was published.
    assert_eq!(store.get(1), Some(10));
    assert_at_rest(&group, &store);
}

#[test]
fn t25_nesting_of_different_keys_is_ordinary() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let value = group.get_or_fetch(&store, 1, || {
        group.get_or_fetch(&store, 2, || group.get_or_fetch(&store, 3, || 1) + 1) + 1
    });
    assert_eq!(value, 3);
    assert_eq!((store.get(2), store.get(3)), (Some(2), Some(1)));
    assert_at_rest(&group, &store);
}

/// `n` threads, each the leader of its own key, each asking for the next one's: a ring of waits.
fn ring(n: u64) {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let leading = AtomicUsize::new(0);
    thread::scope(|scope| {
        for key in 0..n {
            let (group, store, leading) = (&group, &store, &leading);
            scope.spawn(move || {
                group.get_or_fetch(store, key, || {
                    leading.fetch_add(1, Ordering::SeqCst);
                    until(|| leading.load(Ordering::SeqCst) == n as usize);
                    group.get_or_fetch(store, (key + 1) % n, || 0) + 1
                })
            });
        }
    });
    assert_at_rest(&group, &store);
}

#[test]
fn t25_threads_that_wait_for_each_other_crosswise_do_not_deadlock() {
    for n in 2..=5 {
        ring(n);
    }
}

#[test]
fn t25_a_chain_without_a_cycle_waits_as_usual() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let loads = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            group.get_or_fetch(&store, 2, || {
                loads.fetch_add(1, Ordering::SeqCst);
                until_waiting(&group, 2, 1);
                20
            })
        });
        until(|| group.len() == 1);
        // Waits inside the loader of 1 for the flight of 2, which waits for nobody.
        let value = group.get_or_fetch(&store, 1, || {
            group.get_or_fetch(&store, 2, || panic!("must wait for the flight")) + 1
        });
        assert_eq!(value, 21);
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_at_rest(&group, &store);
}

#[test]
fn l8_a_wait_leaves_no_edges_and_a_loader_no_scope() {
    let (outer, inner) = (StdArc::new(WaitNode::new()), StdArc::new(WaitNode::new()));
    let scope = LoadScope::enter(std::slice::from_ref(&outer));
    assert_eq!(nesting::depth(), 1);
    let edges = Edges::to(&inner).unwrap_or_else(|Cycle| panic!("no cycle here"));
    assert_eq!(StdArc::strong_count(&inner), 3);
    assert!(Edges::to(&outer).is_err(), "L8: waits for itself");
    drop(edges);
    assert_eq!(StdArc::strong_count(&inner), 1, "an edge stayed");
    drop(scope);
    assert_eq!((nesting::depth(), StdArc::strong_count(&outer)), (0, 1));

    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let call = AssertUnwindSafe(|| group.get_or_fetch(&store, 1, || quiet_panic()));
    assert!(catch_unwind(call).is_err());
    assert_eq!(nesting::depth(), 0, "a panic leaves no scope either");
}

#[test]
fn t25_an_async_loader_that_asks_for_its_own_key_is_told_so() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let led = Mutex::new(None);
    let start = |guard: LeaderGuard<_, _, _>| *led.lock().unwrap() = Some(guard);
    let mut caller = Task::new(group.share(&store, 1, start, pending::<()>));
    caller.pending();

    let guard = led.lock().unwrap().take().unwrap();
    let mut loader = Task::new(guard.drive(async {
        let nested = group.share(&store, 1, |_| panic!("leads twice"), pending::<()>);
        matches!(nested.await, FetchOutcome::Nested)
    }));
    assert!(loader.ready(), "L8: waiting for oneself");
    drop(loader);
    assert!(guard.complete(Ok::<_, String>(4)));
    assert!(matches!(caller.ready(), FetchOutcome::Value(4)));
    assert_at_rest(&group, &store);
}

#[test]
fn t25_async_loads_that_wait_for_each_other_crosswise_are_told_so() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let led = Mutex::new(Vec::new());
    let start = |guard: LeaderGuard<_, _, _>| led.lock().unwrap().push(guard);
    let mut first = Task::new(group.share(&store, 1, start, pending::<()>));
    first.pending();
    let mut second = Task::new(group.share(&store, 2, start, pending::<()>));
    second.pending();
    let [one, two]: [_; 2] = std::mem::take(&mut *led.lock().unwrap())
        .try_into()
        .unwrap();
    let no_start = |_: LeaderGuard<_, _, _>| panic!("both keys have a flight");
    let mut load_one = Task::new(one.drive(group.share(&store, 2, no_start, pending::<()>)));
    load_one.pending();
    let mut load_two = Task::new(two.drive(group.share(&store, 1, no_start, pending::<()>)));
    assert!(
        matches!(load_two.ready(), FetchOutcome::Nested),
        "L8: a cycle"
    );
    drop(load_two);
    two.complete(Ok::<_, String>(2));
    assert!(matches!(load_one.ready(), FetchOutcome::Value(2)));
    drop(load_one);
    one.complete(Ok::<_, String>(1));
    assert!(matches!(first.ready(), FetchOutcome::Value(1)));
    assert!(matches!(second.ready(), FetchOutcome::Value(2)));
    assert_at_rest(&group, &store);
}

#[test]
fn t25_a_load_started_inside_a_loader_knows_who_waits_for_it() {
    // 1's loader starts the load of 2 in another task and waits; 2's loader asks for 1.
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let led = Mutex::new(Vec::new());
    let start = |guard: LeaderGuard<_, _, _>| led.lock().unwrap().push(guard);
    let mut caller = Task::new(group.share(&store, 1, start, pending::<()>));
    caller.pending();
    let one = led.lock().unwrap().pop().unwrap();
    let mut load_one = Task::new(one.drive(group.share(&store, 2, start, pending::<()>)));
    load_one.pending();
    let two = led.lock().unwrap().pop().unwrap();
    let mut load_two = Task::new(two.drive(group.share(&store, 1, start, pending::<()>)));
    assert!(
        matches!(load_two.ready(), FetchOutcome::Nested),
        "L8: a cycle"
    );
    drop((load_two, load_one, caller));
    drop((one, two));
    assert_at_rest(&group, &store);
}
