//! TinyUFO as `TinyUfo::new` makes it.

use std::time::Duration;

use tinyufo::TinyUfo;

use super::{Key, Peer, Value};

/// TinyUFO, every entry of weight 1.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Ufo<K, V: Clone + Send + Sync + 'static>(TinyUfo<K, V>);

impl<K: Key, V: Value> Peer<K, V> for Ufo<K, V> {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        Ok(Self(TinyUfo::new(capacity, capacity)))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn set(&self, key: K, value: V) {
        self.0.put(key, value, 1);
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    fn len(&self) -> Option<usize> {
        None
    }
}
