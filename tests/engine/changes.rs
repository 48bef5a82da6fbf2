//! V1, V4: changes that depend on what stands there: `remove`, `set_if_absent`, `retain`; and looks that leave no trace.

use super::{Duration, LONG, manual};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use tux_cache::time::ManualTicker;
use tux_cache::{Remaining, TtlCache};

/// A bounded cache with room for all, and one without a bound, on one ticker.
fn caches() -> ([TtlCache<u64, u64>; 2], ManualTicker) {
    let ticker = ManualTicker::new();
    let builder = || TtlCache::builder().ttl(LONG).ticker(ticker.clone());
    let caches = [builder().max_size(10_000), builder().unbounded()];
    (caches.map(|builder| builder.build().unwrap()), ticker)
}

#[test]
fn a_peek_counts_nothing() {
    let (caches, ticker) = caches();
    for cache in &caches {
        cache.set(1, 10);
        assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(10), None));
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (0, 0));
    }
    ticker.advance(LONG + Duration::from_millis(1));
    for cache in &caches {
        assert_eq!(cache.peek(&1), None, "expired");
    }
}

#[test]
fn the_rest_of_a_time_to_live_never_ends_early() {
    let (caches, ticker) = caches();
    let seconds = |n| Some(Remaining::For(Duration::from_secs(n)));
    for cache in &caches {
        cache.set(1, 1);
        cache.set_with_ttl(2, 2, Duration::from_secs(7));
        cache.set_forever(3, 3);
        cache.set_with_ttl(4, 4, Duration::MAX);
        cache.set_with_ttl(5, 5, Duration::from_micros(1));
        assert_eq!(cache.remaining(&1), seconds(300));
        assert_eq!(cache.remaining(&2), seconds(7));
        assert_eq!(cache.remaining(&3), Some(Remaining::Forever));
        assert_eq!(cache.remaining(&4), Some(Remaining::Forever));
        let one = Remaining::For(Duration::from_millis(1));
        assert_eq!(cache.remaining(&5), Some(one), "rounded up");
        assert_eq!(cache.remaining(&6), None);
    }
    ticker.advance(Duration::from_millis(6_999));
    for cache in &caches {
        let one = Remaining::For(Duration::from_millis(1));
        assert_eq!(cache.remaining(&2), Some(one));
    }
    ticker.advance(Duration::from_millis(1));
    for cache in &caches {
        // The millisecond that was under way at the write is added to each.
        assert_eq!(cache.remaining(&2), seconds(0));
        assert_eq!(cache.get(&2), Some(2));
    }
    ticker.advance(Duration::from_millis(1));
    for cache in &caches {
        assert_eq!((cache.remaining(&2), cache.get(&2)), (None, None));
        assert_eq!(cache.stats().hits, 1, "no look at the rest is a hit");
    }
}

#[test]
fn a_cache_knows_its_time_to_live() {
    let ttl =
        |builder: tux_cache::TtlCacheBuilder<u64, u64>| builder.max_size(10).build().unwrap().ttl();
    let builder = TtlCache::<u64, u64>::builder;
    assert_eq!(ttl(builder()), None);
    assert_eq!(ttl(builder().ttl(Duration::MAX)), None);
    assert_eq!(ttl(builder().ttl(Duration::ZERO)), Some(Duration::ZERO));
    assert_eq!(ttl(builder().ttl(LONG)), Some(LONG));
    let odd = builder().ttl(Duration::from_micros(1_500));
    assert_eq!(ttl(odd), Some(Duration::from_millis(2)));
    let ages = builder().ttl(Duration::from_secs(u64::MAX / 1_000));
    assert_eq!(ttl(ages), None, "more than 8,900 years");
}

#[test]
fn a_removal_hands_out_what_went() {
    let (caches, ticker) = caches();
    for cache in &caches {
        cache.set(1, 10);
        cache.set_with_ttl(2, 20, Duration::from_secs(1));
        assert_eq!((cache.remove(&1), cache.remove(&1)), (Some(10), None));
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.stats().invalidations, 1);
    }
    ticker.advance(Duration::from_secs(2));
    for cache in &caches {
        assert_eq!(cache.remove(&2), None, "expired");
        // I8: also of a key that is not there.
        let lease = cache.lease(&3);
        assert_eq!(cache.remove(&3), None);
        assert!(!cache.set_leased(lease, 3, 30));
    }
}

/// Every value that is set is handed to exactly one of those who remove, whatever they race with: of bounded caches as long as there is
/// room.
#[test]
fn of_removals_at_once_one_gets_the_value() {
    const KEYS: u64 = 4;
    const SETS: u64 = 20_000;
    let (caches, _) = caches();
    for cache in &caches {
        let (left, right, start) = (AtomicU64::new(0), AtomicU64::new(0), Barrier::new(6));
        let done = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for setter in 0..2 {
                let (cache, right, start, done) = (cache, &right, &start, &done);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..SETS {
                        let (key, value) = (n % KEYS, 2 * n + setter + 1);
                        if cache.set_if_absent(key, value).is_ok() {
                            right.fetch_add(value, Ordering::Relaxed);
                        }
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
            for remover in 0..4 {
                let (cache, left, start, done) = (cache, &left, &start, &done);
                scope.spawn(move || {
                    start.wait();
                    let mut n = remover;
                    while done.load(Ordering::SeqCst) < 2 {
                        n += 1;
                        if let Some(value) = cache.remove(&(n % KEYS)) {
                            left.fetch_add(value, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let rest: u64 = (0..KEYS).filter_map(|key| cache.remove(&key)).sum();
        let left = left.into_inner() + rest;
        assert_eq!(left, right.into_inner(), "what came in and what went out");
    }
}

#[test]
fn the_first_one_sets_if_absent() {
    let (caches, ticker) = caches();
    for cache in &caches {
        assert_eq!(cache.set_if_absent(1, 10), Ok(()));
        assert_eq!(cache.set_if_absent(1, 11), Err(11), "handed back");
        assert_eq!(cache.get(&1), Some(10));
        // I8: it changes the key, so what is loaded does not overwrite it; if it does not, it disturbs no load.
        let (lease, other) = (cache.lease(&2), cache.lease(&1));
        assert_eq!(cache.set_if_absent(2, 20), Ok(()));
        assert_eq!(cache.set_if_absent(1, 12), Err(12));
        assert!(!cache.set_leased(lease, 2, 21) && cache.set_leased(other, 1, 13));
    }
    ticker.advance(LONG + Duration::from_millis(1));
    for cache in &caches {
        assert_eq!(cache.set_if_absent(1, 14), Ok(()), "expired is absent");
        assert_eq!(cache.get(&1), Some(14));
        cache.clear();
        assert_eq!(cache.set_if_absent(1, 15), Ok(()), "cleared is absent");
        assert_eq!(cache.get(&1), Some(15));
    }
}

#[test]
fn a_cache_that_keeps_nothing_takes_everything() {
    let (nothing, _) = manual(0);
    assert_eq!(nothing.set_if_absent(1, 1), Ok(()));
    assert_eq!(nothing.set_if_absent(1, 2), Ok(()));
    assert_eq!(
        (nothing.remove(&1), nothing.retain(|_, _| false)),
        (None, 0)
    );
    let unkept = TtlCache::new(Duration::ZERO, 10);
    assert_eq!((unkept.set_if_absent(1, 1), unkept.len()), (Ok(()), 0));
    unkept.set_forever(1, 2);
    assert_eq!(unkept.set_if_absent(1, 3), Err(3));
}

/// Of many threads one wins each key, while each key is invalidated now and then.
#[test]
fn exactly_one_sets_an_absent_key() {
    const THREADS: usize = 8;
    const ROUNDS: u64 = 3_000;
    let (caches, ticker) = caches();
    for cache in &caches {
        let (wins, round) = (AtomicU64::new(0), Barrier::new(THREADS));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, wins, round, ticker) = (cache, &wins, &round, &ticker);
                scope.spawn(move || {
                    for n in 0..ROUNDS {
                        if round.wait().is_leader() {
                            // The key is absent in each of the ways there are.
                            match n % 3 {
                                0 => _ = cache.remove(&7),
                                1 => ticker.advance(LONG + Duration::from_millis(1)),
                                _ => cache.clear(),
                            }
                        }
                        round.wait();
                        if cache.set_if_absent(7, n * 100 + thread as u64).is_ok() {
                            wins.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(wins.into_inner(), ROUNDS, "one winner a round");
    }
}

#[test]
fn what_is_not_retained_goes() {
    let (caches, ticker) = caches();
    for cache in &caches {
        for key in 0..1_000 {
            cache.set(key, 3 * key);
        }
        cache.set_with_ttl(5_000, 1, Duration::from_millis(1));
    }
    ticker.advance(Duration::from_secs(1));
    for cache in &caches {
        let lease = cache.lease(&9_000);
        let mut asked = 0;
        let went = cache.retain(|key, value| {
            asked += 1;
            assert_eq!(*value, 3 * key);
            value % 2 == 0
        });
        assert_eq!(
            (asked, went, cache.len()),
            (1_000, 500, 500),
            "the live ones"
        );
        assert!(cache.iter().all(|(key, _)| key % 2 == 0));
        assert!(!cache.set_leased(lease, 9_000, 1), "I8: loads are voided");
        assert_eq!(cache.stats().invalidations, 500);
        assert_eq!(cache.iter().fuse().count(), 500);
    }
}

/// A walk that ended stays at its end, also when entries come afterwards.
#[test]
fn a_walk_is_fused() {
    fn end<I: std::iter::FusedIterator>(mut walk: I) -> I {
        while walk.next().is_some() {}
        walk
    }
    let (caches, _) = caches();
    for cache in &caches {
        let mut walk = end(cache.iter());
        (0..100).for_each(|key| cache.set(key, key));
        assert_eq!(walk.next(), None);
    }
}
