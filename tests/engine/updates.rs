//! V1, V2, V4: an update is one step, whatever it races with.

use super::{Duration, LONG, manual};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use tux_cache::{Remaining, TtlCache, Update};

fn caches(capacity: usize) -> [TtlCache<u64, u64>; 2] {
    [TtlCache::new(LONG, capacity), TtlCache::unbounded(LONG)]
}

fn count(cache: &TtlCache<u64, u64>, key: u64) -> Option<u64> {
    cache.update(key, |count| Update::Set(count.copied().unwrap_or(0) + 1))
}

#[test]
fn each_kind_of_update_does_what_it_says() {
    for cache in caches(100) {
        assert_eq!(
            cache.update(1, |old| {
                assert_eq!(old, None);
                Update::Keep
            }),
            None
        );
        assert_eq!(cache.update(1, |_| Update::Remove), None);
        assert_eq!(cache.len(), 0);
        assert_eq!(cache.update(1, |_| Update::Set(5)), Some(5));
        assert_eq!(
            cache.update(1, |old| {
                assert_eq!(old, Some(&5));
                Update::Keep
            }),
            Some(5)
        );
        assert_eq!(
            cache.update(1, |old| Update::Set(old.unwrap() + 1)),
            Some(6)
        );
        assert_eq!((cache.peek(&1), cache.len()), (Some(6), 1));
        assert_eq!(
            cache.update(1, |_| Update::SetWithTtl(7, Duration::ZERO)),
            None,
            "not kept"
        );
        assert_eq!(cache.peek(&1), None);
        assert_eq!(cache.update(1, |_| Update::Set(8)), Some(8));
        assert_eq!(cache.update(1, |_| Update::Remove), None);
        let stats = cache.stats();
        assert_eq!((cache.len(), stats.invalidations), (0, 2));
        assert_eq!((stats.hits, stats.misses, stats.overwrites), (0, 0, 1));
    }
}

#[test]
fn an_update_says_how_long() {
    let (cache, ticker) = manual(100);
    let left = |cache: &TtlCache<u64, u64>| match cache.remaining(&1) {
        Some(Remaining::For(time)) => time.as_secs(),
        other => panic!("{other:?}"),
    };
    cache.update(1, |_| Update::SetKeepTtl(1));
    assert_eq!(left(&cache), 300, "there was none to keep");
    ticker.advance(Duration::from_secs(100));
    cache.update(1, |_| Update::SetKeepTtl(2));
    assert_eq!((left(&cache), cache.peek(&1)), (200, Some(2)));
    cache.update(1, |_| Update::Keep);
    assert_eq!(left(&cache), 200);
    cache.update(1, |_| Update::Set(3));
    assert_eq!(left(&cache), 300, "the cache's own");
    cache.update(1, |_| Update::SetWithTtl(4, Duration::from_secs(9)));
    assert_eq!(left(&cache), 9);
    ticker.advance(Duration::from_secs(10));
    let seen = cache.update(1, |old| Update::Set(old.map_or(100, |_| 0)));
    assert_eq!(seen, Some(100), "an expired entry is not seen");
    cache.update(1, |_| Update::SetWithTtl(5, Duration::MAX));
    assert_eq!(cache.remaining(&1), Some(Remaining::Forever));
    cache.update(1, |_| Update::SetKeepTtl(6));
    assert_eq!(
        (cache.remaining(&1), cache.peek(&1)),
        (Some(Remaining::Forever), Some(6))
    );
}

/// V1: whatever happens between the look and the change is seen by another call.
#[test]
fn what_changes_meanwhile_is_seen() {
    type Change = fn(&TtlCache<u64, u64>);
    let changes: [(Change, Option<u64>); 7] = [
        (|cache| cache.set(1, 50), Some(50)),
        (|cache| _ = cache.remove(&1), None),
        (|cache| _ = cache.invalidate(&1), None),
        (|cache| cache.clear(), None),
        (|cache| _ = cache.retain(|key, _| *key != 1), None),
        (|cache| _ = count(cache, 1), Some(11)),
        // Out and in again, with the same value.
        (
            |cache| {
                cache.remove(&1);
                cache.set(1, 10);
            },
            Some(10),
        ),
    ];
    for (change, then) in changes {
        for cache in caches(100) {
            cache.set(1, 10);
            let mut seen = Vec::new();
            let standing = cache.update(1, |old| {
                seen.push(old.copied());
                if seen.len() == 1 {
                    change(&cache);
                }
                Update::Set(old.copied().unwrap_or(0) + 1)
            });
            assert_eq!(seen, [Some(10), then]);
            assert_eq!(standing, Some(then.unwrap_or(0) + 1));
            assert_eq!(cache.peek(&1), standing);
        }
    }
}

/// The same where there was nothing. Something that came and went again leaves the key as it was seen.
#[test]
fn what_comes_meanwhile_is_seen() {
    for cache in caches(100) {
        let mut seen = Vec::new();
        let standing = cache.update(1, |old| {
            seen.push(old.copied());
            match seen.len() {
                1 => assert_eq!(cache.set_if_absent(1, 7), Ok(())),
                2 => _ = cache.invalidate(&1),
                3 => {
                    cache.set(1, 8);
                    cache.remove(&1);
                }
                _ => {}
            }
            Update::Set(9)
        });
        assert_eq!((seen, standing), (vec![None, Some(7), None], Some(9)));
    }
}

/// V2: an entry of the same key at the same address is another one.
#[test]
fn an_address_that_comes_back_is_another_entry() {
    for capacity in [1, 2, 10] {
        let (cache, _) = manual(capacity);
        let mut calls = 0;
        cache.set(1, 10);
        let standing = cache.update(1, |old| {
            calls += 1;
            if calls == 1 {
                // Entries come from a small pool, so before long one of them stands where the first one stood.
                for value in 0..5_000 {
                    cache.set(1, value);
                    cache.remove(&1);
                }
                cache.sweep();
                cache.set(1, 20);
            }
            Update::Set(old.copied().unwrap_or(0) + 1)
        });
        assert_eq!((standing, cache.peek(&1)), (Some(21), Some(21)));
        assert_eq!(calls, 2);
    }
}

/// I8: an update is a change: it voids loads of its key and no others; one that changes nothing voids none.
#[test]
fn updates_void_the_loads_of_their_key() {
    for cache in caches(100) {
        for present in [false, true] {
            if present {
                cache.set(1, 1);
            }
            let (same, other) = (cache.lease(&1), cache.lease(&2));
            cache.update(1, |_| Update::Keep);
            assert!(cache.lease_is_valid(&same));
            count(&cache, 1);
            assert!(!cache.set_leased(same, 1, 100) && cache.set_leased(other, 2, 100));
        }
        for _present in [true, false] {
            let lease = cache.lease(&1);
            assert_eq!(cache.update(1, |_| Update::Remove), None);
            assert!(!cache.set_leased(lease, 1, 100));
        }
        let lease = cache.lease(&1);
        cache.update(1, |_| Update::SetWithTtl(7, Duration::ZERO));
        assert!(!cache.set_leased(lease, 1, 100));
    }
}

#[test]
fn a_panic_leaves_the_value_as_it_was() {
    for cache in caches(100) {
        cache.set(1, 10);
        let update = || cache.update(1, |_| -> Update<u64> { panic!("no") });
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(update));
        assert!(caught.is_err());
        assert_eq!(cache.peek(&1), Some(10));
        assert_eq!(count(&cache, 1), Some(11));
    }
}

#[test]
fn a_cache_that_keeps_nothing_is_updated_all_the_same() {
    let (cache, _) = manual(0);
    assert_eq!((count(&cache, 1), count(&cache, 1)), (None, None));
}

/// No count is lost: 64 threads, one key, a million.
#[test]
fn sixty_four_threads_count_to_a_million() {
    const THREADS: u64 = 64;
    let [bounded, unbounded] = caches(10);
    for (cache, all) in [(bounded, 1_000_000), (unbounded, 64_000)] {
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let (cache, start) = (&cache, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut last = 0;
                    for _ in 0..all / THREADS {
                        let now = count(cache, 1).unwrap();
                        assert!(now > last, "{now} after {last}");
                        last = now;
                    }
                });
            }
        });
        assert_eq!(cache.peek(&1), Some(all));
    }
}

/// V4: nothing is lost between updates, removals, invalidations by value and inserts of the same few keys: what was added was
/// taken out or is there.
#[test]
fn updates_and_removals_keep_the_books() {
    const THREADS: u64 = 6;
    const EACH: u64 = 30_000;
    for cache in caches(100) {
        let (added, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, added, taken) = (&cache, &added, &taken);
                scope.spawn(move || {
                    let mut random = thread + 1;
                    for _ in 0..EACH {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        let key = random >> 40 & 1;
                        match random >> 50 & 3 {
                            0 | 1 => {
                                count(cache, key);
                                added.fetch_add(1, Ordering::Relaxed);
                            }
                            2 => {
                                let value = cache.remove(&key).unwrap_or(0);
                                taken.fetch_add(value, Ordering::Relaxed);
                            }
                            _ => {
                                // Takes out by an update what it saw.
                                let mut seen = 0;
                                cache.update(key, |old| {
                                    seen = old.copied().unwrap_or(0);
                                    Update::Remove
                                });
                                taken.fetch_add(seen, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let rest: u64 = cache.iter().map(|(_, value)| value).sum();
        assert_eq!(added.into_inner(), taken.into_inner() + rest);
    }
}

/// I3: a set that races with updates of its key is never lost, and no update is made of what stood before it.
#[test]
fn a_set_is_not_lost_to_updates() {
    const SETS: u64 = 20_000;
    for cache in caches(100) {
        let (start, done) = (Barrier::new(4), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (cache, start, done) = (&cache, &start, &done);
                scope.spawn(move || {
                    start.wait();
                    while done.load(Ordering::SeqCst) == 0 {
                        // Small steps: the thousands tell which set this came from.
                        cache.update(1, |old| Update::Set(old.map_or(0, |old| old + 1)));
                        if cache.peek(&1).is_some_and(|value| value % 1_000_000 > 100) {
                            cache.remove(&1);
                        }
                    }
                });
            }
            start.wait();
            for n in 1..=SETS {
                cache.set(1, n * 1_000_000);
                let seen = cache.peek(&1).unwrap_or(0);
                let from = seen / 1_000_000;
                assert!(from == n || from == 0, "{seen} after the set of {n}");
            }
            done.store(1, Ordering::SeqCst);
        });
    }
}
