//! What a thread may rely on for keys that nobody else writes, and what it may not lose to others' leases.

use crate::{at_rest, manual, share_of_time, watch_the_bound};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tux_cache_test_support::probe::{Census, Random};

const THREADS: u64 = 4;

/// Every thread has keys of its own, and there is room for all: nothing is ever missing, nothing is evicted (I2, I3).
fn own_keys(keys_each: u64, bounded: bool) {
    let capacity = bounded.then_some((THREADS * keys_each) as usize);
    let (cache, _) = manual(capacity);
    let (census, stop) = (Census::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (cache, census, stop) = (&cache, &census, &stop);
                scope.spawn(move || {
                    let mut random = Random::new(thread);
                    let mut mine = vec![None; keys_each as usize];
                    while !stop.load(Ordering::Relaxed) {
                        let n = random.below(keys_each);
                        let key = THREADS * n + thread;
                        let expected = &mut mine[n as usize];
                        assert_eq!(cache.get(&key).map(|v| v.number()), *expected, "I2");
                        let value = census.value(key);
                        let number = value.number();
                        match random.below(6) {
                            0 => {
                                assert_eq!(cache.invalidate(&key), expected.is_some());
                                assert!(cache.get(&key).is_none());
                                *expected = None;
                            }
                            1 => {
                                let lease = cache.lease(&key);
                                if cache.set_leased(lease, key, value) {
                                    *expected = Some(number);
                                }
                            }
                            _ => {
                                cache.set(key, value);
                                *expected = Some(number);
                            }
                        }
                        assert_eq!(cache.get(&key).map(|v| v.number()), *expected, "I2, I3");
                    }
                })
            })
            .collect();
        if let Some(capacity) = capacity {
            let (cache, stop) = (&cache, &stop);
            scope.spawn(move || watch_the_bound(cache, capacity, stop));
        }
        let start = Instant::now();
        while start.elapsed() < share_of_time() / 4 && !workers.iter().any(|w| w.is_finished()) {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(cache.stats().evictions, 0, "there was room for all");
    at_rest(cache, &census, "own keys");
}

#[test]
fn i2_i3_own_keys_are_never_missing_while_there_is_room() {
    for keys_each in [1, 3, 50] {
        own_keys(keys_each, true);
    }
    own_keys(20, false);
}

/// On a cache with room, a value that was set stays until something removes it: other threads' leased sets of the same
/// key may replace it, but there is a value at every moment (I2).
fn leases_of_others(capacity: Option<usize>) {
    let (cache, _) = manual(capacity);
    let (census, stop) = (Census::default(), AtomicBool::new(false));
    let published = AtomicU64::new(0);
    cache.set(1, census.value(1));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let lease = cache.lease(&1);
                    let stored = cache.set_leased(lease, 1, census.value(1));
                    published.fetch_add(u64::from(stored), Ordering::Relaxed);
                }
            });
        }
        let (start, mut n) = (Instant::now(), 0u64);
        while start.elapsed() < share_of_time() / 2 {
            n += 1;
            if n.is_multiple_of(3) {
                cache.set(1, census.value(1));
            }
            if cache.get(&1).is_none() {
                stop.store(true, Ordering::Relaxed);
                panic!("I2: nothing removed the key, and look-up {n} missed it");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(published.into_inner() > 0);
    at_rest(cache, &census, "leases of others");
}

#[test]
fn i2_leased_sets_never_hide_a_key_bounded() {
    leases_of_others(Some(10));
}

#[test]
fn i2_leased_sets_never_hide_a_key_unbounded() {
    leases_of_others(None);
}

/// I8 as compare-and-set: many threads count one number up under leases, and no step is lost.
fn counter(capacity: Option<usize>) {
    let (cache, _) = manual(capacity);
    let census = Census::default();
    let (published, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let lost = AtomicU64::new(0);
    cache.set(1, census.value(1));
    // What each published value was derived from: two from one are a lost update.
    let used = std::sync::Mutex::new(std::collections::HashSet::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let lease = cache.lease(&1);
                    let Some(from) = cache.get(&1) else { continue };
                    if cache.set_leased(lease, 1, census.value(1)) {
                        published.fetch_add(1, Ordering::Relaxed);
                        if !used.lock().unwrap().insert(from.number()) {
                            lost.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        std::thread::sleep(share_of_time() / 2);
        stop.store(true, Ordering::Relaxed);
    });
    let (published, lost) = (published.into_inner(), lost.into_inner());
    assert!(published > 0);
    assert_eq!(lost, 0, "I8: of {published} updates, {lost} were lost");
    at_rest(cache, &census, "counter");
}

#[test]
fn i8_of_two_leased_sets_from_one_state_only_one_is_published_bounded() {
    counter(Some(10));
}

#[test]
fn i8_of_two_leased_sets_from_one_state_only_one_is_published_unbounded() {
    counter(None);
}

/// Every thread has many loads of its own keys under way, on all levels of the board, and changes some of the keys
/// meanwhile: exactly the others publish, whatever the other threads do (I8, B2 to B4).
fn many_loads(capacity: Option<usize>) {
    const EACH: u64 = 1_000;
    let (cache, _) = manual(capacity);
    let (census, stop) = (Census::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (cache, census, stop) = (&cache, &census, &stop);
                scope.spawn(move || {
                    let mut random = Random::new(thread);
                    while !stop.load(Ordering::Relaxed) {
                        let count = 1 + random.below(EACH);
                        let keys = (0..count).map(|n| THREADS * n + thread);
                        let mut loads: Vec<_> = keys.map(|key| (cache.lease(&key), key)).collect();
                        let changed: Vec<bool> = loads
                            .iter()
                            .map(|(_, key)| match random.below(8) {
                                0 => {
                                    cache.set(*key, census.value(*key));
                                    true
                                }
                                1 => {
                                    cache.invalidate(key);
                                    true
                                }
                                _ => false,
                            })
                            .collect();
                        // Some go unused.
                        loads.truncate(loads.len() - loads.len() / 10);
                        for ((lease, key), changed) in loads.into_iter().zip(changed) {
                            assert_eq!(cache.lease_is_valid(&lease), !changed, "I8");
                            let stored = cache.set_leased(lease, key, census.value(key));
                            assert_eq!(stored, !changed, "I8");
                        }
                    }
                })
            })
            .collect();
        let start = Instant::now();
        while start.elapsed() < share_of_time() / 2 && !workers.iter().any(|w| w.is_finished()) {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    at_rest(cache, &census, "many loads");
}

#[test]
fn i8_loads_of_different_keys_leave_each_other_alone_bounded() {
    many_loads(Some(5_000));
}

#[test]
fn i8_loads_of_different_keys_leave_each_other_alone_unbounded() {
    many_loads(None);
}
