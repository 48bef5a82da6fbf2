//! The in-memory backend: one shared [`TtlCache`] for everything one process caches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::key::KeyRef;
use super::key_owned::{AsKeyRef, Key, Named, Ranked, TailRef};
use super::key_set::{self, KeySet, Reach};
use super::key_text;
use super::lease::{Lease, Snapshot};
use super::memory_builder::InMemoryBackendBuilder;
use super::stats::{BackendStats, Counters};
use super::value::{CacheValue, Json, Value};
use super::{CacheBackend, codec};
use crate::error::{Error, Result};
use crate::{Stats, TtlCache};

/// Lock stripes for read-merge-write; plain reads and writes never touch them.
const STRIPES: usize = 64;

/// Values of one process, with one bound and one eviction for all of them. Clones share the entries.
///
/// Its TTL rule is that of the original: **every entry gets the default TTL, a per-call TTL is ignored**
/// (but zero deletes). [`per_entry_ttl(true)`](Self::per_entry_ttl) honours the per-call TTL instead;
/// none then means no expiry.
///
/// No operation waits: the futures of the [`CacheBackend`] implementation are ready at the first poll.
#[derive(Clone)]
pub struct InMemoryBackend {
    pub(super) shared: Arc<Shared>,
    pub(super) per_entry_ttl: bool,
}

pub(super) struct Shared {
    pub(super) id: u64,
    pub(super) cache: TtlCache<Key, Value>,
    pub(super) updates: [Mutex<()>; STRIPES],
    pub(super) counters: Counters,
    pub(super) max_value_bytes: Option<usize>,
}

impl InMemoryBackend {
    /// A backend whose entries live `default_ttl`, with at most `max_size` entries (`None`: no bound).
    ///
    /// # Panics
    /// When `max_size` is absurdly large; [`builder`](Self::builder) returns that as an error.
    #[must_use]
    pub fn new(default_ttl: Duration, max_size: Option<usize>) -> Self {
        let mut builder = Self::builder().default_ttl(default_ttl);
        builder.max_size = max_size;
        match builder.build() {
            Ok(backend) => backend,
            Err(error) => panic!("{error}"),
        }
    }

    /// All settings.
    #[must_use]
    pub fn builder() -> InMemoryBackendBuilder {
        InMemoryBackendBuilder {
            default_ttl: None,
            max_size: None,
            per_entry_ttl: false,
            max_value_bytes: None,
            ticker: None,
        }
    }

    /// Whether a per-call TTL is honoured: a positive one is, none means no expiry. Belongs to this
    /// handle and the clones made of it afterwards.
    #[must_use]
    pub fn per_entry_ttl(mut self, honour: bool) -> Self {
        self.per_entry_ttl = honour;
        self
    }

    /// Live entries. O(n).
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.cache.len()
    }

    /// Whether no live entry is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.cache.is_empty()
    }

    /// Removes everything and voids every lease.
    pub fn clear(&self) {
        self.shared.cache.clear();
    }

    /// Frees what has expired or was removed, now rather than with the next writes; says how many entries went. For a
    /// bot that has gone quiet. O(capacity).
    pub fn sweep(&self) -> usize {
        self.shared.cache.sweep()
    }

    /// The counters of the engine underneath.
    #[must_use]
    pub fn cache_stats(&self) -> Stats {
        self.shared.cache.stats()
    }

    /// The backend's own counters.
    #[must_use]
    pub fn stats(&self) -> BackendStats {
        self.shared.counters.snapshot()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Runs `f` on the entry, if there is one. By parts of the key: a whole [`KeyRef`] would be copied on the way.
    #[inline(always)]
    fn entry<R>(&self, key: KeyRef<'_>, f: impl FnOnce(&Value) -> R) -> Option<R> {
        let (cache, head) = (&self.shared.cache, key.head());
        match key.tail() {
            TailRef::None => cache.get_with(&head, f),
            TailRef::Text(text) => cache.get_with(&Named { head, text }, f),
            TailRef::Roles(roles) => cache.get_with(&Ranked { head, roles }, f),
        }
    }

    /// A typed read: no allocation, no text, no JSON on a typed hit.
    #[inline(always)]
    pub(super) fn read<T: CacheValue, R>(
        &self,
        key: KeyRef<'_>,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        let found = self.entry(key, |value| value.with(f))?;
        if found.is_none() {
            self.shared.counters.undecodable();
        }
        found
    }

    pub(super) fn get_value(&self, key: KeyRef<'_>) -> Option<Value> {
        self.entry(key, Value::clone)
    }

    pub(super) fn has(&self, key: KeyRef<'_>) -> bool {
        match key.numeric_head() {
            Some(key) => self.shared.cache.contains(&key),
            None => self.shared.cache.contains(&key as &dyn AsKeyRef),
        }
    }

    pub(super) fn set_value(
        &self,
        key: KeyRef<'_>,
        value: Value,
        ttl: Option<Duration>,
    ) -> Result<()> {
        self.check_size(&value)?;
        let (cache, key) = (&self.shared.cache, key.to_key());
        match ttl {
            Some(Duration::ZERO) => {
                cache.invalidate(&key);
            }
            _ if !self.per_entry_ttl => cache.set(key, value),
            Some(ttl) => cache.set_with_ttl(key, value, ttl),
            None => cache.set_forever(key, value),
        }
        Ok(())
    }

    pub(super) fn remove(&self, key: KeyRef<'_>) -> bool {
        match key.numeric_head() {
            Some(key) => self.shared.cache.invalidate(&key),
            None => self.shared.cache.invalidate(&key as &dyn AsKeyRef),
        }
    }

    pub(super) fn remove_set(&self, set: &KeySet<'_>) -> usize {
        match set.reach() {
            Reach::Key(key) => self.remove(key).into(),
            Reach::Prefix(prefix) => self
                .shared
                .cache
                .invalidate_matching(|key: &Key| key_set::starts_with(key.as_key_ref(), &prefix)),
        }
    }

    pub(super) fn lease(&self, key: KeyRef<'_>) -> Lease {
        let lease = match key.numeric_head() {
            Some(key) => self.shared.cache.lease(&key),
            None => self.shared.cache.lease(&key as &dyn AsKeyRef),
        };
        Lease::memory(self.shared.id, lease)
    }

    pub(super) fn lease_is_valid(&self, lease: &Lease) -> bool {
        lease
            .as_memory(self.shared.id)
            .is_some_and(|lease| self.shared.cache.lease_is_valid(lease))
    }

    pub(super) fn set_leased(
        &self,
        lease: Lease,
        key: KeyRef<'_>,
        value: Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let Some(lease) = lease.into_memory(self.shared.id) else {
            return Ok(false);
        };
        self.check_size(&value)?;
        let (cache, key) = (&self.shared.cache, key.to_key());
        Ok(match ttl {
            Some(Duration::ZERO) => cache.set_leased_with_ttl(lease, key, value, ttl),
            _ if !self.per_entry_ttl => cache.set_leased(lease, key, value),
            ttl => cache.set_leased_with_ttl(lease, key, value, ttl),
        })
    }

    pub(super) fn snapshot(&self, key: KeyRef<'_>) -> Snapshot {
        // The lease first: whoever writes after it voids the snapshot.
        let lease = self.lease(key);
        Snapshot::memory(self.get_value(key), lease)
    }

    /// Publishes under the lease of a snapshot. A lease orders a leased write against plain writes; the
    /// stripe orders leased writes among themselves, so that of two updates from one snapshot only one
    /// goes through.
    pub(super) fn commit(
        &self,
        key: KeyRef<'_>,
        lease: Lease,
        value: Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let _turn = self.shared.updates[Self::stripe(key)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.set_leased(lease, key, value, ttl)
    }

    fn stripe(key: KeyRef<'_>) -> usize {
        // Guilds are snowflakes: the low 22 bits are a counter, the time stands above.
        let guild = key.guild().unwrap_or_default();
        ((guild ^ (guild >> 22)) as usize) % STRIPES
    }

    fn check_size(&self, value: &Value) -> Result<()> {
        match self.shared.max_value_bytes {
            Some(limit) => codec::encode(&value.to_json(), limit).map(drop),
            None => Ok(()),
        }
    }

    fn parse(key: &str) -> Result<Key, Error> {
        key_text::check_length(key)?;
        Ok(Key::parse(key))
    }
}

impl CacheBackend for InMemoryBackend {
    async fn get(&self, key: &str) -> Result<Option<Json>> {
        let key = Self::parse(key)?;
        Ok(self.entry(key.as_key_ref(), Value::to_json))
    }

    async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<()> {
        let key = Self::parse(key)?;
        codec::check_depth(&value)?;
        self.set_value(key.as_key_ref(), Value::from_json(value), ttl)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.remove(Self::parse(key)?.as_key_ref()))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.has(Self::parse(key)?.as_key_ref()))
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<usize> {
        key_text::check_length(prefix)?;
        Ok(self.remove_set(&KeySet::Prefix(key_text::strip_wire_prefix(prefix))))
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Json>>> {
        keys.iter()
            .map(|key| Ok(self.entry(Self::parse(key)?.as_key_ref(), Value::to_json)))
            .collect()
    }

    /// All keys and values are checked before the first is written.
    async fn set_many(&self, entries: &[(&str, Json, Option<Duration>)]) -> Result<()> {
        let checked = entries
            .iter()
            .map(|(key, value, ttl)| {
                let value = Value::from_json(value.clone());
                self.check_size(&value)?;
                Ok((Self::parse(key)?, value, *ttl))
            })
            .collect::<Result<Vec<_>>>()?;
        for (_, value, _) in entries {
            codec::check_depth(value)?;
        }
        for (key, value, ttl) in checked {
            self.set_value(key.as_key_ref(), value, ttl)?;
        }
        Ok(())
    }

    async fn compare_and_delete(&self, key: &str, expected: &Json) -> Result<bool> {
        let key = Self::parse(key)?;
        let key = key.as_key_ref();
        let snapshot = self.snapshot(key);
        let (found, lease) = snapshot.into_memory_parts();
        if found.is_none_or(|found| found.to_json() != *expected) {
            return Ok(false);
        }
        match lease {
            Some(lease) => self.commit(
                key,
                lease,
                Value::from_json(Json::Null),
                Some(Duration::ZERO),
            ),
            None => Ok(false),
        }
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let key = Self::parse(key)?;
        codec::check_depth(&value)?;
        let key = key.as_key_ref();
        let (found, lease) = self.snapshot(key).into_memory_parts();
        if found.map(|found| found.to_json()).as_ref() != expected {
            return Ok(false);
        }
        match lease {
            Some(lease) => self.commit(key, lease, Value::from_json(value), ttl),
            None => Ok(false),
        }
    }

    fn name(&self) -> &str {
        "memory"
    }

    fn into_backend(self) -> super::Backend {
        super::Backend::Memory(self)
    }
}

impl std::fmt::Debug for InMemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemoryBackend")
            .field("max_size", &self.shared.cache.max_size())
            .field("resident", &self.shared.cache.resident())
            .field("per_entry_ttl", &self.per_entry_ttl)
            .finish_non_exhaustive()
    }
}
