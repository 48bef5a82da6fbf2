//! Maps without bound or TTL: what a cache's hit is held against.

use std::{cell::UnsafeCell, time::Duration};

use super::{Key, Peer, Value};

/// papaya through `pin()`.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Papaya<K, V>(pub papaya::HashMap<K, V, ahash::RandomState>);

impl<K: Key, V: Value> Peer<K, V> for Papaya<K, V> {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        Ok(Self(papaya::HashMap::with_capacity_and_hasher(
            capacity,
            ahash::RandomState::new(),
        )))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.pin().get(key).cloned()
    }

    #[inline]
    fn set(&self, key: K, value: V) {
        self.0.pin().insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.pin().remove(key);
    }

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// dashmap.
#[allow(
    missing_debug_implementations,
    reason = "a cache under test is never printed"
)]
pub struct Dash<K: Key, V>(dashmap::DashMap<K, V, ahash::RandomState>);

impl<K: Key, V: Value> Peer<K, V> for Dash<K, V> {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        Ok(Self(dashmap::DashMap::with_capacity_and_hasher(
            capacity,
            ahash::RandomState::new(),
        )))
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
        Some(self.0.len())
    }
}

/// hashbrown without any synchronisation, for `u64` alone: not `Sync`, and nothing in it can call back.
#[derive(Debug, Default)]
pub struct Hashbrown(UnsafeCell<hashbrown::HashMap<u64, u64, ahash::RandomState>>);

impl Peer<u64, u64> for Hashbrown {
    fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
        let map = hashbrown::HashMap::with_capacity_and_hasher(capacity, ahash::RandomState::new());
        Ok(Self(UnsafeCell::new(map)))
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        // SAFETY: the cell is not `Sync`, and hashing and comparing a `u64` cannot reach this map again, so this is
        // the only reference to it; it ends with this call.
        unsafe { &*self.0.get() }.get(key).copied()
    }

    #[inline]
    fn set(&self, key: u64, value: u64) {
        // SAFETY: as in `get`.
        unsafe { &mut *self.0.get() }.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &u64) {
        // SAFETY: as in `get`.
        unsafe { &mut *self.0.get() }.remove(key);
    }

    fn len(&self) -> Option<usize> {
        // SAFETY: as in `get`.
        Some(unsafe { &*self.0.get() }.len())
    }
}
