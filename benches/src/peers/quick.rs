//! quick_cache as `Cache::new` makes it: its own hasher (foldhash), shards by the number of cores.

use std::time::Duration;

use quick_cache::sync::Cache;

use super::{Key, Peer, Value};

/// quick_cache's synchronous cache.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Quick<K, V>(Cache<K, V>);

impl<K: Key, V: Value> Peer<K, V> for Quick<K, V> {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        Ok(Self(Cache::new(capacity)))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn set(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }
}
