//! Keys that meet each other, values that are counted, and what the others do while a thread stands still.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tux_cache_stops::TtlCache;
use tux_cache_stops::time::ManualTicker;

pub(crate) type Cache = TtlCache<Key, Value, Group>;

/// A healthy run needs milliseconds.
const WATCHDOG: Duration = Duration::from_secs(20);

pub(crate) const LONG: Duration = Duration::from_secs(1_000);
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// Number, and group: keys of one group have the same hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u64, pub(crate) u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.1);
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Group;

pub(crate) struct GroupHasher(u64);

impl BuildHasher for Group {
    type Hasher = GroupHasher;
    fn build_hasher(&self) -> GroupHasher {
        GroupHasher(0)
    }
}

impl Hasher for GroupHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys write a u64")
    }
    fn write_u64(&mut self, group: u64) {
        self.0 = group + 1;
    }
}

#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) number: u64,
    alive: Arc<AtomicI64>,
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Self {
            number: self.number,
            alive: Arc::clone(&self.alive),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A cache, its time, and the count of its values.
pub(crate) struct Bench {
    pub(crate) cache: Arc<Cache>,
    pub(crate) ticker: ManualTicker,
    alive: Arc<AtomicI64>,
    capacity: Option<usize>,
}

impl Bench {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let ticker = ManualTicker::new();
        let builder = TtlCache::builder()
            .ttl(LONG)
            .hasher(Group)
            .ticker(ticker.clone());
        let builder = match capacity {
            Some(capacity) => builder.max_size(capacity),
            None => builder.unbounded(),
        };
        Self {
            cache: Arc::new(builder.build().unwrap()),
            ticker,
            alive: Arc::default(),
            capacity,
        }
    }

    pub(crate) fn value(&self, number: u64) -> Value {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Value {
            number,
            alive: Arc::clone(&self.alive),
        }
    }

    fn check_bound(&self) {
        if let Some(capacity) = self.capacity {
            assert!(self.cache.resident() <= capacity, "I1");
            assert!(self.cache.len() <= capacity, "I1");
        }
    }

    /// Every operation on these keys. Each answer is checked: only this thread is at work, so what it sets it must see.
    /// `fetched` is a key that nobody else loads.
    pub(crate) fn exercise(&self, keys: &[Key], fetched: Key) {
        let Self { cache, ticker, .. } = self;
        for round in 0..6 {
            for (n, &key) in keys.iter().enumerate() {
                let number = 1_000 + round * 100 + n as u64;
                match (round as usize + n) % 5 {
                    0 => cache.set_with_ttl(key, self.value(number), SHORT),
                    1 => {
                        let lease = cache.lease(&key);
                        // Void while a leased set of the same hash is stopped on its way.
                        if !cache.set_leased(lease, key, self.value(number)) {
                            cache.set(key, self.value(number));
                        }
                    }
                    2 => {
                        cache.invalidate(&key);
                        assert!(!cache.contains(&key), "I2: {key:?} after its invalidation");
                        cache.set(key, self.value(number));
                    }
                    _ => cache.set(key, self.value(number)),
                }
                let seen = cache.get(&key).map(|value| value.number);
                assert_eq!(seen, Some(number), "I3: {key:?} is visible to its writer");
            }
            self.check_bound();
            match round {
                0 => ticker.advance(2 * SHORT),
                1 => _ = cache.sweep(),
                2 => {
                    cache.clear();
                    assert!(!cache.contains(&keys[0]), "I5");
                }
                3 => _ = cache.invalidate_matching(|key| key.0 % 2 == 0),
                4 => drop(cache.get_or_fetch(fetched, || self.value(7))),
                _ => _ = (cache.get_many(keys), cache.iter().count(), cache.stats()),
            }
        }
    }

    /// What must hold when nobody is at work.
    pub(crate) fn at_rest(self) {
        let cache = Arc::into_inner(self.cache).expect("all threads have ended");
        assert_eq!(cache.iter().count(), cache.len(), "keys found at rest");
        if let Some(capacity) = self.capacity {
            assert!(cache.resident() <= capacity, "I1");
            let s = cache.stats();
            let out = s.evictions + s.expirations + s.invalidations + s.cleared;
            let resident = cache.resident() as u64;
            assert_eq!(s.insertions, out + resident, "the books balance: {s:?}");
        }
        drop(cache);
        // papaya frees what its own reclamation holds when it sees fit.
        if self.capacity.is_some() {
            let left = self.alive.load(Ordering::SeqCst);
            assert_eq!(left, 0, "I4: values left (or dropped twice, if negative)");
        }
    }
}

/// Runs `work` on a thread of its own; fails if it takes longer than the watchdog or panics.
pub(crate) fn within(what: &str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    match ended.recv_timeout(WATCHDOG) {
        Ok(()) => thread.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("a thread failed while another was stopped at {what}")
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            // Threads that hang cannot be joined, and the stopped one would never end.
            eprintln!("I7: others are held up by a thread stopped at {what}");
            std::process::abort();
        }
    }
}
