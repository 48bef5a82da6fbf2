//! The synchronous form: the outcomes a flight can have, on real threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::{TestGroup, TestStore, assert_at_rest, quiet_panic, until, until_waiting};
use crate::single_flight::FlightArrival;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, StdArc, thread};

const WAITERS: usize = 6;

#[test]
fn l2_one_load_for_all_who_ask_at_once() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let loads = AtomicUsize::new(0);
    let load = || {
        loads.fetch_add(1, Ordering::SeqCst);
        until_waiting(&group, 1, WAITERS);
        42
    };
    thread::scope(|scope| {
        let calls: Vec<_> = (0..=WAITERS)
            .map(|_| scope.spawn(|| group.get_or_fetch(&store, 1, load)))
            .collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), 42);
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(store.get(1), Some(42));
    assert_at_rest(&group, &store);
}

#[test]
fn l2_a_cache_that_keeps_nothing_still_shares_the_flight() {
    let (group, store) = (TestGroup::new(), TestStore::keeps_nothing());
    let loads = AtomicUsize::new(0);
    let load = || {
        loads.fetch_add(1, Ordering::SeqCst);
        until_waiting(&group, 1, WAITERS);
        42
    };
    thread::scope(|scope| {
        for _ in 0..=WAITERS {
            scope.spawn(|| assert_eq!(group.get_or_fetch(&store, 1, load), 42));
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(store.get(1), None);
    assert_at_rest(&group, &store);
}

#[test]
fn l2_a_new_leader_looks_into_the_cache_again() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    // As if the flight before had published between this caller's look-up and its call.
    store.set(1, 7);
    let value = group.get_or_fetch(&store, 1, || panic!("loaded a value that is there"));
    assert_eq!(value, 7);
    assert_at_rest(&group, &store);
}

#[test]
fn t22_an_error_goes_to_all_who_waited_and_is_not_kept() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let loads = AtomicUsize::new(0);
    let load = || {
        loads.fetch_add(1, Ordering::SeqCst);
        until_waiting(&group, 1, WAITERS);
        Err::<u32, _>(String::from("database gone"))
    };
    thread::scope(|scope| {
        for _ in 0..=WAITERS {
            scope.spawn(|| {
                let error = group.try_get_or_fetch(&store, 1, load).unwrap_err();
                assert_eq!(error, "database gone");
            });
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1, "L6: no retry convoy");
    // A later caller starts afresh.
    let value = group.try_get_or_fetch(&store, 1, || Ok::<_, String>(5));
    assert_eq!(value, Ok(5));
    assert_at_rest(&group, &store);
}

#[test]
fn t22_a_waiter_with_another_error_type_runs_its_own_loader() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            group.try_get_or_fetch(&store, 1, || {
                until_waiting(&group, 1, 2);
                Err::<u32, _>("a &str")
            })
        });
        until(|| group.len() == 1);
        let other = scope.spawn(|| group.try_get_or_fetch(&store, 1, || Ok::<_, String>(8)));
        let never_fails = scope.spawn(|| group.get_or_fetch(&store, 1, || 8));
        assert_eq!(leader.join().unwrap(), Err("a &str"));
        assert_eq!(other.join().unwrap(), Ok(8));
        assert_eq!(never_fails.join().unwrap(), 8);
    });
    assert_eq!(store.get(1), Some(8));
    assert_at_rest(&group, &store);
}

#[test]
fn t22_a_waiter_tries_two_foreign_flights_and_then_loads_alone() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let lead = || match group.enter(&store, &1) {
        FlightArrival::Lead(leadership) => leadership.begin(&store),
        FlightArrival::Wait(_) | FlightArrival::Nested => panic!("a flight takes newcomers"),
    };
    thread::scope(|scope| {
        let first = lead();
        let patient = scope.spawn(|| group.try_get_or_fetch(&store, 1, || Ok::<_, String>(3)));
        until_waiting(&group, 1, 1);
        // Each next flight is under way when the one before fails.
        store.invalidate(1);
        let second = lead();
        first.complete(Err::<u32, u8>(1));
        until_waiting(&group, 1, 1);
        store.invalidate(1);
        let third = lead();
        second.complete(Err::<u32, u8>(2));
        assert_eq!(patient.join().unwrap(), Ok(3));
        third.expire();
    });
    assert_eq!(store.get(1), Some(3), "its own load is published");
    assert_at_rest(&group, &store);
}

#[test]
fn t22_a_panic_unwinds_the_leader_alone_and_one_waiter_takes_over() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let loads = AtomicUsize::new(0);
    let load = || {
        if loads.fetch_add(1, Ordering::SeqCst) == 0 {
            until_waiting(&group, 1, WAITERS);
            quiet_panic();
        }
        9
    };
    let call = || catch_unwind(AssertUnwindSafe(|| group.get_or_fetch(&store, 1, load)));
    let panics = thread::scope(|scope| {
        let calls: Vec<_> = (0..=WAITERS).map(|_| scope.spawn(call)).collect();
        let results = calls.into_iter().map(|call| call.join().unwrap());
        results
            .filter(|result| match result {
                Ok(value) => {
                    assert_eq!(*value, 9);
                    false
                }
                Err(_) => true,
            })
            .count()
    });
    assert_eq!(panics, 1, "L4: the leader alone unwinds");
    assert_eq!(loads.load(Ordering::SeqCst), 2, "L4: one waiter takes over");
    assert_at_rest(&group, &store);
}

#[test]
fn t22_when_every_loader_panics_each_caller_unwinds_and_none_hangs() {
    let (group, store) = (TestGroup::<u32>::new(), TestStore::new());
    let panics = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..=WAITERS {
            scope.spawn(|| {
                let load = || {
                    // Each leader fails in front of the others that still wait.
                    until_waiting(&group, 1, WAITERS - panics.load(Ordering::SeqCst));
                    panics.fetch_add(1, Ordering::SeqCst);
                    quiet_panic();
                };
                let call = AssertUnwindSafe(|| group.get_or_fetch(&store, 1, load));
                assert!(catch_unwind(call).is_err());
            });
        }
    });
    assert_eq!(panics.load(Ordering::SeqCst), WAITERS + 1);
    assert_at_rest(&group, &store);
    assert_eq!(group.get_or_fetch(&store, 1, || 1), 1);
}

#[test]
fn t26_a_set_during_the_flight_wins_over_it() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            group.get_or_fetch(&store, 1, || {
                until_waiting(&group, 1, 1);
                store.set(1, 100);
                1
            })
        });
        until(|| group.len() == 1);
        let waiter = scope.spawn(|| group.get_or_fetch(&store, 1, || 1));
        assert_eq!(leader.join().unwrap(), 1);
        // The waiter's call began before the set: the flight's value is as good an answer (L5).
        assert_eq!(waiter.join().unwrap(), 1);
    });
    assert_eq!(store.get(1), Some(100), "L5: the set stands");
    assert_at_rest(&group, &store);
}

#[test]
fn t26_whoever_calls_after_an_invalidation_starts_afresh() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let release = AtomicBool::new(false);
    let old = || {
        until(|| release.load(Ordering::SeqCst));
        "old"
    };
    thread::scope(|scope| {
        let leader = scope.spawn(|| group.get_or_fetch(&store, 1, &old));
        until(|| group.len() == 1);
        let waiter = scope.spawn(|| group.get_or_fetch(&store, 1, || "unused"));
        until_waiting(&group, 1, 1);
        store.invalidate(1);
        // The old flight is still under way, and this call neither waits for it nor gets its value.
        assert_eq!(group.get_or_fetch(&store, 1, || "new"), "new");
        assert_eq!(store.get(1), Some("new"));
        release.store(true, Ordering::SeqCst);
        assert_eq!(leader.join().unwrap(), "old");
        assert_eq!(waiter.join().unwrap(), "old");
    });
    assert_eq!(store.get(1), Some("new"), "L5: not published over it");
    assert_at_rest(&group, &store);
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    let (group, store) = (TestGroup::new(), TestStore::new());
    let release = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            group.get_or_fetch(&store, 1, || {
                until(|| release.load(Ordering::SeqCst));
                1
            })
        });
        until(|| group.len() == 1);
        for key in 2..50 {
            assert_eq!(group.get_or_fetch(&store, key, || key), key);
        }
        release.store(true, Ordering::SeqCst);
    });
    assert_at_rest(&group, &store);
}

/// Clones at will, or panics instead.
struct Fragile {
    clones_left: StdArc<AtomicUsize>,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        let left = self.clones_left.load(Ordering::SeqCst);
        assert!(left > 0, "no clone left");
        self.clones_left.store(left - 1, Ordering::SeqCst);
        Self {
            clones_left: StdArc::clone(&self.clones_left),
        }
    }
}

#[test]
fn i9_a_panic_in_clone_leaves_no_flight_behind() {
    // The leader clones for the cache, then for the flight; the waiter clones from there.
    for clones in 0..3 {
        let (group, store) = (TestGroup::new(), TestStore::keeps_nothing());
        let fragile = |clones| Fragile {
            clones_left: StdArc::new(AtomicUsize::new(clones)),
        };
        let fails = |load: &dyn Fn() -> Fragile| {
            let call = AssertUnwindSafe(|| group.get_or_fetch(&store, 1, load));
            catch_unwind(call).is_err()
        };
        thread::scope(|scope| {
            let leader = scope.spawn(|| {
                fails(&|| {
                    until_waiting(&group, 1, 1);
                    fragile(clones)
                })
            });
            until(|| group.len() == 1);
            let waiter = scope.spawn(|| fails(&|| fragile(9)));
            assert_eq!(leader.join().unwrap(), clones < 2);
            assert_eq!(waiter.join().unwrap(), clones == 2);
        });
        assert_at_rest(&group, &store);
    }
}

#[test]
fn l10_the_last_waiter_drops_the_value() {
    let (group, store) = (TestGroup::new(), TestStore::keeps_nothing());
    let value = StdArc::new(());
    thread::scope(|scope| {
        for _ in 0..=WAITERS {
            scope.spawn(|| {
                group.get_or_fetch(&store, 1, || {
                    until_waiting(&group, 1, WAITERS);
                    StdArc::clone(&value)
                });
            });
        }
    });
    assert_eq!(StdArc::strong_count(&value), 1, "a flight kept its value");
    assert_at_rest(&group, &store);
}
