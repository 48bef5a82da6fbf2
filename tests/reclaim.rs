//! What nobody can reach any more is freed, whoever has unlinked it (invariants D1 to D8 of `src/engine/reclaim/bag/mod.rs`, `reclaim/supply.rs` and
//! `locals/collect.rs`). A program of its own, one test at a time: a thread that stays inside a view holds back what all caches
//! of the process free.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tux_cache::TtlCache;
use tux_cache_test_support::probe::{Census, Value};

const LONG: Duration = Duration::from_secs(1_000);

type Cache = TtlCache<u64, Value>;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What may be unlinked and not freed at a time.
fn budget(capacity: usize) -> usize {
    (capacity / 8).max(64)
}

/// A thread that does what it is told, and is idle otherwise.
struct Idle {
    work: Option<Sender<Box<dyn FnOnce() + Send>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Idle {
    fn new() -> Self {
        let (work, todo) = channel::<Box<dyn FnOnce() + Send>>();
        let thread = std::thread::spawn(move || todo.into_iter().for_each(|work| work()));
        let (work, thread) = (Some(work), Some(thread));
        Self { work, thread }
    }

    fn run(&self, work: impl FnOnce() + Send + 'static) {
        let (done, end) = channel();
        let work = move || {
            work();
            done.send(()).unwrap();
        };
        self.work.as_ref().unwrap().send(Box::new(work)).unwrap();
        end.recv().expect("the work ends well");
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        drop(self.work.take());
        _ = self.thread.take().unwrap().join();
    }
}

/// Each of 64 threads sets 511 entries, and is idle then.
#[test]
fn what_many_idle_threads_unlinked_is_within_the_budget_and_goes() {
    let _alone = alone();
    for capacity in [1_000, 100, 20_000] {
        let (cache, census) = (Arc::new(Cache::new(LONG, capacity)), Census::default());
        let threads: Vec<_> = (0..64).map(|_| Idle::new()).collect();
        let (start, end) = (Arc::new(Barrier::new(64)), Arc::new(Barrier::new(65)));
        for (n, thread) in threads.iter().enumerate() {
            let (cache, census) = (Arc::clone(&cache), census.clone());
            let (start, end) = (Arc::clone(&start), Arc::clone(&end));
            let work = move || {
                start.wait();
                (0..511).for_each(|k| cache.set(n as u64 * 1_000 + k, census.value(0)));
                end.wait();
            };
            thread.work.as_ref().unwrap().send(Box::new(work)).unwrap();
        }
        end.wait();
        let unlinked = census.alive() - cache.resident();
        assert!(unlinked <= budget(capacity), "{unlinked} of {capacity}");
        assert_eq!(cache.stats().unreclaimed, unlinked as u64);
        cache.sweep();
        assert_eq!(
            census.alive(),
            cache.resident(),
            "a sweep frees all that was unlinked"
        );
        cache.clear();
        assert_eq!(cache.sweep(), capacity.min(64 * 511));
        assert_eq!((census.alive(), cache.stats().unreclaimed), (0, 0));
    }
}

/// One after the other, so that no reader holds anything back: at any time.
#[test]
fn what_threads_unlink_in_turn_is_never_beyond_the_budget() {
    let _alone = alone();
    for (capacity, threads) in [(1, 3), (100, 100), (1_000, 64), (5_000, 40)] {
        let (cache, census) = (Arc::new(Cache::new(LONG, capacity)), Census::default());
        let threads: Vec<_> = (0..threads).map(|_| Idle::new()).collect();
        for round in 0..3_u64 {
            for thread in &threads {
                let (cache, census) = (Arc::clone(&cache), census.clone());
                thread.run(move || {
                    for key in 0..200 {
                        match key % 10 {
                            0 => drop(cache.invalidate(&(key + round))),
                            9 => cache.set_with_ttl(key, census.value(0), Duration::ZERO),
                            _ => cache.set(key + round, census.value(0)),
                        }
                        let unlinked = census.alive() - cache.resident();
                        assert!(unlinked <= budget(capacity), "{unlinked} of {capacity}");
                    }
                });
            }
        }
        cache.sweep();
        assert_eq!(census.alive(), cache.resident());
    }
}

/// More in one call than may be unlinked.
#[test]
fn calls_that_remove_very_many_free_them_as_they_go() {
    let _alone = alone();
    let (cache, census) = (Cache::new(LONG, 10_000), Census::default());
    let fill = || (0..10_000).for_each(|key| cache.set(key, census.value(0)));
    fill();
    let mut most = 0;
    let went = cache.invalidate_matching(|_| {
        // The last answer is not carried out yet, and nothing is set meanwhile.
        most = most.max(census.alive() - cache.resident());
        true
    });
    assert!(went > 9_900, "{went}");
    assert!(most <= budget(10_000), "{most} at a time");
    fill();
    cache.clear();
    cache.sweep();
    assert_eq!((census.alive(), cache.resident()), (0, 0));
}

/// After a clear, writes of any kind go on to free what it ended.
#[test]
fn every_kind_of_write_goes_on_with_a_clear() {
    let _alone = alone();
    type Write = fn(&Cache, u64, Value);
    let writes: [(&str, Write); 5] = [
        ("set", |cache, key, value| cache.set(key, value)),
        ("set_forever", |cache, key, value| {
            cache.set_forever(key, value)
        }),
        ("set_leased", |cache, key, value| {
            cache.set_leased(cache.lease(&key), key, value);
        }),
        ("invalidate", |cache, key, _| {
            _ = cache.invalidate(&(1_000_000 + key))
        }),
        ("a ttl of zero", |cache, key, value| {
            cache.set_with_ttl(1_000_000 + key, value, Duration::ZERO);
        }),
    ];
    for (name, write) in writes {
        let (cache, census) = (Cache::new(LONG, 16_128), Census::default());
        (0..16_128).for_each(|key| cache.set(key, census.value(0)));
        cache.clear();
        for _ in 0..4 {
            (0..1_600).for_each(|key| write(&cache, key, census.value(0)));
        }
        let most = cache.len() + budget(16_128);
        assert!(
            census.alive() <= most,
            "{name}: {} alive, {} readable",
            census.alive(),
            cache.len()
        );
    }
}

#[test]
fn every_kind_of_write_goes_on_with_what_has_expired() {
    let _alone = alone();
    let ticker = tux_cache::time::ManualTicker::new();
    let cache = TtlCache::builder()
        .ttl(LONG)
        .max_size(16_128)
        .ticker(ticker.clone());
    let (cache, census) = (cache.build().unwrap(), Census::default());
    let second = Duration::from_secs(1);
    (0..1_600).for_each(|key| cache.set(key, census.value(0)));
    (1_600..16_128).for_each(|key| cache.set_with_ttl(key, census.value(0), second));
    ticker.advance(2 * second);
    for _ in 0..4 {
        (0..1_600).for_each(|key| cache.set(key, census.value(0)));
    }
    assert!(
        census.alive() <= 1_600 + budget(16_128),
        "{} alive",
        census.alive()
    );
}

#[test]
fn a_sweep_frees_what_another_idle_thread_unlinked() {
    let _alone = alone();
    let bounded = || Arc::new(Cache::new(LONG, 1_000));
    let unbounded = || Arc::new(Cache::unbounded(LONG));
    for cache in [bounded(), unbounded()] {
        let (thread, census) = (Idle::new(), Census::default());
        (0..10).for_each(|key| cache.set(key, census.value(0)));
        assert_eq!(cache.stats().unreclaimed, 0, "nothing is unlinked");
        let other = Arc::clone(&cache);
        thread.run(move || (0..10).for_each(|key| assert!(other.invalidate(&key))));
        assert_eq!((census.alive(), cache.stats().unreclaimed), (10, 10));
        cache.sweep();
        assert_eq!((census.alive(), cache.stats().unreclaimed), (0, 0));
    }
}

/// Nor does a thread that stopped inside a view: it holds back what is unlinked meanwhile, and that goes once it has left.
#[test]
fn what_a_view_held_back_goes_with_the_next_write_of_any_thread() {
    let _alone = alone();
    let (cache, census) = (Arc::new(Cache::new(LONG, 1_000)), Census::default());
    let threads: Vec<_> = (0..4).map(|_| Idle::new()).collect();
    let view = cache.pin();
    for thread in &threads {
        let (cache, census) = (Arc::clone(&cache), census.clone());
        thread.run(move || (0..10_000).for_each(|key| cache.set(key, census.value(0))));
    }
    let unlinked = census.alive() - cache.resident();
    assert!(unlinked > 30_000, "a view is open: {unlinked}");
    assert_eq!(cache.stats().unreclaimed, unlinked as u64);
    drop(view);
    cache.set(1, census.value(0));
    let unlinked = census.alive() - cache.resident();
    assert!(unlinked <= budget(1_000), "{unlinked}");
}

/// Every call from many threads while others sweep and take what they unlinked: each value is dropped once, none while it is
/// read, all in the end.
#[test]
fn thieves_against_owners() {
    let _alone = alone();
    let end = Instant::now() + Duration::from_secs(1);
    for capacity in [1, 50, 3_000].into_iter().cycle() {
        let (cache, census) = (Cache::new(LONG, capacity), Census::default());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..6_u64 {
                let (cache, census, stop) = (&cache, &census, &stop);
                scope.spawn(move || {
                    for n in 0.. {
                        let key = (n * 7 + thread) % (2 * capacity as u64);
                        match (n + thread) % 64 {
                            0 if thread < 2 => drop(cache.sweep()),
                            1 => drop(cache.invalidate(&key)),
                            2 => drop(cache.pin().get(&key).map(|value| value.key())),
                            3 if n % 1_024 < 64 => cache.clear(),
                            4..20 => drop(cache.get(&key)),
                            _ => cache.set(key, census.value(0)),
                        }
                        if n % 64 == 0 && stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
        });
        cache.sweep();
        assert_eq!(census.alive(), cache.resident(), "capacity {capacity}");
        drop(cache);
        assert_eq!(census.alive(), 0);
        if Instant::now() > end {
            break;
        }
    }
}

/// While a view holds back what two busy threads unlink, they do not take the same bags from each other with every write.
#[test]
fn writers_beside_an_open_view_do_not_rob_each_other() {
    let _alone = alone();
    let census = Census::default();
    let cache: Arc<Cache> = Arc::new(TtlCache::new(LONG, 1_000));
    let write = || {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || {
                    for n in 0..100_000 {
                        cache.set(2 * (n % 400) + thread, census.value(0));
                    }
                });
            }
        });
        began.elapsed()
    };
    write();
    let free = write();
    let view = cache.pin();
    let held = write();
    drop(view);
    println!("beside a view {held:?}, without one {free:?}");
    assert!(
        held < 15 * free.max(Duration::from_millis(20)),
        "beside a view {held:?}, without one {free:?}"
    );
    cache.sweep();
    assert_eq!(census.alive(), cache.len(), "the view is closed");
}

/// A drop that puts another value into the cache: one sweep does not go on for as long as there are more.
#[test]
fn a_sweep_ends_though_drops_unlink_more() {
    struct Again {
        cache: std::sync::Weak<TtlCache<u64, Again>>,
        left: Arc<AtomicI64>,
    }
    impl Drop for Again {
        fn drop(&mut self) {
            if let Some(cache) = self.cache.upgrade()
                && self.left.fetch_sub(1, Ordering::Relaxed) > 0
            {
                let (cache_of, left) = (self.cache.clone(), Arc::clone(&self.left));
                cache.set(
                    1,
                    Self {
                        cache: cache_of,
                        left,
                    },
                );
            }
        }
    }
    let _alone = alone();
    let left = Arc::new(AtomicI64::new(0));
    let cache = Arc::new(TtlCache::new(LONG, 100));
    let value = || Again {
        cache: Arc::downgrade(&cache),
        left: Arc::clone(&left),
    };
    cache.set(1, value());
    left.store(10_000, Ordering::Relaxed);
    cache.set(1, value());
    cache.sweep();
    let used = 10_000 - left.load(Ordering::Relaxed);
    assert!((1..100).contains(&used), "{used} drops in one sweep");
    left.store(0, Ordering::Relaxed);
    cache.clear();
}

/// One clear in 2^14 sweeps the whole cache; what it takes out is freed on the way, not all at last.
#[test]
fn a_clear_that_sweeps_frees_on_the_way() {
    const CAPACITY: u64 = 10_000;
    static CACHE: OnceLock<TtlCache<u64, Watching>> = OnceLock::new();
    static RESIDENT: AtomicI64 = AtomicI64::new(-1);
    struct Watching;
    impl Drop for Watching {
        fn drop(&mut self) {
            let resident = CACHE.get().expect("made before its values").resident();
            let seen = i64::try_from(resident).unwrap();
            // That of the first drop stays.
            let _ = RESIDENT.compare_exchange(-1, seen, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
    let _alone = alone();
    let cache = CACHE.get_or_init(|| TtlCache::new(LONG, CAPACITY as usize));
    (2..1 << 14).for_each(|_| cache.clear());
    (0..CAPACITY).for_each(|key| cache.set(key, Watching));
    cache.clear();
    // What was set before the clear before stands where it stood.
    assert_eq!(RESIDENT.load(Ordering::SeqCst), -1);
    cache.clear();
    let resident = usize::try_from(RESIDENT.load(Ordering::SeqCst)).expect("some were dropped");
    let unlinked = CAPACITY as usize - resident;
    assert!(
        unlinked <= budget(CAPACITY as usize),
        "{unlinked} at the first drop"
    );
    assert!(cache.is_empty());
}
