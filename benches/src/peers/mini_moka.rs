//! mini-moka with ahash.

use std::time::Duration;

use mini_moka::sync::{Cache, ConcurrentCacheExt};

use super::{Key, Peer, Value};

/// mini-moka's synchronous cache.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct MiniMoka<K, V>(Cache<K, V, ahash::RandomState>);

impl<K: Key, V: Value> Peer<K, V> for MiniMoka<K, V> {
    fn new(capacity: usize, ttl: Option<Duration>) -> Result<Self, String> {
        let builder = Cache::builder().max_capacity(capacity as u64);
        let builder = match ttl {
            Some(ttl) => builder.time_to_live(ttl),
            None => builder,
        };
        Ok(Self(builder.build_with_hasher(ahash::RandomState::new())))
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
        self.0.invalidate(key);
    }

    fn upkeep(&self) {
        self.0.sync();
    }

    fn len(&self) -> Option<usize> {
        self.upkeep();
        Some(self.0.entry_count() as usize)
    }
}
