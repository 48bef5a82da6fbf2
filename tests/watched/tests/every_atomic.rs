//! I7: a thread stopped before any of its atomic operations, in any public call, delays no operation of the others.
//!
//! One thread runs a call and is stopped before its k-th atomic operation, for k = 0, 1, 2 … until the call ends without a
//! stop. While it stands there, another thread runs every operation, on the same keys too, under a watchdog. What a caller
//! of `get_or_fetch` waits for by its contract, the leader of the same key, is left out.

mod support;

use std::sync::Arc;
use support::{Bench, LONG, SHORT};
use tux_cache_test_support::probe::{Gate, Group, Key, Value, within};
use tux_cache_watched::{TtlCache, stop_in};

/// Of one hash, so that they meet each other; the last is alone.
const KEYS: [Key; 4] = [
    Key::new(1, 0),
    Key::new(2, 0),
    Key::new(3, 0),
    Key::new(4, 9),
];
/// Not there at the start, same hash as the others.
const NEW: Key = Key::new(5, 0);
/// Only the stopped thread, and only the other one, load these.
const LOADED: Key = Key::new(6, 0);
const FETCHED: Key = Key::new(7, 3);

/// Capacities at which room must be made, and one at which there is plenty.
const CAPACITIES: [usize; 3] = [1, 3, 50];

/// Runs `call` with a stop before its k-th atomic operation, for every k; returns how many there were.
fn stop_everywhere(
    name: &str,
    capacity: Option<usize>,
    call: impl Fn(&Bench) + Send + Sync + Copy + 'static,
) -> u32 {
    stop_everywhere_after(|_| (), name, capacity, call)
}

/// The same in a cache that `prepare` has prepared.
fn stop_everywhere_after(
    prepare: impl Fn(&Bench),
    name: &str,
    capacity: Option<usize>,
    call: impl Fn(&Bench) + Send + Sync + Copy + 'static,
) -> u32 {
    for nth in 0.. {
        let bench = Arc::new(Bench::new(capacity));
        prepare(&bench);
        for key in KEYS {
            bench.cache.set(key, bench.value(0));
        }
        let gate = Gate::default();
        let stopped = {
            let (bench, gate) = (Arc::clone(&bench), gate.clone());
            std::thread::spawn(move || stop_in(&gate, nth, || call(&bench)))
        };
        let access = gate.wait_until_reached(&stopped);
        if let Some(access) = &access {
            let others = Arc::clone(&bench);
            let what = format!("{name}, capacity {capacity:?}: operation {nth}, {access}");
            within(&what, move || {
                others.exercise(&[KEYS[3], NEW, KEYS[0], KEYS[1], KEYS[2]], FETCHED);
            });
        }
        gate.open();
        stopped.join().expect("the stopped thread ends well");
        Arc::into_inner(bench)
            .expect("all threads have ended")
            .at_rest();
        if access.is_none() {
            return nth;
        }
    }
    unreachable!("a call has finitely many operations")
}

/// Stops `call` everywhere, at every capacity; it must have at least so many atomic operations.
fn every(name: &str, at_least: u32, call: impl Fn(&Bench) + Send + Sync + Copy + 'static) {
    for capacity in CAPACITIES {
        let stops = stop_everywhere(name, Some(capacity), call);
        println!("{name}, capacity {capacity}: {stops} stops");
        assert!(stops >= at_least, "{name}: {stops} stops only");
    }
}

#[test]
fn i7_set() {
    every("set of a new key", 15, |b| b.cache.set(NEW, b.value(1)));
    every("set of a known key", 8, |b| {
        b.cache.set(KEYS[2], b.value(1));
    });
    every("set_with_ttl", 15, |b| {
        b.cache.set_with_ttl(NEW, b.value(1), SHORT);
    });
    every("set_forever", 15, |b| {
        b.cache.set_forever(NEW, b.value(1));
    });
    every("two sets", 30, |b| {
        b.cache.set(NEW, b.value(1));
        b.cache.set(KEYS[1], b.value(2));
    });
}

/// Into a cache so large that the thread holds the victim's permit on its way.
#[test]
fn i7_set_with_a_permit_in_hand() {
    let fill = |b: &Bench| {
        for n in 0..1_030 {
            b.cache.set(Key::new(100 + n, 100 + n), b.value(1));
        }
    };
    let stops = stop_everywhere_after(fill, "set into a full cache", Some(1_024), |b| {
        b.cache.set(NEW, b.value(2));
    });
    println!("set into a full cache: {stops} stops");
    assert!(stops >= 15, "{stops} stops only");
}

#[test]
fn i7_set_among_the_expired_and_the_cleared() {
    every("set after all have expired", 15, |b| {
        for key in KEYS {
            b.cache.set_with_ttl(key, b.value(1), SHORT);
        }
        b.ticker.advance(4 * SHORT);
        b.cache.set(NEW, b.value(2));
    });
    every("set after a clear", 15, |b| {
        b.cache.clear();
        b.cache.set(NEW, b.value(1));
    });
}

#[test]
fn i7_look_ups() {
    every("get", 4, |b| drop(b.cache.get(&KEYS[3])));
    every("contains", 3, |b| _ = b.cache.contains(&KEYS[3]));
    every("get_many", 8, |b| drop(b.cache.get_many(&KEYS)));
    every("pin", 4, |b| {
        _ = b.cache.pin().get(&KEYS[3]).map(|value| value.number());
    });
}

#[test]
fn i7_removals() {
    every("invalidate", 8, |b| _ = b.cache.invalidate(&KEYS[2]));
    every("invalidate_matching", 8, |b| {
        b.cache.invalidate_matching(|key| key.id % 2 == 1);
    });
    every("set with no time to live", 8, |b| {
        b.cache
            .set_with_ttl(KEYS[2], b.value(1), std::time::Duration::ZERO);
    });
    every("clear", 2, |b| b.cache.clear());
    every("sweep", 8, |b| _ = b.cache.sweep());
    every("clear and sweep", 8, |b| {
        b.cache.clear();
        b.cache.sweep();
    });
}

#[test]
fn i7_leases() {
    every("lease", 4, |b| drop(b.cache.lease(&NEW)));
    every("set_leased of a new key", 15, |b| {
        let lease = b.cache.lease(&NEW);
        _ = b.cache.lease_is_valid(&lease);
        b.cache.set_leased(lease, NEW, b.value(1));
    });
    every("set_leased of a known key", 15, |b| {
        let lease = b.cache.lease(&KEYS[2]);
        b.cache
            .set_leased_with_ttl(lease, KEYS[2], b.value(1), Some(LONG));
    });
}

#[test]
fn i7_loads_of_another_key() {
    every("get_or_fetch", 15, |b| {
        drop(b.cache.get_or_fetch(LOADED, || b.value(1)));
    });
    every("try_get_or_fetch that fails", 8, |b| {
        let failed = b.cache.try_get_or_fetch(LOADED, || Err::<Value, ()>(()));
        assert!(failed.is_err());
    });
}

#[test]
fn i7_walks_and_counts() {
    every("iter", 4, |b| _ = b.cache.iter().count());
    every("for_each", 4, |b| b.cache.for_each(|_, _| ()));
    every("len", 4, |b| _ = b.cache.len());
    every("is_empty", 2, |b| _ = b.cache.is_empty());
    every("resident", 2, |b| _ = b.cache.resident());
    every("stats", 2, |b| _ = b.cache.stats());
    every("build", 0, |_| {
        drop(
            TtlCache::<Key, Value>::builder()
                .max_size(3)
                .hasher(Group)
                .build(),
        );
    });
}

/// Enough retired entries for several batches: their fences, and the memory of ended threads.
#[test]
fn i7_reclamation() {
    every("overwrites of many batches", 200, |b| {
        (0..20).for_each(|n| b.cache.set(KEYS[0], b.value(n)));
    });
}

/// P3: more entries are freed than a thread keeps the memory of. It goes back to the slab while the others take from
/// there, and comes from there again.
#[test]
fn i7_p3_memory_goes_back_and_comes_again() {
    let name = "forty sets, a removal of all, forty sets";
    let stops = stop_everywhere(name, Some(50), |b| {
        for round in 0..2 {
            (0..40).for_each(|n| b.cache.set(Key::new(100 + n, n), b.value(round)));
            b.cache.invalidate_matching(|_| true);
            b.cache.sweep();
        }
    });
    println!("{name}: {stops} stops");
    assert!(stops >= 1_000, "{name}: {stops} stops only");
}

type Call = fn(&Bench);

/// Unbounded caches inherit papaya's progress; the shim's own operations in them hold nobody up either.
#[test]
fn i7_unbounded() {
    let calls: [(&str, Call); 6] = [
        ("set", |b| b.cache.set(NEW, b.value(1))),
        ("set_leased", |b| {
            let lease = b.cache.lease(&NEW);
            b.cache.set_leased(lease, NEW, b.value(1));
        }),
        ("get", |b| drop(b.cache.get(&KEYS[3]))),
        ("invalidate", |b| _ = b.cache.invalidate(&KEYS[2])),
        ("clear", |b| b.cache.clear()),
        ("sweep", |b| _ = b.cache.sweep()),
    ];
    for (name, call) in calls {
        let stops = stop_everywhere(name, None, call);
        println!("{name}, unbounded: {stops} stops");
        assert!(stops >= 2, "{name}: {stops} stops only");
    }
}

/// I1, I3 and I7: 64 threads stand before the same operation of a `set`, and there is one permit.
#[test]
fn i1_i3_i7_sixty_four_threads_stopped_mid_set_at_capacity_one() {
    for nth in 0.. {
        let bench = Arc::new(Bench::new(Some(1)));
        bench.cache.set(KEYS[0], bench.value(0));
        let (mut threads, mut stopped) = (Vec::new(), 0);
        for n in 0..64 {
            let gate = Gate::default();
            let thread = {
                let (bench, gate) = (Arc::clone(&bench), gate.clone());
                // Four keys a hash.
                let key = Key::new(1_000 + n, n / 4);
                std::thread::spawn(move || {
                    stop_in(&gate, nth, || bench.cache.set(key, bench.value(n)));
                })
            };
            stopped += u32::from(gate.wait_until_reached(&thread).is_some());
            threads.push((gate, thread));
        }
        let others = Arc::clone(&bench);
        within(
            &format!("{stopped} threads at operation {nth}"),
            move || {
                let keys: Vec<_> = (1_000..1_010)
                    .map(|n| Key::new(n, (n - 1_000) / 4))
                    .collect();
                others.exercise(&keys, FETCHED);
            },
        );
        threads.iter().for_each(|(gate, _)| gate.open());
        for (_, thread) in threads {
            thread.join().expect("the stopped thread ends well");
        }
        Arc::into_inner(bench)
            .expect("all threads have ended")
            .at_rest();
        if stopped == 0 {
            println!("64 threads: {nth} operations");
            assert!(nth >= 15, "a set of {nth} operations only");
            return;
        }
    }
}
