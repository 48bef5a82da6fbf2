//! tux-cache with its default builder.

use std::time::Duration;

use tux_cache::TtlCache;

use super::{Counters, Key, Peer, Value};

/// [`TtlCache`], bounded.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Tux<K, V>(pub TtlCache<K, V>);

impl<K: Key, V: Value> Peer<K, V> for Tux<K, V> {
    fn new(capacity: usize, ttl: Option<Duration>) -> Result<Self, String> {
        let builder = TtlCache::builder().max_size(capacity);
        let builder = match ttl {
            Some(ttl) => builder.ttl(ttl),
            None => builder,
        };
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn set(&self, key: K, value: V) {
        self.0.set(key, value);
    }

    #[inline]
    fn set_for(&self, key: K, value: V, ttl: Duration) {
        self.0.set_with_ttl(key, value, ttl);
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.invalidate(key);
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn counters(&self) -> Option<Counters> {
        let stats = self.0.stats();
        Some(Counters {
            hits: stats.hits,
            misses: stats.misses,
            evictions: stats.evictions,
            expirations: stats.expirations,
        })
    }
}
