//! I8: leases on different keys leave each other alone, however many are out.

use super::LONG;
use std::sync::Barrier;
use tux_cache::{Lease, TtlCache};

const ENTRIES: usize = 50_000;

fn caches() -> [TtlCache<u64, u64>; 2] {
    [TtlCache::new(LONG, ENTRIES), TtlCache::unbounded(LONG)]
}

/// So many leases on as many keys, then a leased set with each.
fn kept(cache: &TtlCache<u64, u64>, count: u64) -> usize {
    let leases: Vec<(Lease, u64)> = (0..count).map(|key| (cache.lease(&key), key)).collect();
    let stored = leases
        .into_iter()
        .filter(|_| true)
        .map(|(lease, key)| cache.set_leased(lease, key, key));
    stored.filter(|stored| *stored).count()
}

#[test]
fn ten_thousand_leases_all_publish_and_nearly_all_of_fifty_thousand() {
    for cache in caches() {
        assert_eq!(kept(&cache, 10_000), 10_000);
        let kept = kept(&cache, 50_000);
        assert!(kept >= 45_000, "{kept} of 50,000");
    }
}

#[test]
fn writes_of_other_keys_void_nothing() {
    for cache in caches() {
        let leases: Vec<_> = (0..10_000).map(|key| (cache.lease(&key), key)).collect();
        for key in 20_000..40_000 {
            cache.set(key, key);
            cache.invalidate(&(key + 1));
        }
        for (lease, key) in leases {
            assert!(cache.set_leased(lease, key, key), "{key}");
        }
    }
}

/// Five hundred threads, each with a load of its own under way at any time.
#[test]
fn loads_of_five_hundred_threads_are_all_kept() {
    const THREADS: u64 = 500;
    const EACH: u64 = 20;
    for cache in caches() {
        let all = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, all) = (&cache, &all);
                std::thread::Builder::new()
                    .stack_size(256 << 10)
                    .spawn_scoped(scope, move || {
                        for n in 0..EACH {
                            let key = n * THREADS + thread;
                            let load = || {
                                all.wait();
                                key
                            };
                            assert_eq!(cache.get_or_fetch(key, load), key);
                        }
                    })
                    .unwrap();
            }
        });
        let kept = (0..THREADS * EACH).filter(|key| cache.get(key).is_some());
        assert_eq!(kept.count() as u64, THREADS * EACH);
        assert_eq!(cache.stats().voided, 0);
    }
}

/// A lease that nobody drops keeps a slot busy, and costs nobody else's lease.
#[test]
fn a_forgotten_lease_costs_nobody_elses() {
    for cache in caches() {
        // (Kept, and not forgotten in earnest: that would be a leak.)
        let forgotten: Vec<_> = (0..1_000).map(|key| cache.lease(&key)).collect();
        let leases: Vec<_> = (1_000..11_000)
            .map(|key| (cache.lease(&key), key))
            .collect();
        (0..1_000).for_each(|key| cache.set(key, key));
        for (lease, key) in leases {
            assert!(cache.set_leased(lease, key, key), "{key}");
        }
        // The keys of the forgotten leases can be loaded as ever.
        for key in 0..1_000 {
            let lease = cache.lease(&key);
            assert!(cache.set_leased(lease, key, key + 1), "{key}");
        }
        drop(forgotten);
    }
}
