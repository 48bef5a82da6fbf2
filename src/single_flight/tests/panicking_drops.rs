//! Drops that panic while a value is on its way to its caller: the value is dropped all the same (I9).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::{TestGroup, TestStore, assert_at_rest, quiet_panic, until_waiting};
use crate::sync::{AtomicUsize, Ordering, StdArc, thread};

thread_local! {
    /// The next drop on this thread panics.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

fn burn() {
    if ARMED.replace(false) {
        quiet_panic();
    }
}

/// A value that is counted while it lives.
struct Counted(StdArc<AtomicUsize>);

impl Counted {
    fn new(alive: &StdArc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(StdArc::clone(alive))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        burn();
    }
}

/// What a loader may own.
struct Owned;

impl Drop for Owned {
    fn drop(&mut self) {
        burn();
    }
}

/// One leader and one waiter whose first drop, in `get_or_fetch`, panics.
fn waiter_panics(load_owns: Option<Owned>) {
    let (group, store) = (TestGroup::new(), TestStore::keeps_nothing());
    let alive = StdArc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            group.get_or_fetch(&store, 1, || {
                until_waiting(&group, 1, 1);
                Counted::new(&alive)
            })
        });
        while group.len() == 0 {
            thread::yield_now();
        }
        let waiter = scope.spawn(|| {
            let load = move || -> Counted {
                let _owned = &load_owns;
                unreachable!("there is a leader")
            };
            ARMED.set(true);
            let end = catch_unwind(AssertUnwindSafe(|| group.get_or_fetch(&store, 1, load)));
            assert!(end.is_err(), "the panic is handed on");
        });
        drop(leader.join().unwrap());
        waiter.join().unwrap();
    });
    assert_eq!(alive.load(Ordering::SeqCst), 0, "I9: a value was lost");
    assert_at_rest(&group, &store);
}

#[test]
fn i9_the_drop_of_the_flights_value_panics_in_its_last_waiter() {
    waiter_panics(None);
}

#[test]
fn i9_the_drop_of_an_unused_loader_panics_in_a_waiter() {
    waiter_panics(Some(Owned));
}

#[test]
fn i9_the_drop_of_an_unused_loader_panics_at_a_hit() {
    let alive = StdArc::new(AtomicUsize::new(0));
    let cache = crate::TtlCache::new(std::time::Duration::from_secs(9), 4);
    cache.set(1, Counted::new(&alive));
    let load = |owned: Owned| {
        move || -> Result<Counted, ()> {
            let _owned = &owned;
            unreachable!("it is there")
        }
    };
    ARMED.set(true);
    let hit = catch_unwind(AssertUnwindSafe(|| {
        cache.try_get_or_fetch(1, load(Owned)).is_ok()
    }));
    assert!(hit.is_err(), "the panic is handed on");
    ARMED.set(true);
    let hit = catch_unwind(AssertUnwindSafe(|| {
        let load = load(Owned);
        cache.get_or_fetch(1, move || load().ok().unwrap())
    }));
    assert!(hit.is_err(), "the panic is handed on");
    drop(cache);
    assert_eq!(alive.load(Ordering::SeqCst), 0, "I9: a value was lost");
}
