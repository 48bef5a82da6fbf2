//! An invalidation during a flight (L5, I8, T26).

use std::sync::atomic::{AtomicUsize as Counter, Ordering::SeqCst};

use super::super::check;
use super::support::{KEY, World};
use crate::sync::{AtomicU32, Ordering, StdArc, thread};

/// The database. Written before the invalidation; loom may let a loader read the old value after it only
/// if nothing orders the two, which is the model's point.
struct Source(AtomicU32);

/// One thread loads; the other writes, invalidates, and then asks: it never gets the old value, whether it
/// meets the old flight before, in, or after its publication, and the old value does not stay.
///
/// Seeded fault: `load-join-ignores-lease` (a newcomer joins an overtaken flight).
#[test]
fn whoever_asks_after_an_invalidation_gets_the_new_value() {
    check("load::overtaken against join, 2 threads", 5, 100, || {
        let world = World::new();
        let source = StdArc::new(Source(AtomicU32::new(10)));
        let reader = thread::spawn({
            let (world, source) = (StdArc::clone(&world), StdArc::clone(&source));
            move || world.fetch(|| source.0.load(Ordering::Acquire))
        });
        source.0.store(11, Ordering::Release);
        world.cache.invalidate(KEY);
        let mine = world.fetch(|| source.0.load(Ordering::Acquire));
        assert_eq!(mine, 11, "L5: joined or read a load from before");
        assert!(matches!(reader.join().unwrap(), 10 | 11));
        // Nothing is there if this thread joined a flight that had its lease but had not begun to load.
        assert_ne!(world.cache.get(KEY), Some(10), "L5: the old value stayed");
        world.assert_at_rest();
    });
}

/// The same with a second caller after the invalidation: the two share the fresh flight, although the old
/// one ends meanwhile.
///
/// Seeded fault: `load-remove-any` (a flight that ends takes its successor out of the registry).
#[test]
fn callers_after_an_invalidation_share_the_fresh_flight() {
    check("load::overtaken against two joins", 4, 100, || {
        let world = World::new();
        let old = world.lead();
        world.cache.invalidate(KEY);
        let fresh = StdArc::new(Counter::new(0));
        let callers = [(); 2].map(|()| {
            let (world, fresh) = (StdArc::clone(&world), StdArc::clone(&fresh));
            thread::spawn(move || {
                world.fetch(|| {
                    fresh.fetch_add(1, SeqCst);
                    thread::yield_now();
                    11
                })
            })
        });
        assert!(
            !old.publish(&world.cache, 10),
            "L5: published when overtaken"
        );
        old.complete(Ok::<_, ()>(10));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), 11, "L5: joined the old flight");
        }
        assert_eq!(fresh.load(SeqCst), 1, "L2: one fresh load");
        assert_eq!(world.cache.get(KEY), Some(11));
        world.assert_at_rest();
    });
}

/// A leader, a waiter that began before, and the invalidation: the waiter may get the flight's value, but
/// what stays in the cache is never older than the invalidation.
///
/// Seeded fault: `load-publish-without-lease` (the leader publishes under a lease it takes after the load).
#[test]
fn an_overtaken_flight_serves_its_waiters_and_publishes_nothing() {
    check("load::overtaken against publish", 4, 100, || {
        let world = World::new();
        let source = StdArc::new(Source(AtomicU32::new(10)));
        let readers = [(); 2].map(|()| {
            let (world, source) = (StdArc::clone(&world), StdArc::clone(&source));
            thread::spawn(move || world.fetch(|| source.0.load(Ordering::Acquire)))
        });
        source.0.store(11, Ordering::Release);
        world.cache.invalidate(KEY);
        for reader in readers {
            assert!(matches!(reader.join().unwrap(), 10 | 11));
        }
        assert_ne!(world.cache.get(KEY), Some(10), "I8: a stale value stayed");
        world.assert_at_rest();
    });
}
