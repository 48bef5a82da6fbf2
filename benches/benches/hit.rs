//! Hits: per call, pinned and batched; key and value types; sizes; and misses. A TTL is set, statistics are on.

use std::{hash::Hash, hint::black_box, sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use tux_cache::TtlCache;

const TTL: Duration = Duration::from_secs(3_600);
/// Look-ups of one iteration.
const BATCH: usize = 1_024;

/// A full cache that gives each key its value, and its keys in a random order. All are asked for here, so that the timed
/// loops need only count their hits.
fn full<K, V>(
    size: usize,
    key: impl Fn(u64) -> K,
    value: impl Fn(u64) -> V,
) -> (TtlCache<K, V>, Vec<K>)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
{
    let cache = TtlCache::new(TTL, size);
    (0..size as u64).for_each(|number| cache.set(key(number), value(number)));
    let right = |number| cache.get(&key(number)) == Some(value(number));
    assert!((0..size as u64).all(right), "every key has its value");
    assert_eq!(
        cache.len(),
        size,
        "nothing is evicted before the cache is full"
    );
    let mut keys: Vec<K> = (0..size as u64).map(key).collect();
    keys.shuffle(&mut StdRng::seed_from_u64(1));
    (cache, keys)
}

/// Goes round the keys, a batch at a time.
fn next<'k, K>(keys: &'k [K], from: &mut usize) -> &'k [K] {
    let batch = BATCH.min(keys.len());
    if *from + batch > keys.len() {
        *from = 0;
    }
    *from += batch;
    &keys[*from - batch..*from]
}

/// Hits per call; every one has to be a hit.
fn per_call<K, V>(
    criterion: &mut Criterion,
    name: &str,
    size: usize,
    key: impl Fn(u64) -> K,
    value: impl Fn(u64) -> V,
) where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
{
    let (cache, keys) = full(size, key, value);
    let mut group = criterion.benchmark_group("hit");
    group.throughput(Throughput::Elements(BATCH.min(size) as u64));
    let mut from = 0;
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter(|| {
            let keys = next(&keys, &mut from);
            let found = keys
                .iter()
                .filter(|key| black_box(cache.get(*key)).is_some())
                .count();
            assert_eq!(found, keys.len());
        });
    });
}

fn sizes(criterion: &mut Criterion) {
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        per_call(
            criterion,
            "u64 to u64",
            size,
            |number| number,
            |number| number,
        );
    }
}

fn keys(criterion: &mut Criterion) {
    const SIZE: usize = 10_000;
    per_call(
        criterion,
        "(u64,u64) to u64",
        SIZE,
        |number| (number / 7, number),
        |number| number,
    );
    per_call(
        criterion,
        "20-byte key",
        SIZE,
        |number| format!("{number:020}"),
        |number| number,
    );
    per_call(
        criterion,
        "200-byte key",
        SIZE,
        |number| format!("{number:0200}"),
        |number| number,
    );
}

fn values(criterion: &mut Criterion) {
    const SIZE: usize = 10_000;
    per_call(criterion, "Arc value", SIZE, |number| number, Arc::new);
    per_call(
        criterion,
        "1 KiB value",
        SIZE,
        |number| number,
        |number| [number; 128],
    );
}

fn views(criterion: &mut Criterion) {
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let (cache, keys) = full(size, |number| number, |number| number * 3);
        let mut group = criterion.benchmark_group("hit");
        group.throughput(Throughput::Elements(BATCH.min(size) as u64));
        let mut from = 0;
        group.bench_function(BenchmarkId::new("pinned, 4 a view", size), |bencher| {
            bencher.iter(|| {
                for four in next(&keys, &mut from).chunks(4) {
                    let view = cache.pin();
                    assert!(four.iter().all(|key| view.get(key) == Some(&(key * 3))));
                }
            });
        });
        let mut found = Vec::with_capacity(BATCH);
        group.bench_function(BenchmarkId::new("get_many, 16 a call", size), |bencher| {
            bencher.iter(|| {
                for keys in next(&keys, &mut from).chunks(16) {
                    found.clear();
                    cache.get_many_into(keys, &mut found);
                    assert!(
                        keys.iter()
                            .zip(&found)
                            .all(|(key, found)| *found == Some(key * 3))
                    );
                }
            });
        });
    }
}

fn misses(criterion: &mut Criterion) {
    for size in [1_000, 100_000] {
        let (cache, keys) = full(size, |number| number, |number| number);
        let absent: Vec<u64> = keys.iter().map(|key| key + size as u64).collect();
        let mut group = criterion.benchmark_group("miss");
        group.throughput(Throughput::Elements(BATCH.min(size) as u64));
        let mut from = 0;
        group.bench_function(BenchmarkId::new("u64", size), |bencher| {
            bencher.iter(|| {
                assert!(
                    next(&absent, &mut from)
                        .iter()
                        .all(|key| cache.get(key).is_none())
                )
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = sizes, keys, values, views, misses
}
criterion_main!(benches);
