//! A backend of the user's own: the trait, and what wraps it for the managers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::kept::Kept;
use super::key::{KeyRef, KeySet, Reach};
use super::lease::{StoreLease, StoreLeases};
use super::stats::BackendCounters;
use super::striped::Striped;
use super::value::{CacheValue, Json, Value};
use crate::error::Result;
use crate::lease::LeaseTable;

/// A key-value store with JSON values that the managers can work on.
///
/// Implement it for a type of your own (plain `async fn` in the `impl` is fine) and hand it to
/// [`Backend::custom`](super::Backend::custom) or to anything that takes `impl Into<Backend>`.
///
/// Keys come without the `tux:` of the wire. An `Err` means "not known", never "absent": return
/// [`Error::unavailable`](crate::Error::unavailable) when the store cannot be asked. Every operation
/// may be called from many tasks at once, and a caller may drop the future at any point.
pub trait CacheBackend: Send + Sync + 'static {
    /// The value under `key`, or `None` when there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Json>>> + Send;

    /// Writes `value`. `ttl`: `None` = the store's own rule; [`Duration::ZERO`] = delete.
    fn set(
        &self,
        key: &str,
        value: Json,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Removes `key`; `true` if it was there. A missing key is no error.
    fn delete(&self, key: &str) -> impl Future<Output = Result<bool>> + Send;

    /// Removes every key that starts with `prefix` (taken literally) and says how many went.
    fn delete_prefix(&self, prefix: &str) -> impl Future<Output = Result<usize>> + Send;

    /// Whether `key` has a value. By default a [`get`](Self::get).
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.get(key).await?.is_some()) }
    }

    /// Several values, in the order of `keys`. By default one [`get`](Self::get) after the other.
    fn get_many(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<Option<Json>>>> + Send {
        async move {
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                values.push(self.get(key).await?);
            }
            Ok(values)
        }
    }

    /// Writes several entries. By default one [`set`](Self::set) after the other; on an error some may
    /// have been written.
    fn set_many(
        &self,
        entries: &[(&str, Json, Option<Duration>)],
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            for (key, value, ttl) in entries {
                self.set(key, value.clone(), *ttl).await?;
            }
            Ok(())
        }
    }

    /// Removes `key` if its value is still `expected`; `true` if it went.
    ///
    /// By default the key is removed whatever it holds now: a newer value is then a miss once, never a
    /// wrong answer. Override it where the store can compare in one step.
    fn compare_and_delete(
        &self,
        key: &str,
        expected: &Json,
    ) -> impl Future<Output = Result<bool>> + Send {
        let _ = expected;
        self.delete(key)
    }

    /// Writes `value` if `key` still holds `expected` (`None` = nothing); `true` if written.
    ///
    /// By default a [`get`](Self::get), a comparison and a [`set`](Self::set): exact within one process
    /// (the caller holds a lock), but not across processes. Override it where the store can do it in
    /// one step.
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool>> + Send {
        async move {
            if self.get(key).await?.as_ref() != expected {
                return Ok(false);
            }
            self.set(key, value, ttl).await?;
            Ok(true)
        }
    }

    /// A short name for log lines.
    fn name(&self) -> &str {
        "custom"
    }

    #[doc(hidden)]
    fn into_backend(self) -> super::Backend
    where
        Self: Sized,
    {
        super::Backend::Custom(CustomBackend::new(self))
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// [`CacheBackend`] behind a pointer.
trait DynBackend: Send + Sync {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Json>>;
    fn set<'a>(&'a self, key: &'a str, value: Json, ttl: Option<Duration>) -> BoxFuture<'a, ()>;
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool>;
    fn delete_prefix<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, usize>;
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool>;
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Vec<Option<Json>>>;
    fn set_many<'a>(
        &'a self,
        entries: &'a [(&'a str, Json, Option<Duration>)],
    ) -> BoxFuture<'a, ()>;
    fn compare_and_delete<'a>(&'a self, key: &'a str, expected: &'a Json) -> BoxFuture<'a, bool>;
    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> BoxFuture<'a, bool>;
    fn name(&self) -> &str;
}

impl<B: CacheBackend> DynBackend for B {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Json>> {
        Box::pin(CacheBackend::get(self, key))
    }
    fn set<'a>(&'a self, key: &'a str, value: Json, ttl: Option<Duration>) -> BoxFuture<'a, ()> {
        Box::pin(CacheBackend::set(self, key, value, ttl))
    }
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(CacheBackend::delete(self, key))
    }
    fn delete_prefix<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, usize> {
        Box::pin(CacheBackend::delete_prefix(self, prefix))
    }
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(CacheBackend::exists(self, key))
    }
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, Vec<Option<Json>>> {
        Box::pin(CacheBackend::get_many(self, keys))
    }
    fn set_many<'a>(
        &'a self,
        entries: &'a [(&'a str, Json, Option<Duration>)],
    ) -> BoxFuture<'a, ()> {
        Box::pin(CacheBackend::set_many(self, entries))
    }
    fn compare_and_delete<'a>(&'a self, key: &'a str, expected: &'a Json) -> BoxFuture<'a, bool> {
        Box::pin(CacheBackend::compare_and_delete(self, key, expected))
    }
    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> BoxFuture<'a, bool> {
        Box::pin(CacheBackend::compare_and_set(
            self, key, expected, value, ttl,
        ))
    }
    fn name(&self) -> &str {
        CacheBackend::name(self)
    }
}

/// A user's backend with what the managers need beside it: leases and ordered updates. Clones share one backend.
#[derive(Clone)]
pub struct CustomBackend {
    shared: Arc<CustomState>,
}

struct CustomState {
    inner: Box<dyn DynBackend>,
    leases: StoreLeases,
    /// One writer of a key at a time, so that compare-and-set is exact within the process.
    write_locks: Striped<Mutex<()>, 64>,
    counters: BackendCounters,
    kept: Kept,
}

impl CustomBackend {
    pub(super) fn new(inner: impl CacheBackend) -> Self {
        Self {
            shared: Arc::new(CustomState {
                inner: Box::new(inner),
                leases: StoreLeases::new(),
                write_locks: Striped::new(),
                counters: BackendCounters::default(),
                kept: Kept::default(),
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.shared.inner.name()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(super) fn counters(&self) -> &BackendCounters {
        &self.shared.counters
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.shared.kept
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Json>> {
        self.shared.inner.get(key).await
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        self.shared.inner.exists(key).await
    }

    pub(super) async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Json>>> {
        self.shared.inner.get_many(keys).await
    }

    pub(super) async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<()> {
        let _lock = self.shared.write_locks.of(key).lock().await;
        let _change = self.shared.leases.change(key);
        self.shared.inner.set(key, value, ttl).await
    }

    pub(super) async fn set_many(&self, entries: &[(&str, Json, Option<Duration>)]) -> Result<()> {
        let leases = &self.shared.leases;
        let _changes: Vec<_> = entries
            .iter()
            .map(|(key, ..)| leases.change(*key))
            .collect();
        self.shared.inner.set_many(entries).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<bool> {
        let _lock = self.shared.write_locks.of(key).lock().await;
        let _change = self.shared.leases.change(key);
        self.shared.inner.delete(key).await
    }

    /// `guild`: whose keys they are, if they are one guild's.
    pub(super) async fn delete_prefix(&self, prefix: &str, guild: Option<u64>) -> Result<usize> {
        let _change = self.shared.leases.change_all(guild);
        self.shared.inner.delete_prefix(prefix).await
    }

    pub(super) async fn delete_set(&self, set: &KeySet<'_>) -> Result<usize> {
        match set.reach() {
            Reach::Key(key) => Ok(self.delete(&key.to_string()).await?.into()),
            Reach::Prefix(prefix) => self.delete_prefix(&prefix, set.guild()).await,
        }
    }

    pub(super) async fn get_as<T: CacheValue>(&self, key: KeyRef<'_>) -> Result<Option<T>> {
        let found = self.get(&key.to_string()).await?;
        Ok(found.and_then(|json| self.decode(&json)))
    }

    pub(super) async fn get_many_as<T: CacheValue>(
        &self,
        keys: &[KeyRef<'_>],
    ) -> Result<Vec<Option<T>>> {
        let texts: Vec<String> = keys.iter().map(KeyRef::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = self.get_many(&texts).await?;
        Ok(found
            .into_iter()
            .map(|json| json.and_then(|json| self.decode(&json)))
            .collect())
    }

    fn decode<T: CacheValue>(&self, json: &Json) -> Option<T> {
        let value = T::from_json(json);
        if value.is_none() {
            self.shared.counters.undecodable();
        }
        value
    }

    pub(super) fn lease_table(&self) -> &Arc<LeaseTable> {
        self.shared.leases.table()
    }

    pub(super) fn lease(&self, key: KeyRef<'_>) -> StoreLease {
        let text = key.to_string();
        self.shared.leases.lease(text.as_str(), key.guild())
    }

    pub(super) fn void(&self, key: KeyRef<'_>) {
        drop(self.shared.leases.change(key.to_string().as_str()));
    }

    pub(super) fn lease_is_valid(&self, lease: &StoreLease) -> bool {
        self.shared.leases.is_valid(lease)
    }

    pub(super) async fn set_leased(
        &self,
        lease: StoreLease,
        key: &str,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let _lock = self.shared.write_locks.of(key).lock().await;
        match self.shared.leases.claim(lease) {
            Some(claim) => self.set_claimed(claim, key, value, ttl).await,
            None => Ok(false),
        }
    }

    /// [`set_leased`](Self::set_leased) of several values.
    pub(super) async fn set_many_leased(
        &self,
        entries: Vec<(StoreLease, String, Value, Option<Duration>)>,
    ) -> Result<Vec<bool>> {
        let leases = &self.shared.leases;
        let claimed: Vec<_> = entries
            .into_iter()
            .map(|(lease, key, value, ttl)| (leases.claim(lease), key, value, ttl))
            .collect();
        let mut published = Vec::with_capacity(claimed.len());
        for (claim, key, value, ttl) in claimed {
            let _lock = self.shared.write_locks.of(key.as_str()).lock().await;
            published.push(match claim.filter(|claim| leases.is_valid(claim)) {
                Some(claim) => self.set_claimed(claim, &key, &value, ttl).await?,
                None => false,
            });
        }
        Ok(published)
    }

    /// Writes under a claim, with the key's lock held, and takes the value back if the claim is void by then.
    async fn set_claimed(
        &self,
        claim: StoreLease,
        key: &str,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let json = value.to_json();
        self.shared.inner.set(key, json.clone(), ttl).await?;
        if self.shared.leases.is_valid(&claim) {
            return Ok(true);
        }
        self.shared.inner.compare_and_delete(key, &json).await?;
        Ok(false)
    }

    pub(super) async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let _lock = self.shared.write_locks.of(key).lock().await;
        let _change = self.shared.leases.change(key);
        self.shared
            .inner
            .compare_and_set(key, expected, value, ttl)
            .await
    }
}

impl std::fmt::Debug for CustomBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CustomBackend").field(&self.name()).finish()
    }
}
