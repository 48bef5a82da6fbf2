//! A cache of keys that meet each other and values that are counted, and what the others do while a thread stands still.

use std::sync::Arc;
use std::time::Duration;
use tux_cache_test_support::probe::{Census, Group, Key, Value};
use tux_cache_watched::TtlCache;
use tux_cache_watched::time::ManualTicker;

pub(crate) type Cache = TtlCache<Key, Value, Group>;

pub(crate) const LONG: Duration = Duration::from_secs(1_000);
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// A cache, its time, and the count of its values.
pub(crate) struct Bench {
    pub(crate) cache: Arc<Cache>,
    pub(crate) ticker: ManualTicker,
    census: Census,
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
            census: Census::default(),
            capacity,
        }
    }

    pub(crate) fn value(&self, number: u64) -> Value {
        self.census.numbered(0, number)
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
                let seen = cache.get(&key).map(|value| value.number());
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
                3 => _ = cache.invalidate_matching(|key| key.id % 2 == 0),
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
            self.census.assert_all_gone("at rest");
        }
    }
}
