//! Loading what is missing: single-flight over the cache's own leases.

use super::cache::TtlCache;
use super::lease::Lease;
use crate::load::{LeaseSource, Store};
use std::hash::{BuildHasher, Hash};

impl<K, V, S> TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// The value of `key`; if it is missing, `fetch` makes it, once however many threads ask.
    ///
    /// Blocks while another thread fetches the same key; fetches of other keys never wait for each other. If the key is
    /// set, invalidated or cleared meanwhile, the fetched value is returned to those who waited and not kept. Called for
    /// the same key from inside its own `fetch`, it runs the inner `fetch` directly and keeps nothing of it.
    ///
    /// # Panics
    ///
    /// A panic in `fetch` unwinds its own caller only; one of those who wait goes on with its own `fetch`.
    pub fn get_or_fetch(&self, key: K, fetch: impl FnOnce() -> V) -> V {
        match self.get(&key) {
            Some(value) => {
                // Before the value is returned: a panic in their drops would leak it (rust-lang/rust#47949).
                drop((key, fetch));
                value
            }
            None => self.loads.get_or_fetch(self, key, fetch),
        }
    }

    /// [`get_or_fetch`](Self::get_or_fetch) with a fetch that may fail.
    ///
    /// # Errors
    ///
    /// The error of `fetch`, shared with those who waited for it and never cached. A caller that waited with another
    /// error type runs its own `fetch`.
    pub fn try_get_or_fetch<E>(&self, key: K, fetch: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                Ok(value)
            }
            None => self.loads.try_get_or_fetch(self, key, fetch),
        }
    }
}

impl<K, V, S> LeaseSource<K> for TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    type Lease = Lease;

    fn lease(&self, key: &K) -> Lease {
        TtlCache::lease(self, key)
    }

    fn is_valid(&self, lease: &Lease) -> bool {
        self.lease_is_valid(lease)
    }
}

impl<K, V, S> Store<K, V> for TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn peek(&self, key: &K) -> Option<V> {
        self.peek_with(key, V::clone)
    }

    fn publish(&self, lease: &Lease, key: &K, value: V) -> bool {
        self.store(key.clone(), value, self.ttl, Some(lease))
    }
}
