//! Hits, each per call, pinned and batched, by sizes and by types of keys and values; and misses. A TTL is set, statistics
//! are on.

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

/// Hits per call, in views of four and in calls of sixteen. `right` says whether a key's value is its own; per call only
/// the number of hits is checked in the timed loop, and all values afterwards.
fn hits<K, V>(
    criterion: &mut Criterion,
    name: &str,
    size: usize,
    key: impl Fn(u64) -> K,
    value: impl Fn(u64) -> V,
    right: impl Fn(&K, &V) -> bool,
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
    group.bench_function(
        BenchmarkId::new(format!("{name}, pinned, 4 a view"), size),
        |bencher| {
            bencher.iter(|| {
                for four in next(&keys, &mut from).chunks(4) {
                    let view = cache.pin();
                    let right = |key: &K| view.get(key).is_some_and(|value| right(key, value));
                    assert!(four.iter().all(right));
                }
            });
        },
    );
    let mut found = Vec::with_capacity(16);
    group.bench_function(
        BenchmarkId::new(format!("{name}, get_many, 16 a call"), size),
        |bencher| {
            bencher.iter(|| {
                for keys in next(&keys, &mut from).chunks(16) {
                    found.clear();
                    cache.get_many_into(keys, &mut found);
                    let right = |(key, value): (&K, &Option<V>)| {
                        value.as_ref().is_some_and(|value| right(key, value))
                    };
                    assert!(keys.iter().zip(&found).all(right));
                }
            });
        },
    );
    let right = |key: &K| cache.get(key).is_some_and(|value| right(key, &value));
    assert!(keys.iter().all(right), "every key has its value still");
}

fn sizes(criterion: &mut Criterion) {
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let value = |number: u64| number * 3;
        let right = |key: &u64, found: &u64| *found == value(*key);
        hits(criterion, "u64 to u64", size, |number| number, value, right);
    }
}

fn keys(criterion: &mut Criterion) {
    const SIZE: usize = 10_000;
    let pair = |number| (number / 7, number);
    let of_pair = |key: &(u64, u64), value: &u64| *value == key.1;
    hits(criterion, "(u64,u64) to u64", SIZE, pair, |n| n, of_pair);
    texts::<20>(criterion, "20-byte key", SIZE);
    texts::<200>(criterion, "200-byte key", SIZE);
}

/// Keys of `LENGTH` digits; the value is the last eight of them.
fn texts<const LENGTH: usize>(criterion: &mut Criterion, name: &str, size: usize) {
    let key = |number| format!("{number:0LENGTH$}");
    let tail = |key: &String| key.as_bytes().last_chunk().copied().map(u64::from_le_bytes);
    let value = |number| tail(&key(number)).expect("longer than eight");
    let right = |key: &String, value: &u64| tail(key) == Some(*value);
    hits(criterion, name, size, key, value, right);
}

fn values(criterion: &mut Criterion) {
    const SIZE: usize = 10_000;
    let shared = |key: &u64, value: &Arc<u64>| **value == *key;
    hits(criterion, "Arc value", SIZE, |n| n, Arc::new, shared);
    let first_and_last = |key: &u64, value: &[u64; 128]| value[0] == *key && value[127] == *key;
    let filled = |number| [number; 128];
    hits(
        criterion,
        "1 KiB value",
        SIZE,
        |n| n,
        filled,
        first_and_last,
    );
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
    targets = sizes, keys, values, misses
}
criterion_main!(benches);
