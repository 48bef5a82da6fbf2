//! The engine through its public face: invariants I1–I9 by number, one thread at first, then many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;

#[path = "engine/changes.rs"]
mod changes;
#[path = "engine/leases.rs"]
mod leases;
#[path = "engine/unbounded.rs"]
mod unbounded;
#[path = "engine/updates.rs"]
mod updates;
#[path = "engine/upkeep.rs"]
mod upkeep;

const LONG: Duration = Duration::from_secs(300);

fn manual(capacity: usize) -> (TtlCache<u64, u64>, ManualTicker) {
    let ticker = ManualTicker::new();
    let cache = TtlCache::builder()
        .ttl(LONG)
        .max_size(capacity)
        .ticker(ticker.clone());
    (cache.build().unwrap(), ticker)
}

#[test]
fn i1_never_more_than_max_size_and_the_books_balance() {
    for capacity in [1, 2, 3, 7, 10, 64, 1000] {
        let (cache, _) = manual(capacity);
        for key in 0..10 * capacity as u64 {
            cache.set(key % (3 * capacity as u64), key);
            assert!(cache.resident() <= capacity);
            assert_eq!(
                cache.get(&(key % (3 * capacity as u64))),
                Some(key),
                "I3: visible to its own thread"
            );
        }
        assert_eq!(cache.len(), capacity);
        assert_eq!(cache.iter().count(), capacity);
        let s = cache.stats();
        assert_eq!(
            s.insertions,
            s.evictions + s.expirations + s.invalidations + s.cleared + cache.resident() as u64
        );
    }
}

#[test]
fn nothing_is_evicted_before_the_cache_is_full() {
    for capacity in 10..=64 {
        let cache = Arc::new(TtlCache::<u64, u64>::new(LONG, capacity));
        let start = Arc::new(Barrier::new(4));
        let next = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (cache, start, next) =
                    (Arc::clone(&cache), Arc::clone(&start), Arc::clone(&next));
                std::thread::spawn(move || {
                    start.wait();
                    loop {
                        let key = next.fetch_add(1, Ordering::Relaxed);
                        if key >= capacity {
                            return;
                        }
                        cache.set(key as u64, key as u64);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((cache.len(), cache.stats().evictions), (capacity, 0));
    }
}

#[test]
fn two_caches_used_in_turn_fill_up_exactly() {
    let (a, b) = (
        TtlCache::<u64, u64>::new(LONG, 100),
        TtlCache::<u64, u64>::new(LONG, 37),
    );
    for key in 0..100 {
        a.set(key, key);
        if key < 37 {
            b.set(key, key);
        }
    }
    assert_eq!(
        (a.len(), a.stats().evictions, b.len(), b.stats().evictions),
        (100, 0, 37, 0)
    );
}

#[test]
fn room_freed_by_invalidation_is_used_before_anything_is_evicted() {
    let (cache, _) = manual(100);
    (0..100).for_each(|k| cache.set(k, k));
    assert!((0..50).all(|k| cache.invalidate(&(2 * k))));
    assert_eq!((cache.len(), cache.resident()), (50, 50));
    (1000..1050).for_each(|k| cache.set(k, k));
    assert_eq!((cache.len(), cache.stats().evictions), (100, 0));
}

#[test]
fn i5_clear_is_exact_at_once_and_refilling_evicts_nothing_live() {
    let (cache, _) = manual(1000);
    (0..1000).for_each(|k| cache.set(k, k));
    cache.clear();
    assert_eq!(
        (cache.len(), cache.is_empty(), cache.get(&1)),
        (0, true, None)
    );
    (5000..6000).for_each(|k| cache.set(k, k));
    assert_eq!(cache.len(), 1000);
    assert_eq!((cache.stats().evictions, cache.stats().cleared), (0, 1000));
}

#[test]
fn i5_many_clears_revive_nothing() {
    let (cache, _) = manual(100);
    (0..100).for_each(|k| cache.set(k, k));
    for _ in 0..=1 << 16 {
        cache.clear();
        assert_eq!(cache.get(&1), None);
    }
    assert!(cache.is_empty());
    cache.sweep();
    assert_eq!(cache.resident(), 0);
}

#[test]
fn i6_expired_entries_make_room_before_live_ones() {
    let (cache, ticker) = manual(10_000);
    for key in 0..5_000 {
        cache.set_with_ttl(key, key, Duration::from_secs(1));
        cache.set(key + 5_000, key);
    }
    ticker.advance(Duration::from_secs(2));
    assert_eq!(cache.len(), 5_000);
    (20_000..25_000).for_each(|key| cache.set(key, key));
    let live = (5_000..10_000).filter(|k| cache.contains(k)).count();
    assert!(live >= 4_900, "only {live} of 5,000 live entries stayed");
    assert_eq!(cache.stats().evictions + cache.stats().expirations, 5_000);
}

#[test]
fn t27_zero_ttl_deletes_and_t28_huge_ttls_live() {
    let (cache, ticker) = manual(10);
    cache.set(1, 1);
    cache.set_with_ttl(1, 2, Duration::ZERO);
    assert_eq!(cache.get(&1), None);
    cache.set_with_ttl(2, 2, Duration::MAX);
    cache.set_with_ttl(3, 3, Duration::from_nanos(1));
    assert_eq!(cache.get(&3), Some(3), "a positive ttl is at least a tick");
    ticker.advance(Duration::from_secs(3600 * 24 * 365 * 100));
    assert_eq!((cache.get(&2), cache.get(&3)), (Some(2), None));
}

#[test]
fn capacity_zero_keeps_nothing() {
    let cache = TtlCache::<u64, u64>::new(LONG, 0);
    cache.set(1, 1);
    assert_eq!((cache.get(&1), cache.len(), cache.resident()), (None, 0, 0));
    assert_eq!(cache.get_or_fetch(1, || 7), 7);
}

#[test]
fn builder_errors_name_value_and_range() {
    let text =
        |r: Result<TtlCache<u64, u64>, tux_cache::Error>| r.map(drop).unwrap_err().to_string();
    let huge = text(TtlCache::builder().max_size(usize::MAX).build());
    assert!(
        huge.contains(&usize::MAX.to_string()) && huge.contains("1073741824"),
        "{huge}"
    );
    assert!(text(TtlCache::builder().build()).contains("max_size"));
    assert!(text(TtlCache::builder().max_size(1).shards(0).build()).contains("1 to 65536"));
}

#[derive(Clone, Default)]
struct OneHash;
impl std::hash::BuildHasher for OneHash {
    type Hasher = OneHash;
    fn build_hasher(&self) -> OneHash {
        OneHash
    }
}
impl std::hash::Hasher for OneHash {
    fn finish(&self) -> u64 {
        42
    }
    fn write(&mut self, _: &[u8]) {}
}

#[test]
fn ten_thousand_keys_with_one_hash_are_slow_but_right() {
    let cache = TtlCache::<u64, u64>::builder()
        .max_size(10_000)
        .hasher(OneHash)
        .build()
        .unwrap();
    (0..10_000).for_each(|k| cache.set(k, k + 1));
    assert_eq!((cache.len(), cache.stats().evictions), (10_000, 0));
    assert!(
        (0..10_000)
            .step_by(97)
            .all(|k| cache.get(&k) == Some(k + 1))
    );
}

#[test]
fn unbounded_keeps_everything_until_it_expires() {
    let ticker = ManualTicker::new();
    let cache: TtlCache<u64, u64> = TtlCache::builder()
        .ttl(LONG)
        .unbounded()
        .ticker(ticker.clone())
        .build()
        .unwrap();
    (0..10_000).for_each(|k| cache.set(k, k));
    assert_eq!(
        (cache.len(), cache.get(&77), cache.max_size()),
        (10_000, Some(77), None)
    );
    let lease = cache.lease(&77);
    assert!(cache.invalidate(&77));
    assert!(!cache.set_leased(lease, 77, 1));
    ticker.advance(2 * LONG);
    assert_eq!(
        (cache.len(), cache.sweep(), cache.resident()),
        (0, 9_999, 0)
    );
}

#[test]
fn i8_a_lease_publishes_only_if_nothing_changed() {
    let (cache, _) = manual(100);
    for change in 0..5 {
        let lease = cache.lease(&1);
        match change {
            0 => cache.set(1, 9),
            1 => drop(cache.invalidate(&1)),
            2 => drop(cache.invalidate_matching(|k| *k == 50)),
            3 => cache.clear(),
            _ => {}
        }
        assert_eq!(cache.set_leased(lease, 1, 5), change == 4);
    }
    assert_eq!(cache.get(&1), Some(5));
    assert_eq!(cache.stats().voided, 4);
}
