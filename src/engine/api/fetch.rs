//! Loading what is missing: single-flight over the cache's own leases.

use super::cache::TtlCache;
use super::ttl::EntryTtl;
use crate::lease::Lease;
use crate::single_flight::{IntoLoaded, LeaseSource, Loaded, LoadedTtl, SyncStore};
use crate::sync::StdArc as Arc;
use papaya::Equivalent;
use std::convert::Infallible;
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
    #[doc(alias("get_with", "get_or_insert_with", "get_or_load"))]
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
    #[doc(alias("try_get_with", "get_or_insert_with"))]
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

    /// [`try_get_or_fetch`](Self::try_get_or_fetch) for errors that cannot be copied, such as [`std::io::Error`]: everybody who
    /// waited gets the same one.
    ///
    /// ```
    /// use std::{fs, io, sync::Arc, time::Duration};
    /// use tux_cache::TtlCache;
    ///
    /// let files: TtlCache<&str, String> = TtlCache::new(Duration::from_secs(60), 100);
    /// let failed: Result<String, Arc<io::Error>> =
    ///     files.try_get_or_fetch_shared("/no/such/file", || fs::read_to_string("/no/such/file"));
    /// assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::NotFound);
    /// ```
    ///
    /// # Errors
    ///
    /// The error of `fetch`, shared with those who waited for it and never cached; also with callers of
    /// [`try_get_or_fetch`](Self::try_get_or_fetch) that have the same error type. A caller that waited with another error type
    /// runs its own `fetch`.
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[doc(alias = "try_get_with")]
    pub fn try_get_or_fetch_shared<E>(
        &self,
        key: K,
        fetch: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                Ok(value)
            }
            None => self.loads.try_get_or_fetch_shared(self, key, fetch),
        }
    }

    /// [`get_or_fetch`](Self::get_or_fetch) whose loader says how long its value is to be kept; see [`Loaded`].
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[doc(alias("expire_after", "or_insert_with_ttl"))]
    pub fn get_or_fetch_with_ttl(&self, key: K, fetch: impl FnOnce() -> Loaded<V>) -> V {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                value
            }
            None => never(self.loads.fetch(self, key, || Ok::<_, Infallible>(fetch()))),
        }
    }

    /// [`try_get_or_fetch_shared`](Self::try_get_or_fetch_shared) whose loader says how long its value is to be kept; see [`Loaded`].
    ///
    /// # Errors
    ///
    /// As [`try_get_or_fetch_shared`](Self::try_get_or_fetch_shared).
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub fn try_get_or_fetch_with_ttl<E>(
        &self,
        key: K,
        fetch: impl FnOnce() -> Result<Loaded<V>, E>,
    ) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                Ok(value)
            }
            None => self.loads.fetch(self, key, fetch),
        }
    }

    /// [`get_or_fetch`](Self::get_or_fetch) by a borrowed key, which is made an owned one only if its value is missing: a hit allocates
    /// nothing. The loader returns a value, or a [`Loaded`] one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tux_cache::TtlCache;
    /// let lengths: TtlCache<String, usize> = TtlCache::new(Duration::from_secs(60), 100);
    /// assert_eq!(lengths.get_or_fetch_by_ref("tux", || 3), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[doc(alias("get_with_by_ref", "entry_ref", "or_insert_with"))]
    pub fn get_or_fetch_by_ref<Q, R>(&self, key: &Q, fetch: impl FnOnce() -> R) -> V
    where
        Q: ToOwned<Owned = K> + Equivalent<K> + Hash + ?Sized,
        R: IntoLoaded<V>,
    {
        match self.get(key) {
            Some(value) => {
                drop(fetch);
                value
            }
            None => never(self.loads.fetch(self, key.to_owned(), || {
                Ok::<_, Infallible>(fetch().into_loaded())
            })),
        }
    }

    /// [`get_or_fetch_by_ref`](Self::get_or_fetch_by_ref) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// As [`try_get_or_fetch_shared`](Self::try_get_or_fetch_shared).
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[doc(alias("try_get_with_by_ref"))]
    pub fn try_get_or_fetch_by_ref<Q, R, E>(
        &self,
        key: &Q,
        fetch: impl FnOnce() -> Result<R, E>,
    ) -> Result<V, Arc<E>>
    where
        Q: ToOwned<Owned = K> + Equivalent<K> + Hash + ?Sized,
        R: IntoLoaded<V>,
        E: Send + Sync + 'static,
    {
        match self.get(key) {
            Some(value) => {
                drop(fetch);
                Ok(value)
            }
            None => {
                let fetch = || fetch().map(R::into_loaded);
                self.loads.fetch(self, key.to_owned(), fetch)
            }
        }
    }
}

/// The value of a loader that cannot fail.
pub(super) fn never<V>(result: Result<V, Arc<Infallible>>) -> V {
    match result {
        Ok(value) => value,
        Err(never) => match *never {},
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

impl<K, V, S> SyncStore<K, V> for TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn peek(&self, key: &K) -> Option<V> {
        self.peek_with(key, V::clone)
    }

    fn publish(&self, lease: &Lease, key: &K, loaded: Loaded<V>) -> bool {
        let ttl = match loaded.ttl {
            LoadedTtl::OfCache => self.ttl,
            LoadedTtl::For(ttl) => Some(ttl).into(),
            LoadedTtl::Forever => EntryTtl::Forever,
        };
        self.store(key.clone(), loaded.value, ttl, Some(lease))
    }
}
