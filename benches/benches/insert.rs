//! Writes: into a cache with room, over what is there, and into a full cache.

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tux_cache::TtlCache;

const TTL: Duration = Duration::from_secs(3_600);
/// Writes of one iteration.
const BATCH: u64 = 1_024;

fn full(size: usize) -> TtlCache<u64, u64> {
    let cache = TtlCache::new(TTL, size);
    (0..size as u64).for_each(|key| cache.set(key, key));
    assert_eq!(
        cache.len(),
        size,
        "nothing is evicted before the cache is full"
    );
    cache
}

fn with_room(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("with room", |bencher| {
        let empty = || TtlCache::new(TTL, BATCH as usize);
        let fill = |cache: TtlCache<u64, u64>| {
            (0..BATCH).for_each(|key| cache.set(key, key));
            assert_eq!(cache.resident() as u64, BATCH);
            assert_eq!(cache.get(&(BATCH / 2)), Some(BATCH / 2));
            cache
        };
        bencher.iter_batched(empty, fill, BatchSize::SmallInput);
    });
}

fn at_capacity(criterion: &mut Criterion) {
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let cache = full(size);
        let mut next = size as u64;
        let mut group = criterion.benchmark_group("insert");
        group.throughput(Throughput::Elements(BATCH));
        group.bench_function(BenchmarkId::new("at capacity", size), |bencher| {
            bencher.iter(|| {
                (next..next + BATCH).for_each(|key| cache.set(key, key));
                next += BATCH;
                assert_eq!(cache.get(&(next - 1)), Some(next - 1));
            });
        });
        assert_eq!(cache.resident(), size);
    }
}

fn overwrite(criterion: &mut Criterion) {
    for size in [1_000, 100_000] {
        let cache = full(size);
        let (mut from, mut turn) = (0, 0);
        let mut group = criterion.benchmark_group("overwrite");
        group.throughput(Throughput::Elements(BATCH));
        group.bench_function(BenchmarkId::new("u64 to u64", size), |bencher| {
            bencher.iter(|| {
                turn += 1;
                (from..from + BATCH).for_each(|key| cache.set(key % size as u64, turn));
                assert_eq!(cache.get(&(from % size as u64)), Some(turn));
                from += BATCH;
            });
        });
        assert_eq!(cache.len(), size);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = with_room, at_capacity, overwrite
}
criterion_main!(benches);
