//! The cache inside thread-local destructors, threads that come and go, and values that use the cache as they are dropped.

use crate::{Cache, at_rest, manual, operate, share_of_time};
use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tux_cache::TtlCache;
use tux_cache_test_support::probe::{Census, Random, Value};

/// Uses every operation of the cache as its thread ends.
struct LastWords {
    cache: Arc<Cache>,
    census: Census,
    done: Arc<Mutex<u32>>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        let Self { cache, census, .. } = self;
        cache.set(1, census.value(1));
        assert_eq!(cache.get(&1).map(|v| v.key()), Some(1));
        let lease = cache.lease(&2);
        assert!(cache.set_leased(lease, 2, census.value(2)));
        assert_eq!(cache.get_or_fetch(3, || census.value(3)).key(), 3);
        assert_eq!(cache.pin().get(&3).map(Value::key), Some(3));
        assert!(cache.invalidate(&2) && !cache.contains(&2));
        assert_eq!(cache.invalidate_matching(|k| *k == 3), 1);
        assert!(cache.iter().any(|(key, _)| key == 1));
        cache.clear();
        cache.sweep();
        assert!(cache.is_empty());
        *self.done.lock().unwrap() += 1;
    }
}

thread_local! {
    static FIRST: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    static LATER: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

#[test]
fn i9_every_operation_inside_thread_local_destructors() {
    for capacity in [Some(10), None] {
        let (cache, _) = manual(capacity);
        let (cache, census) = (Arc::new(cache), Census::default());
        let done = Arc::new(Mutex::new(0));
        for _ in 0..5 {
            let words = || LastWords {
                cache: Arc::clone(&cache),
                census: census.clone(),
                done: Arc::clone(&done),
            };
            // Made before the cache's own thread-locals and after them: destroyed after and before them.
            let (first, later) = (words(), words());
            std::thread::spawn(move || {
                let (cache, census) = (Arc::clone(&first.cache), first.census.clone());
                FIRST.set(Some(first));
                cache.set(5, census.value(5));
                LATER.set(Some(later));
            })
            .join()
            .expect("no panic in a destructor");
        }
        assert_eq!(*done.lock().unwrap(), 10);
        at_rest(
            Arc::into_inner(cache).unwrap(),
            &census,
            "thread-local destructors",
        );
    }
}

#[test]
fn i4_threads_that_come_and_go_leave_nothing_behind() {
    let start = Instant::now();
    for capacity in [Some(1), Some(20), None].into_iter().cycle() {
        let (cache, ticker) = manual(capacity);
        let census = Census::default();
        for seed in 0..20 {
            std::thread::scope(|scope| {
                for n in 0..3 {
                    let (cache, ticker, census) = (&cache, &ticker, &census);
                    scope.spawn(move || {
                        let mut random = Random::new(10 * seed + n);
                        (0..200).for_each(|_| operate(cache, ticker, census, &mut random, 60));
                    });
                }
            });
        }
        at_rest(cache, &census, "threads that come and go");
        if start.elapsed() > share_of_time() {
            break;
        }
    }
}

/// Sets, reads and removes other keys as it is dropped, as deep as `fuel` lasts.
struct Nested {
    cache: std::sync::Weak<TtlCache<u64, Nested>>,
    fuel: u64,
    census: Option<Value>,
}

impl Drop for Nested {
    fn drop(&mut self) {
        if let (true, Some(cache)) = (self.fuel > 0, self.cache.upgrade()) {
            let key = self.fuel % 13;
            let value = Self {
                cache: self.cache.clone(),
                fuel: self.fuel - 1,
                census: self.census.clone(),
            };
            cache.set(key, value);
            cache.invalidate(&(key + 1));
            _ = cache.contains(&key);
            cache.sweep();
        }
    }
}

#[test]
fn i9_drops_may_call_the_cache() {
    for capacity in [1, 5, 100] {
        let census = Census::default();
        let cache = Arc::new(TtlCache::new(crate::LONG, capacity));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || {
                    for n in 0..300 {
                        let value = Nested {
                            cache: Arc::downgrade(cache),
                            fuel: 3,
                            census: Some(census.value(n)),
                        };
                        cache.set((n + thread) % 20, value);
                        assert!(cache.resident() <= capacity, "I1");
                    }
                });
            }
        });
        drop(cache);
        census.assert_all_gone("drops that call the cache");
    }
}
