//! Numbers, settings, and memory that is given back.

use super::{LONG, manual};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use tux_cache::time::{ManualTicker, TickCell, Ticker};
use tux_cache::{Stats, TtlCache};

#[test]
fn a_cache_knows_its_bound() {
    assert_eq!(manual(12).0.max_size(), Some(12));
    assert_eq!(manual(0).0.max_size(), Some(0));
    assert_eq!(TtlCache::<u64, u64>::unbounded(LONG).max_size(), None);
}

#[test]
fn the_hit_ratio() {
    let (cache, _) = manual(4);
    let ratio = |hits| {
        let stats = cache.stats();
        assert_eq!(stats.hits, hits);
        (stats.hit_ratio() * 100.0).round()
    };
    assert_eq!(Stats::default().hit_ratio().to_bits(), 0.0_f64.to_bits());
    cache.set(1, 1);
    cache.get(&2);
    assert_eq!(ratio(0).to_bits(), 0.0_f64.to_bits());
    for _ in 0..3 {
        cache.get(&1);
    }
    assert_eq!(ratio(3).to_bits(), 75.0_f64.to_bits());
}

/// As late as it is told to be.
struct Late(Arc<AtomicU64>, TickCell);

impl Ticker for Late {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn cell(&self) -> Option<TickCell> {
        Some(self.1.clone())
    }
}

#[test]
fn the_largest_lag_of_the_ticker_is_kept() {
    let now = Arc::new(AtomicU64::new(0));
    let cell = ManualTicker::new().cell().unwrap();
    let late = Late(Arc::clone(&now), cell);
    let cache = TtlCache::<u64, u64>::builder().ttl(LONG).max_size(10);
    let cache = cache.ticker(late).build().unwrap();
    for (time, lag) in [(0, 0), (50, 50), (60, 50), (160, 100)] {
        now.store(time, Ordering::Relaxed);
        for n in 0..100 {
            cache.set(n, n);
        }
        assert_eq!(cache.stats().ticker_lag, Duration::from_millis(lag));
    }
}

/// A ticker that only says the time.
struct Plain(Arc<AtomicU64>);

impl Ticker for Plain {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn a_ticker_without_a_cell() {
    let now = Arc::new(AtomicU64::new(5));
    let cache = TtlCache::<u64, u64>::builder().max_size(10);
    let cache = cache
        .ttl(Duration::from_millis(10))
        .ticker(Plain(Arc::clone(&now)));
    let cache = cache.build().unwrap();
    cache.set(1, 1);
    for (time, there) in [(15, true), (16, false)] {
        now.store(time, Ordering::Relaxed);
        assert_eq!(cache.get(&1).is_some(), there, "at {time} ms");
    }
    assert_eq!(cache.stats().ticker_lag, Duration::ZERO);
}

#[test]
fn the_number_of_stripes_is_checked() {
    let with = |shards| {
        TtlCache::<u64, u64>::builder()
            .max_size(1)
            .shards(shards)
            .build()
    };
    assert!(with(1 << 16).is_ok());
    for shards in [0, (1 << 16) + 1, 1 << 17] {
        let error = with(shards).unwrap_err().to_string();
        assert!(error.contains(&shards.to_string()), "{error}");
    }
}

/// A lease counts for its own cache and key only, also where nothing is to be kept.
#[test]
fn i8_a_lease_of_another_cache_or_key_removes_nothing() {
    let (cache, other) = (manual(10).0, manual(10).0);
    cache.set(1, 1);
    let zero = Some(Duration::ZERO);
    assert!(!cache.set_leased_with_ttl(other.lease(&1), 1, 2, zero));
    assert_eq!(cache.get(&1), Some(1));
    // Keys that share a stripe share its leases: one of so many does not.
    let refused = (2..100).any(|key| {
        !cache.set_leased_with_ttl(cache.lease(&key), 1, 2, zero) && { cache.get(&1) == Some(1) }
    });
    assert!(refused);
    cache.set(1, 1);
    assert!(cache.set_leased_with_ttl(cache.lease(&1), 1, 2, zero));
    assert_eq!(cache.get(&1), None);
}

/// Until `done`, or for ten seconds: other tests' threads hold guards for moments.
fn until(mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        if Instant::now() > end {
            return false;
        }
    }
    true
}

#[test]
fn writers_free_what_they_unlink() {
    let (cache, _) = manual(100);
    let view = cache.pin();
    for n in 0..1_000 {
        cache.set(1, n);
    }
    assert!(cache.stats().unreclaimed >= 999, "a view is open");
    drop(view);
    assert!(until(|| {
        cache.set(1, 1);
        cache.stats().unreclaimed < 100
    }));
}

/// Three threads leave less than a batch each and end.
fn left_by_ended_threads() -> (TtlCache<u64, Arc<()>>, Arc<()>) {
    let cache = TtlCache::<u64, Arc<()>>::new(LONG, 1_000);
    let value = Arc::new(());
    // This thread has a slot before the others.
    cache.set(0, Arc::default());
    let together = Barrier::new(3);
    std::thread::scope(|scope| {
        for key in 1..4 {
            let (cache, value, together) = (&cache, &value, &together);
            scope.spawn(move || {
                cache.set(key, Arc::clone(value));
                together.wait();
                cache.set(key, Arc::default());
            });
        }
    });
    assert_eq!(Arc::strong_count(&value), 4, "unlinked and not freed");
    (cache, value)
}

#[test]
fn writers_free_what_ended_threads_left() {
    let (cache, value) = left_by_ended_threads();
    assert!(until(|| {
        cache.set(0, Arc::default());
        Arc::strong_count(&value) == 1
    }));
}

#[test]
fn a_sweep_frees_what_ended_threads_left() {
    let (cache, value) = left_by_ended_threads();
    assert!(until(|| {
        cache.sweep();
        Arc::strong_count(&value) == 1
    }));
}

type Hook = Box<dyn FnOnce()>;

thread_local! {
    /// What happens when a key is hashed for the so-many-th time from now.
    static HOOK: std::cell::RefCell<(usize, Option<Hook>)> = Default::default();
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hooked(u64);

impl std::hash::Hash for Hooked {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let hook = HOOK.with_borrow_mut(|(left, hook)| {
            *left = left.wrapping_sub(1);
            if *left == 0 { hook.take() } else { None }
        });
        hook.into_iter().for_each(|hook| hook());
        state.write_u64(self.0);
    }
}

/// A load looks again before it starts: somebody may have set the key since the first look.
#[test]
fn a_load_looks_a_second_time() {
    let spared = |at: usize| {
        let cache = Arc::new(TtlCache::<Hooked, u64>::new(LONG, 10));
        let other = Arc::clone(&cache);
        HOOK.set((at, Some(Box::new(move || other.set(Hooked(1), 7)))));
        let mut fetched = false;
        let value = cache.get_or_fetch(Hooked(1), || {
            fetched = true;
            8
        });
        HOOK.take();
        assert!(matches!((fetched, value), (false, 7) | (true, 7 | 8)));
        !fetched
    };
    assert!(spared(1), "set before the first look");
    assert!((2..6).any(spared), "set before the second one");
}
