//! What is not a look-up or a write: sweeping, clearing, invalidating, loading.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tux_cache::{TtlCache, time::ManualTicker};

const TTL: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(10);

fn full(size: usize) -> (TtlCache<u64, u64>, ManualTicker) {
    full_for(size, TTL)
}

fn full_for(size: usize, ttl: Duration) -> (TtlCache<u64, u64>, ManualTicker) {
    let ticker = ManualTicker::new();
    let cache = TtlCache::builder()
        .ttl(ttl)
        .max_size(size)
        .ticker(ticker.clone())
        .build()
        .expect("a valid cache");
    (0..size as u64).for_each(|key| cache.set(key, key));
    assert_eq!(cache.len(), size);
    (cache, ticker)
}

fn sweep(criterion: &mut Criterion) {
    for size in [10_000, 100_000] {
        let mut group = criterion.benchmark_group("sweep");
        group.throughput(Throughput::Elements(size as u64));
        let expired = || {
            let (cache, ticker) = full(size);
            ticker.advance(TTL * 2);
            cache
        };
        group.bench_function(BenchmarkId::new("all expired", size), |bencher| {
            let run = |cache: TtlCache<u64, u64>| {
                assert_eq!(cache.sweep(), size);
                cache
            };
            bencher.iter_batched(expired, run, BatchSize::PerIteration);
        });
        let (cache, _ticker) = full(size);
        group.bench_function(BenchmarkId::new("none expired", size), |bencher| {
            bencher.iter(|| assert_eq!(cache.sweep(), 0));
        });
    }
}

/// New keys into a full cache, of which half expire 10 ms later, a millisecond every ten writes: so soon that they are not
/// evicted before. The few that are due have to be found among many that are not.
fn reclaim(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    group.throughput(Throughput::Elements(100));
    for size in [10_000, 100_000] {
        // The others stay until they are evicted.
        let (cache, ticker) = full_for(size, Duration::MAX);
        let mut next = size as u64;
        group.bench_function(BenchmarkId::new("half expire soon", size), |bencher| {
            bencher.iter(|| {
                for ten in (next..next + 100).step_by(10) {
                    for key in (ten..ten + 10).step_by(2) {
                        cache.set_with_ttl(key, key, SOON);
                        cache.set(key + 1, key);
                    }
                    assert_eq!(cache.get(&(ten + 8)), Some(ten + 8));
                    ticker.advance(Duration::from_millis(1));
                }
                next += 100;
            });
        });
        let stats = cache.stats();
        assert_eq!(cache.resident(), size);
        let soon = (stats.insertions - size as u64) / 2;
        assert!(stats.expirations >= soon * 9 / 10, "{stats:?}");
    }
}

fn clear(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clear");
    for size in [1_000, 100_000] {
        group.bench_function(BenchmarkId::new("the call", size), |bencher| {
            // Only the call: what is checked afterwards walks the table.
            let timed = |rounds| {
                let clear = |_| {
                    let (cache, _ticker) = full(size);
                    let start = Instant::now();
                    cache.clear();
                    let took = start.elapsed();
                    assert!(cache.is_empty() && cache.get(&1).is_none());
                    took
                };
                (0..rounds).map(clear).sum()
            };
            bencher.iter_custom(timed);
        });
    }
}

fn invalidate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("invalidate");
    for size in [1_000, 100_000] {
        let (cache, _ticker) = full(size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("matching none", size), |bencher| {
            bencher.iter(|| assert_eq!(cache.invalidate_matching(|key| *key == u64::MAX), 0));
        });
        let tenth = |cache: TtlCache<u64, u64>| {
            let went = cache.invalidate_matching(|key| key.is_multiple_of(10));
            assert_eq!((went, cache.len()), (size / 10, size - size / 10));
            cache
        };
        group.bench_function(BenchmarkId::new("matching a tenth", size), |bencher| {
            bencher.iter_batched(|| full(size).0, tenth, BatchSize::PerIteration);
        });
        let mut next = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("one and set again", size), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % size as u64;
                assert!(cache.invalidate(&next));
                cache.set(next, next);
            });
        });
    }
}

fn single_flight(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("get_or_fetch");
    let (cache, _ticker) = full(10_000);
    let mut next = 0;
    group.bench_function("hit", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % 10_000;
            assert_eq!(
                cache.get_or_fetch(next, || unreachable!("it is there")),
                next
            );
        });
    });
    next = 10_000;
    group.bench_function("miss and load", |bencher| {
        bencher.iter(|| {
            next += 1;
            assert_eq!(cache.get_or_fetch(next, || next * 2), next * 2);
        });
    });
    // Who comes second waits for the first one's load or finds its value. Starting the other thread is in the time.
    group.bench_function("two threads, one load", |bencher| {
        bencher.iter(|| {
            next += 1;
            let (loads, ready) = (AtomicU32::new(0), Barrier::new(2));
            let ask = || {
                ready.wait();
                let value = cache.get_or_fetch(next, || {
                    loads.fetch_add(1, Ordering::Relaxed);
                    next * 2
                });
                assert_eq!(value, next * 2);
            };
            std::thread::scope(|scope| {
                scope.spawn(ask);
                ask();
            });
            assert_eq!(loads.into_inner(), 1, "one load for both");
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = sweep, reclaim, clear, invalidate, single_flight
}
criterion_main!(benches);
