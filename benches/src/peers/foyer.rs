//! foyer's in-memory cache with S3-FIFO, whose hits do not take its write lock.

use std::time::Duration;

use foyer_memory::{Cache, CacheBuilder, CacheProperties, S3FifoConfig};

use super::{Key, Peer, Value};

/// foyer-memory.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Foyer<K: Key, V: Value>(Cache<K, V, ahash::RandomState, CacheProperties>);

impl<K: Key, V: Value> Peer<K, V> for Foyer<K, V> {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        // Its shards do not share their room; 8, its default, would waste much of a small cache.
        let shards = if capacity < 1_024 { 1 } else { 8 };
        let builder = CacheBuilder::new(capacity)
            .with_shards(shards)
            .with_eviction_config(S3FifoConfig::default())
            .with_hash_builder(ahash::RandomState::new());
        Ok(Self(builder.build()))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).map(|entry| entry.value().clone())
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
        Some(self.0.entries())
    }
}
