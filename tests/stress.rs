//! Many threads, every operation, every capacity from 1 up: I1–I5 and I9 under load.
//!
//! Every value carries its key and a magic word that its drop destroys, so a value under a wrong key, a value read after
//! it was freed and a value dropped twice are seen; a census sees values that are never dropped. Each test runs for a
//! second or two; `TUX_STRESS_SECONDS=600` lets the whole file run for about that long.

#[path = "stress/endings.rs"]
mod endings;
#[path = "stress/own_keys.rs"]
mod own_keys;
#[path = "stress/panics.rs"]
mod panics;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;
use tux_cache_test_support::probe::{Census, Random, Value};

type Cache = TtlCache<u64, Value>;

const LONG: Duration = Duration::from_secs(100);

/// How long one part, of about ten in this file, may run.
fn share_of_time() -> Duration {
    let seconds = std::env::var("TUX_STRESS_SECONDS").ok();
    let seconds = seconds.map_or(6.0, |s| {
        s.parse().expect("TUX_STRESS_SECONDS must be a number")
    });
    Duration::from_secs_f64(seconds / 10.0)
}

fn manual(capacity: Option<usize>) -> (Cache, ManualTicker) {
    let ticker = ManualTicker::new();
    let builder = TtlCache::builder().ttl(LONG).ticker(ticker.clone());
    let cache = match capacity {
        Some(capacity) => builder.max_size(capacity),
        None => builder.unbounded(),
    };
    (cache.build().unwrap(), ticker)
}

/// I1: sampled as often as there is time, while `stop` is not set.
fn watch_the_bound(cache: &Cache, capacity: usize, stop: &AtomicBool) -> u64 {
    let mut samples = 0;
    while !stop.load(Ordering::Relaxed) {
        assert!(cache.resident() <= capacity, "I1: {}", cache.resident());
        if samples % 16 == 0 {
            let len = cache.len();
            assert!(len <= capacity, "I1: {len} live of {capacity}");
        }
        samples += 1;
        std::thread::yield_now();
    }
    samples
}

/// One random operation.
fn operate(cache: &Cache, ticker: &ManualTicker, census: &Census, random: &mut Random, keys: u64) {
    let key = random.below(keys);
    let check = |value: &Value, key: u64| assert_eq!(value.key(), key, "I2: another key's value");
    match random.below(1_000) {
        0..300 => cache.get(&key).iter().for_each(|v| check(v, key)),
        300..600 => cache.set(key, census.value(key)),
        600..650 => cache.set_with_ttl(
            key,
            census.value(key),
            Duration::from_millis(random.below(20)),
        ),
        650..680 => cache.set_forever(key, census.value(key)),
        680..800 => _ = cache.invalidate(&key),
        800..880 => {
            let lease = cache.lease(&key);
            for _ in 0..random.below(30) {
                std::hint::spin_loop();
            }
            cache.set_leased(lease, key, census.value(key));
        }
        880..910 => {
            let view = cache.pin();
            for key in 0..keys.min(8) {
                view.get(&key).iter().for_each(|v| check(v, key));
            }
        }
        910..940 => check(&cache.get_or_fetch(key, || census.value(key)), key),
        940..960 => {
            let keys: Vec<_> = (key..key + 5).collect();
            for (key, value) in keys.iter().zip(cache.get_many(&keys)) {
                value.iter().for_each(|v| check(v, *key));
            }
        }
        960..970 => {
            for (key, value) in cache.iter() {
                check(&value, key);
            }
        }
        970..980 => _ = cache.invalidate_matching(|k| k % 7 == key % 7),
        980..985 => _ = cache.sweep(),
        985..988 => cache.clear(),
        988..995 => ticker.advance(Duration::from_millis(5)),
        _ => _ = cache.contains(&key),
    }
}

/// What must hold when nobody is at work.
fn at_rest(cache: Cache, census: &Census, what: &str) {
    let found: Vec<_> = cache.iter().map(|(key, _)| key).collect();
    let mut unique = found.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(found.len(), unique.len(), "I2, {what}: a key twice");
    assert_eq!(found.len(), cache.len(), "{what}: keys found at rest");
    assert!(cache.len() <= cache.resident(), "I1, {what}");
    if let Some(capacity) = cache.max_size() {
        assert!(cache.resident() <= capacity, "I1, {what}");
        let s = cache.stats();
        let out = s.evictions + s.expirations + s.invalidations + s.cleared;
        assert_eq!(
            s.insertions,
            out + cache.resident() as u64,
            "{what}: the books balance: {s:?}"
        );
        for key in 0..2 * capacity as u64 {
            cache.set(1_000_000 + key, census.value(1_000_000 + key));
        }
        assert_eq!(cache.len(), capacity, "I4, {what}: every room can be had");
    }
    drop(cache);
    census.assert_all_gone(what);
}

fn mixed(threads: u64, capacity: Option<usize>, time: Duration) -> u64 {
    let (cache, ticker) = manual(capacity);
    let census = Census::default();
    let (stop, operations) = (AtomicBool::new(false), AtomicU64::new(0));
    let keys = capacity.map_or(50, |c| 3 * c as u64 + 2);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|n| {
                let (cache, ticker, census) = (&cache, &ticker, &census);
                let (stop, operations) = (&stop, &operations);
                scope.spawn(move || {
                    let mut random = Random::new(n);
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..64 {
                            operate(cache, ticker, census, &mut random, keys);
                        }
                        operations.fetch_add(64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        if let Some(capacity) = capacity {
            let (cache, stop) = (&cache, &stop);
            scope.spawn(move || watch_the_bound(cache, capacity, stop));
        }
        // Progress is checked, not only waited for.
        let (start, mut last, mut seen_at) = (Instant::now(), 0, Instant::now());
        while start.elapsed() < time && !workers.iter().any(|w| w.is_finished()) {
            std::thread::sleep(Duration::from_millis(10));
            let now = operations.load(Ordering::Relaxed);
            if now != last {
                (last, seen_at) = (now, Instant::now());
            } else if seen_at.elapsed() > Duration::from_secs(20) {
                eprintln!("no progress: {:?}", cache.stats());
                // Stuck threads cannot be joined.
                std::process::abort();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    at_rest(
        cache,
        &census,
        &format!("{threads} threads, capacity {capacity:?}"),
    );
    operations.into_inner()
}

#[test]
fn i1_to_i5_every_operation_from_many_threads() {
    let capacities = [1, 2, 3, 5, 8, 13, 40, 200];
    let time = 4 * share_of_time() / (3 * capacities.len() as u32);
    let mut operations = 0;
    for capacity in capacities {
        for threads in [2, 4, 8] {
            operations += mixed(threads, Some(capacity), time);
        }
    }
    println!("{operations} operations");
    assert!(operations > 1_000);
}

#[test]
fn i4_every_operation_from_many_threads_on_an_unbounded_cache() {
    for threads in [2, 4, 8] {
        mixed(threads, None, share_of_time() / 3);
    }
}
