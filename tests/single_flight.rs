//! Single-flight through the public cache: L1–L11 of `src/single_flight` on the real engine and its leases (I8, I9).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;

#[path = "single_flight/asynchronous.rs"]
mod asynchronous;

const CALLERS: u64 = 16;
const TTL: Duration = Duration::from_secs(60);

/// Waits for other threads; a healthy run comes nowhere near the limit.
fn until(mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed().as_secs() < 60, "the others never came");
        thread::yield_now();
    }
}

fn caches() -> [TtlCache<u64, u64>; 2] {
    [TtlCache::new(TTL, 100), TtlCache::unbounded(TTL)]
}

#[test]
fn l2_callers_that_miss_together_make_one_fetch() {
    for cache in caches() {
        let fetches = AtomicU64::new(0);
        let fetch = || {
            fetches.fetch_add(1, SeqCst);
            // All have missed: the others join the flight, or look again after it.
            until(|| cache.stats().misses == CALLERS);
            42
        };
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| assert_eq!(cache.get_or_fetch(1, fetch), 42));
            }
        });
        assert_eq!(fetches.load(SeqCst), 1);
        assert_eq!(cache.get(&1), Some(42));
        assert_eq!(cache.stats().misses, CALLERS, "the second look is no miss");
    }
}

/// An error that cannot be copied goes to all who waited for it as one; those who ask for copies of the same type get one.
#[test]
fn l6_an_error_is_shared_by_those_who_waited() {
    #[derive(Debug, PartialEq)]
    struct NoCopy(u64);

    for cache in caches() {
        let fetches = AtomicU64::new(0);
        let failing = || {
            // Those who have missed by now wait, or come too late and fetch for themselves.
            until(|| cache.stats().misses == CALLERS);
            Err(NoCopy(fetches.fetch_add(1, SeqCst)))
        };
        let errors: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| scope.spawn(|| cache.try_get_or_fetch_shared(1, failing).unwrap_err()))
                .collect();
            callers.into_iter().map(|c| c.join().unwrap()).collect()
        });
        let distinct: std::collections::BTreeSet<_> =
            errors.iter().map(std::sync::Arc::as_ptr).collect();
        assert_eq!(distinct.len() as u64, fetches.load(SeqCst));
        assert_eq!(cache.get(&1), None, "never kept");
        assert_eq!(
            cache.try_get_or_fetch_shared(1, || Ok::<_, NoCopy>(5)),
            Ok(5)
        );
        let kept = cache.try_get_or_fetch_shared(1, || -> Result<u64, NoCopy> { unreachable!() });
        assert_eq!(kept, Ok(5));
    }
}

/// Callers of both forms wait for one another.
#[test]
fn l6_shared_and_copied_errors_are_of_one_flight() {
    for cache in caches() {
        let (leads, waits) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let leader = scope.spawn(|| {
                cache.try_get_or_fetch_shared(1, || {
                    leads.store(true, SeqCst);
                    until(|| waits.load(SeqCst) && cache.stats().misses == 2);
                    // The other one is between its miss and its wait.
                    thread::sleep(Duration::from_millis(20));
                    Err::<u64, _>("away".to_owned())
                })
            });
            until(|| leads.load(SeqCst));
            waits.store(true, SeqCst);
            let copied = cache.try_get_or_fetch(1, || Err("away".to_owned()));
            assert_eq!(copied, Err("away".to_owned()));
            assert_eq!(*leader.join().unwrap().unwrap_err(), "away");
        });
    }
}

#[test]
fn l2_many_keys_at_once_make_one_fetch_each() {
    for cache in caches() {
        let fetches: [AtomicU64; 50] = [const { AtomicU64::new(0) }; 50];
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (cache, fetches) = (&cache, &fetches);
                scope.spawn(move || {
                    for step in 0..50 {
                        let key = (step + caller * 7) % 50;
                        let value = cache.get_or_fetch(key, || {
                            fetches[key as usize].fetch_add(1, SeqCst);
                            thread::yield_now();
                            key * 10
                        });
                        assert_eq!(value, key * 10);
                    }
                });
            }
        });
        assert!(fetches.iter().all(|count| count.load(SeqCst) == 1));
    }
}

#[test]
fn l2_an_expired_value_is_fetched_once_again() {
    let ticker = ManualTicker::new();
    let cache = TtlCache::builder()
        .ttl(TTL)
        .max_size(10)
        .ticker(ticker.clone())
        .build()
        .unwrap();
    assert_eq!(cache.get_or_fetch(1, || 1), 1);
    assert_eq!(cache.get_or_fetch(1, || 2), 1);
    ticker.advance(TTL + Duration::from_millis(2));
    assert_eq!(cache.get_or_fetch(1, || 3), 3);
}

#[test]
fn l2_capacity_zero_hands_the_value_over_and_keeps_nothing() {
    let cache: TtlCache<u64, u64> = TtlCache::new(TTL, 0);
    assert_eq!(cache.get_or_fetch(1, || 5), 5);
    assert_eq!(cache.get_or_fetch(1, || 6), 6);
    assert_eq!((cache.len(), cache.resident()), (0, 0));
}

#[test]
fn t22_errors_are_shared_and_never_cached() {
    for cache in caches() {
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let fetch = || {
                        until(|| cache.stats().misses >= CALLERS);
                        Err::<u64, _>(String::from("refused"))
                    };
                    assert_eq!(cache.try_get_or_fetch(1, fetch), Err("refused".into()));
                });
            }
        });
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.try_get_or_fetch(1, || Ok::<_, String>(3)), Ok(3));
    }
}

#[test]
fn t22_a_panicking_fetch_unwinds_its_caller_alone() {
    for cache in caches() {
        let fetches = AtomicU64::new(0);
        let fetch = || {
            let first = fetches.fetch_add(1, SeqCst) == 0;
            until(|| cache.stats().misses == CALLERS);
            if first {
                resume_unwind(Box::new("expected by the test"));
            }
            8
        };
        let unwound = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let call = AssertUnwindSafe(|| cache.get_or_fetch(1, fetch));
                    match catch_unwind(call) {
                        Ok(value) => assert_eq!(value, 8),
                        Err(_) => {
                            unwound.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!((unwound.load(SeqCst), fetches.load(SeqCst)), (1, 2), "L4");
        assert_eq!(cache.get(&1), Some(8));
    }
}

/// Runs `change` while a fetch of key 1 is under way, and `after` right behind it.
fn overtake(
    cache: &TtlCache<u64, u64>,
    change: impl FnOnce(&TtlCache<u64, u64>),
    after: impl FnOnce(&TtlCache<u64, u64>),
) {
    let (begun, release) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let old = scope.spawn(|| {
            cache.get_or_fetch(1, || {
                begun.store(true, SeqCst);
                until(|| release.load(SeqCst));
                10
            })
        });
        until(|| begun.load(SeqCst));
        change(cache);
        after(cache);
        release.store(true, SeqCst);
        assert_eq!(old.join().unwrap(), 10, "L5: its own caller gets its value");
    });
}

#[test]
fn t26_a_change_during_a_fetch_wins_and_later_callers_start_afresh() {
    let fresh = |cache: &TtlCache<u64, u64>| assert_eq!(cache.get_or_fetch(1, || 11), 11, "L5");
    let nothing = |_: &TtlCache<u64, u64>| {};
    let changes: [fn(&TtlCache<u64, u64>); 4] = [
        |cache| assert!(!cache.invalidate(&1)),
        |cache| assert_eq!(cache.invalidate_matching(|key| *key == 1), 0),
        |cache| cache.clear(),
        |cache| cache.set_with_ttl(1, 99, Duration::ZERO),
    ];
    for change in changes {
        for cache in caches() {
            overtake(&cache, change, fresh);
            assert_eq!(cache.get(&1), Some(11), "I8: the old value came back");
        }
        for cache in caches() {
            overtake(&cache, change, nothing);
            assert_eq!(cache.get(&1), None, "I8: the old value came back");
        }
    }
    for cache in caches() {
        let stays = |cache: &TtlCache<u64, u64>| assert_eq!(cache.get_or_fetch(1, || 11), 99);
        overtake(&cache, |cache| cache.set(1, 99), stays);
        assert_eq!(cache.get(&1), Some(99), "I8: the set was lost");
    }
}

#[test]
fn t25_a_fetch_inside_its_own_fetch_runs_directly() {
    for cache in caches() {
        let value = cache.get_or_fetch(1, || {
            let inner = cache.get_or_fetch(1, || 1);
            assert_eq!(cache.get(&1), None, "L8: the inner value is not kept");
            inner + 1
        });
        assert_eq!((value, cache.get(&1)), (2, Some(2)));
    }
}

#[test]
fn t25_fetches_that_wait_for_each_other_do_not_deadlock_even_across_caches() {
    let [left, right] = caches();
    let leading = AtomicU64::new(0);
    let cross = |outer: &TtlCache<u64, u64>, inner: &TtlCache<u64, u64>| {
        outer.get_or_fetch(1, || {
            leading.fetch_add(1, SeqCst);
            until(|| leading.load(SeqCst) == 2);
            inner.get_or_fetch(1, || 0) + 1
        })
    };
    thread::scope(|scope| {
        scope.spawn(|| cross(&left, &right));
        scope.spawn(|| cross(&right, &left));
    });
    assert!(left.contains(&1) && right.contains(&1));
}

#[test]
fn i9_a_fetch_may_call_the_cache() {
    for cache in caches() {
        let value = cache.get_or_fetch(1, || {
            cache.set(2, 20);
            cache.set_with_ttl(3, 30, TTL);
            cache.get_or_fetch(4, || 40) + cache.get(&2).unwrap()
        });
        assert_eq!(value, 60);
        assert_eq!(cache.get(&4), Some(40));
    }
}

/// I2, I8: versions only grow. A call that begins after a write's invalidation returned never sees an older one.
#[test]
fn i8_no_stale_value_under_fetches_writes_and_evictions() {
    for cache in [TtlCache::<u64, u64>::new(TTL, 2), TtlCache::unbounded(TTL)] {
        let versions: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
        let settled: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
        thread::scope(|scope| {
            for seed in 1..=4_u64 {
                let (cache, versions, settled) = (&cache, &versions, &settled);
                scope.spawn(move || {
                    let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    for _ in 0..20_000 {
                        dice ^= dice << 13;
                        dice ^= dice >> 7;
                        dice ^= dice << 17;
                        let (key, act) = (dice % 4, dice >> 32 & 15);
                        let at = key as usize;
                        if act < 2 {
                            let version = versions[at].fetch_add(1, SeqCst) + 1;
                            if act == 0 {
                                cache.invalidate(&key);
                            } else {
                                cache.clear();
                            }
                            settled[at].fetch_max(version, SeqCst);
                            continue;
                        }
                        let floor = settled[at].load(SeqCst);
                        let value = cache.get_or_fetch(key, || {
                            let value = versions[at].load(SeqCst);
                            if act == 2 {
                                thread::yield_now();
                            }
                            value
                        });
                        assert!(value >= floor, "stale: {value} after {floor}");
                    }
                });
            }
        });
    }
}

#[test]
fn i8_changes_of_other_keys_leave_a_lease_alone() {
    for cache in caches() {
        let lease = cache.lease(&0);
        let neighbour = cache.lease(&1);
        for key in 2..5_000 {
            cache.set(key, key);
            cache.invalidate(&key);
        }
        assert!(cache.lease_is_valid(&lease));
        cache.set(1, 1);
        assert!(!cache.lease_is_valid(&neighbour));
        // Unless both keys had to share a slot, which two keys never have to.
        assert!(cache.lease_is_valid(&lease));
        assert!(cache.set_leased(lease, 0, 7));
        assert_eq!(cache.get(&0), Some(7));
    }
}

#[test]
fn i8_more_leases_than_slots_are_still_voided_by_their_own_key() {
    let cache: TtlCache<u64, u64> = TtlCache::builder().max_size(100).shards(1).build().unwrap();
    for round in 0..3 {
        let leases: Vec<_> = (0..20).map(|key| cache.lease(&key)).collect();
        // Backwards: those that had to share a slot come first.
        for (key, lease) in (0..)
            .zip(leases)
            .collect::<Vec<(u64, _)>>()
            .into_iter()
            .rev()
        {
            if (key + round) % 3 == 0 {
                cache.invalidate(&key);
                assert!(!cache.lease_is_valid(&lease));
                assert!(!cache.set_leased(lease, key, key));
            } else {
                let twin = cache.lease(&key);
                assert!(cache.set_leased(twin, key, key), "nothing came between");
                assert!(!cache.lease_is_valid(&lease), "of two, the later is void");
            }
        }
    }
    // All leases are gone: a slot is free again, and its neighbours' changes do not matter.
    let lease = cache.lease(&0);
    (1..50).for_each(|key| cache.set(key, key));
    assert!(cache.lease_is_valid(&lease));
}

#[test]
fn i8_leases_on_one_key_share_a_slot_and_fit_no_other_key() {
    let cache: TtlCache<u64, u64> = TtlCache::builder().max_size(100).shards(1).build().unwrap();
    let twins: Vec<_> = (0..8).map(|_| cache.lease(&0)).collect();
    let others: Vec<_> = (1..4).map(|key| cache.lease(&key)).collect();
    cache.set(0, 0);
    assert!(twins.iter().all(|lease| !cache.lease_is_valid(lease)));
    assert!(others.iter().all(|lease| cache.lease_is_valid(lease)));
    for lease in others {
        assert!(!cache.set_leased(lease, 9, 9), "a lease on another key");
    }
    assert_eq!(cache.get(&9), None);
}
