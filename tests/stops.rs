//! I7 and I9 on the real engine: a thread stopped inside the user's own code (`K::eq`, `K::hash`, `K::clone`, `V::clone`,
//! `V::drop`, a loader, a predicate) delays nobody, and nothing is lost or kept too long when it goes on.
//!
//! One thread runs an operation and is stopped at its n-th call of that code, for n = 0, 1, 2 … until the operation ends
//! without a stop. While it stands there, another thread runs every operation, on the same keys too, under a watchdog.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;
use tux_cache_test_support::probe::{Census, Gate, Group, Key, Site, Value, pass, within};

type Cache = TtlCache<Key, Value, Group>;

const LONG: Duration = Duration::from_secs(1_000);
const SHORT: Duration = Duration::from_millis(1);

/// One test at a time: a thread stopped inside a guard holds back what all caches of the process free.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Bench {
    cache: Arc<Cache>,
    ticker: ManualTicker,
    census: Census,
    capacity: usize,
}

impl Bench {
    fn new(capacity: usize) -> Self {
        let ticker = ManualTicker::new();
        let cache = TtlCache::builder()
            .ttl(LONG)
            .max_size(capacity)
            .hasher(Group)
            .ticker(ticker.clone());
        Self {
            cache: Arc::new(cache.build().unwrap()),
            ticker,
            census: Census::default(),
            capacity,
        }
    }

    fn value(&self, key: Key, number: u64) -> Value {
        self.census.numbered(key.id, number)
    }

    /// Every operation, on the keys the stopped thread works on and on others. Each answer is checked: only this thread is
    /// at work, so what it sets it must see.
    fn exercise(&self, keys: &[Key]) {
        let Self { cache, ticker, .. } = self;
        for round in 0..30 {
            for (n, &key) in keys.iter().enumerate() {
                let number = 1_000 + round * 100 + n as u64;
                match (round as usize + n) % 5 {
                    0 => cache.set_with_ttl(key, self.value(key, number), SHORT),
                    1 => {
                        let lease = cache.lease(&key);
                        // Void while a leased set of the same hash is stopped on its way.
                        if !cache.set_leased(lease, key, self.value(key, number)) {
                            cache.set(key, self.value(key, number));
                        }
                    }
                    2 => {
                        cache.invalidate(&key);
                        cache.set(key, self.value(key, number));
                    }
                    _ => cache.set(key, self.value(key, number)),
                }
                let seen = cache.get(&key).map(|value| value.number());
                assert_eq!(seen, Some(number), "I3: {key:?} is visible to its writer");
                assert!(cache.contains(&key));
                assert!(cache.resident() <= self.capacity, "I1");
            }
            assert!(cache.len() <= cache.resident(), "I1");
            match round % 6 {
                0 => ticker.advance(2 * SHORT),
                1 => _ = cache.sweep(),
                2 => cache.clear(),
                3 => _ = cache.invalidate_matching(|key| key.id % 2 == 0),
                4 => drop(cache.get_or_fetch(keys[0], || self.value(keys[0], 7))),
                _ => assert!(
                    cache
                        .pin()
                        .get(&keys[0])
                        .is_none_or(|v| v.key() == keys[0].id)
                ),
            }
        }
    }

    /// What must hold when nobody is at work.
    fn at_rest(self) {
        let cache = Arc::into_inner(self.cache).expect("all threads have ended");
        let found = cache.iter().count();
        assert_eq!(found, cache.len(), "keys found at rest");
        assert!(cache.resident() <= self.capacity, "I1");
        let s = cache.stats();
        assert_eq!(
            s.insertions,
            s.evictions + s.expirations + s.invalidations + s.cleared + cache.resident() as u64,
            "the books balance: {s:?}"
        );
        drop(cache);
        self.census.assert_all_gone("at rest");
    }
}

/// Runs `operation` with stops at the n-th passage of `site`; returns how many stops there were.
fn stop_everywhere(
    site: Site,
    capacity: usize,
    operation: impl Fn(&Bench) + Send + Sync + Copy + 'static,
) -> u32 {
    for nth in 0.. {
        let bench = Arc::new(Bench::new(capacity));
        // Keys of one hash, so that they meet each other; and one that is far away.
        let keys = [
            Key::new(4, 9),
            Key::new(1, 0),
            Key::new(2, 0),
            Key::new(3, 0),
        ];
        for key in keys {
            bench.cache.set(key, bench.value(key, 0));
        }
        let gate = Gate::default();
        let stopped = {
            let (bench, gate) = (Arc::clone(&bench), gate.clone());
            std::thread::spawn(move || gate.stop_in(site, nth, || operation(&bench)))
        };
        let reached = gate.wait_until_reached(&stopped).is_some();
        if reached {
            let others = Arc::clone(&bench);
            within(&format!("{site:?} {nth}"), move || {
                others.exercise(&keys);
            });
        }
        gate.open();
        stopped.join().expect("the stopped thread ends well");
        Arc::into_inner(bench)
            .expect("all threads have ended")
            .at_rest();
        if !reached {
            return nth;
        }
    }
    unreachable!("an operation has finitely many steps")
}

/// Capacities at which room must be made, and at which there is plenty.
const CAPACITIES: [usize; 3] = [1, 3, 50];

fn every(site: Site, at_least: u32, operation: impl Fn(&Bench) + Send + Sync + Copy + 'static) {
    for capacity in CAPACITIES {
        let stops = stop_everywhere(site, capacity, operation);
        assert!(
            stops >= at_least,
            "{site:?} was passed {stops} times only at capacity {capacity}"
        );
    }
}

const SAME_HASH: Key = Key::new(5, 0);

#[test]
fn i7_stopped_in_eq_during_set() {
    let _alone = alone();
    every(Site::Eq, 1, |b| {
        b.cache.set(SAME_HASH, b.value(SAME_HASH, 1))
    });
    every(Site::Eq, 1, |b| {
        b.cache.set(Key::new(1, 0), b.value(Key::new(1, 0), 1))
    });
    // An entry that expires, or is cleared, while its owner is stopped.
    every(Site::Eq, 1, |b| {
        b.cache
            .set_with_ttl(SAME_HASH, b.value(SAME_HASH, 1), SHORT)
    });
}

#[test]
fn i7_stopped_in_eq_during_other_operations() {
    let _alone = alone();
    every(Site::Eq, 1, |b| drop(b.cache.get(&SAME_HASH)));
    every(Site::Eq, 1, |b| _ = b.cache.invalidate(&SAME_HASH));
    every(Site::Eq, 1, |b| {
        let lease = b.cache.lease(&SAME_HASH);
        b.cache.set_leased(lease, SAME_HASH, b.value(SAME_HASH, 1));
    });
    every(Site::Eq, 1, |b| {
        b.cache.get_or_fetch(SAME_HASH, || b.value(SAME_HASH, 1));
    });
}

#[test]
fn i7_stopped_in_hash() {
    let _alone = alone();
    every(Site::Hash, 1, |b| {
        b.cache.set(SAME_HASH, b.value(SAME_HASH, 1))
    });
    every(Site::Hash, 1, |b| _ = b.cache.invalidate(&SAME_HASH));
}

#[test]
fn i7_stopped_in_clone_of_a_key() {
    let _alone = alone();
    let copies = stop_everywhere(Site::CloneKey, 50, |b| _ = b.cache.iter().count());
    assert!(copies >= 4, "{copies} keys were copied");
}

#[test]
fn i7_stopped_in_clone_of_a_value() {
    let _alone = alone();
    every(Site::Clone, 0, |b| drop(b.cache.get(&Key::new(4, 9))));
    assert!(stop_everywhere(Site::Clone, 50, |b| drop(b.cache.get(&Key::new(4, 9)))) >= 1);
    assert!(
        stop_everywhere(Site::Clone, 50, |b| {
            drop(b.cache.get_many(&[Key::new(1, 0), Key::new(4, 9)]));
        }) >= 2
    );
}

#[test]
fn i7_stopped_in_drop_of_a_value() {
    let _alone = alone();
    // Enough overwrites for several batches of what is freed.
    every(Site::Drop, 8, |b| {
        for number in 0..40 {
            b.cache.set(SAME_HASH, b.value(SAME_HASH, number));
        }
    });
    every(Site::Drop, 0, |b| {
        b.cache.clear();
        b.cache.sweep();
    });
}

#[test]
fn i7_stopped_in_a_predicate() {
    let _alone = alone();
    every(Site::Predicate, 1, |b| {
        b.cache.invalidate_matching(|key| {
            pass(Site::Predicate);
            key.group == 0
        });
    });
}

#[test]
fn i7_stopped_in_a_loader_of_another_key() {
    let _alone = alone();
    every(Site::Loader, 1, |b| {
        b.cache.get_or_fetch(Key::new(77, 7), || {
            pass(Site::Loader);
            b.value(Key::new(77, 7), 1)
        });
    });
}

/// I1, I3 and I7 together: every one of 64 threads has an entry on its way in, and there is one permit.
#[test]
fn i1_i3_i7_sixty_four_threads_stopped_mid_set_at_capacity_one() {
    let _alone = alone();
    // Before it publishes its entry, and after.
    for nth in 0..2 {
        let bench = Arc::new(Bench::new(1));
        let resident = Key::new(0, 0);
        bench.cache.set(resident, bench.value(resident, 0));
        let gates: Vec<Gate> = (0..64).map(|_| Gate::default()).collect();
        let mut threads = Vec::new();
        let mut stopped = 0;
        for (n, gate) in gates.iter().enumerate() {
            let (bench2, gate2) = (Arc::clone(&bench), gate.clone());
            let thread = std::thread::spawn(move || {
                let key = Key::new(1_000 + n as u64, 0);
                gate2.stop_in(Site::Eq, nth, || {
                    bench2.cache.set(key, bench2.value(key, n as u64));
                });
            });
            stopped += u32::from(gate.wait_until_reached(&thread).is_some());
            threads.push(thread);
        }
        assert!(stopped >= 32, "only {stopped} threads were stopped");
        let others = Arc::clone(&bench);
        within(&format!("64 threads at eq {nth}"), move || {
            let keys: Vec<_> = (1_000..1_010).map(|id| Key::new(id, 0)).collect();
            others.exercise(&keys);
        });
        gates.iter().for_each(Gate::open);
        threads.into_iter().for_each(|t| t.join().unwrap());
        Arc::into_inner(bench).unwrap().at_rest();
    }
}

/// A set stopped across a clear judges by the generation of now: it may cost one live entry, not all of them (I2, I5).
#[test]
fn i5_a_set_stopped_across_a_clear_costs_at_most_one_entry() {
    let _alone = alone();
    const CAPACITY: usize = 20;
    for nth in 0..2 {
        let bench = Arc::new(Bench::new(CAPACITY));
        let other = Key::new(1_000, 1);
        bench.cache.set(other, bench.value(other, 0));
        let gate = Gate::default();
        let stopped = {
            let (bench, gate) = (Arc::clone(&bench), gate.clone());
            std::thread::spawn(move || {
                let key = Key::new(1_001, 1);
                gate.stop_in(Site::Eq, nth, || bench.cache.set(key, bench.value(key, 1)));
            })
        };
        assert!(gate.wait_until_reached(&stopped).is_some());
        bench.cache.clear();
        let fresh: Vec<_> = (0..CAPACITY as u64).map(|id| Key::new(id, id)).collect();
        for &key in &fresh {
            bench.cache.set(key, bench.value(key, 2));
        }
        let count = || fresh.iter().filter(|k| bench.cache.contains(*k)).count();
        assert_eq!(count(), CAPACITY);
        gate.open();
        stopped.join().unwrap();
        assert!(count() >= CAPACITY - 1, "only {} stayed", count());
        // What it published in the generation of before is gone, not only hidden: it holds no permit.
        assert_eq!(bench.cache.resident(), bench.cache.len(), "I6");
        Arc::into_inner(bench).unwrap().at_rest();
    }
}
