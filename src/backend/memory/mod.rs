//! The in-memory backend: one shared [`TtlCache`] for everything one process caches.

mod builder;
mod text;
mod value_ref;

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::kept::Kept;
use super::key::{
    AsKeyRef, Key, KeyRef, KeySet, Named, Ranked, Reach, TailRef, set, text as key_text,
};
use super::lease::{Snapshot, StoreLease};
use super::stats::{BackendCounters, BackendStats};
use super::striped::Striped;
use super::ttl::{InMemory, Ttl};
use super::value::json::wire::{self, MAX_VALUE_BYTES};
use super::value::{CacheValue, Value};
use crate::error::{Error, Result};
use crate::lease::Reached;
use crate::time::StoreClock;
use crate::{Stats, TtlCache};

pub use builder::InMemoryBackendBuilder;
pub(crate) use value_ref::TypedRef;

/// Values of one process, with one bound and one eviction for all of them. Clones share the entries.
///
/// An entry lives as long as whoever wrote it asked for (zero deletes); where nobody asked it gets the default TTL. The
/// managers' built-in TTLs are nobody's wish: they give way to the default, so that one number rules all of the memory.
/// With [`per_entry_ttl(true)`](Self::per_entry_ttl) they are honoured too, and no TTL then means no expiry.
///
/// No operation waits: the futures of the [`CacheBackend`](super::CacheBackend) implementation are ready at the first poll.
#[derive(Clone)]
pub struct InMemoryBackend {
    pub(super) shared: Arc<MemoryState>,
    pub(super) per_entry_ttl: bool,
}

pub(super) struct MemoryState {
    /// No other store of this process has it.
    pub(super) number: u64,
    pub(super) cache: TtlCache<Key, Value>,
    /// For read-merge-write; plain reads and writes never touch them.
    pub(super) update_locks: Striped<Mutex<()>, 64>,
    pub(super) counters: BackendCounters,
    pub(super) kept: Kept,
    pub(super) max_value_bytes: Option<usize>,
    pub(super) default_ttl: Option<Duration>,
    pub(super) clock: StoreClock,
}

thread_local! {
    static READ_WRONG: Cell<bool> = const { Cell::new(false) };
}

/// Whether the last typed read in memory on this thread that found no value found one of a wrong shape.
pub(crate) fn last_read_was_wrong() -> bool {
    READ_WRONG.get()
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
            clock: None,
        }
    }

    /// Whether the managers' built-in TTLs are honoured as well: what they write then lives as long as on Valkey, and an
    /// entry without a TTL does not expire. A TTL that a caller asks for is honoured in any case. Belongs to this handle
    /// and the clones made of it afterwards.
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

    /// The engine underneath.
    pub(crate) fn cache(&self) -> &TtlCache<Key, Value> {
        &self.shared.cache
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

    pub(super) fn counters(&self) -> &BackendCounters {
        &self.shared.counters
    }

    /// Runs `f` on the entry, if there is one. By parts of the key: a whole [`KeyRef`] would be copied on the way.
    #[inline(always)]
    pub(super) fn entry<R>(&self, key: KeyRef<'_>, f: impl FnOnce(&Value) -> R) -> Option<R> {
        let (cache, (head, tail)) = (&self.shared.cache, key.parts());
        match tail {
            TailRef::None => cache.get_with(&head, f),
            TailRef::Text(text) => cache.get_with(&Named { head, text }, f),
            TailRef::Roles(roles) => cache.get_with(&Ranked { head, roles }, f),
        }
    }

    /// A typed value that stands where it is looked for first, as nearly all hits do; `None` says nothing. All of it is
    /// inlined into its caller, so that the value is copied once, from the entry to where it is wanted.
    #[inline(always)]
    pub(super) fn try_get_ref<T: CacheValue>(&self, key: KeyRef<'_>) -> Option<TypedRef<'_, T>> {
        let (cache, (head, tail)) = (&self.shared.cache, key.parts());
        let lent = match tail {
            TailRef::None => cache.get_at_home(&head),
            TailRef::Text(text) => cache.get_at_home(&Named { head, text }),
            TailRef::Roles(roles) => cache.get_at_home(&Ranked { head, roles }),
        }
        .ok()?;
        TypedRef::of(lent)
    }

    /// A typed read of what is not [found at once](Self::try_get_ref), or not known to be: no allocation, no text, no JSON on a
    /// typed hit.
    pub(super) fn read_slow<T: CacheValue, R>(
        &self,
        key: KeyRef<'_>,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        let (cache, (head, tail)) = (&self.shared.cache, key.parts());
        let f = |value: &Value| value.with(f);
        let found = match tail {
            TailRef::None => cache.get_anew(&head, f),
            TailRef::Text(text) => cache.get_anew(&Named { head, text }, f),
            TailRef::Roles(roles) => cache.get_anew(&Ranked { head, roles }, f),
        };
        let is_wrong = matches!(found, Some(None));
        READ_WRONG.set(is_wrong);
        if is_wrong {
            self.shared.counters.undecodable();
        }
        found.flatten()
    }

    /// A typed read.
    #[inline(always)]
    pub(super) fn read<T: CacheValue, R>(
        &self,
        key: KeyRef<'_>,
        f: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        match self.try_get_ref::<T>(key) {
            Some(lent) => {
                let read = f(lent.value());
                lent.count();
                Some(read)
            }
            None => self.read_slow(key, f),
        }
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
        ttl: impl Into<Ttl>,
    ) -> Result<()> {
        self.check_size(&value)?;
        let (cache, key) = (&self.shared.cache, key.to_key());
        match ttl.into().in_memory(self.per_entry_ttl) {
            InMemory::Delete => {
                cache.invalidate(&key);
            }
            InMemory::Default => cache.set(key, value),
            InMemory::Own(Some(ttl)) => cache.set_with_ttl(key, value, ttl),
            InMemory::Own(None) => cache.set_forever(key, value),
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
            Reach::Prefix(prefix) => {
                let reached = set.guild().map_or(Reached::Everything, Reached::Group);
                self.shared.cache.invalidate_reached(reached, |key: &Key| {
                    set::starts_with(key.as_key_ref(), &prefix)
                })
            }
        }
    }

    pub(super) fn lease(&self, key: KeyRef<'_>) -> StoreLease {
        let lease = match key.numeric_head() {
            Some(numeric) => self.shared.cache.lease_in(&numeric, key.guild()),
            None => self
                .shared
                .cache
                .lease_in(&key as &dyn AsKeyRef, key.guild()),
        };
        StoreLease::new(self.shared.number, lease)
    }

    pub(super) fn lease_is_valid(&self, lease: &StoreLease) -> bool {
        lease
            .as_taken_from(self.shared.number)
            .is_some_and(|lease| self.shared.cache.lease_is_valid(lease))
    }

    pub(super) fn set_leased(
        &self,
        lease: StoreLease,
        key: KeyRef<'_>,
        value: Value,
        ttl: impl Into<Ttl>,
    ) -> Result<bool> {
        let Some(lease) = lease.taken_from(self.shared.number) else {
            return Ok(false);
        };
        self.check_size(&value)?;
        let (cache, key) = (&self.shared.cache, key.to_key());
        Ok(match ttl.into().in_memory(self.per_entry_ttl) {
            InMemory::Delete => cache.set_leased_with_ttl(lease, key, value, Some(Duration::ZERO)),
            InMemory::Default => cache.set_leased(lease, key, value),
            InMemory::Own(ttl) => cache.set_leased_with_ttl(lease, key, value, ttl),
        })
    }

    pub(super) fn snapshot(&self, key: KeyRef<'_>) -> Snapshot {
        // The lease first: whoever writes after it voids the snapshot.
        let lease = self.lease(key);
        Snapshot::memory(self.get_value(key), lease)
    }

    /// Publishes under the lease of a snapshot. A lease orders a leased write against plain writes; the
    /// lock orders leased writes among themselves, so that of two updates from one snapshot only one
    /// goes through.
    pub(super) fn commit(
        &self,
        key: KeyRef<'_>,
        lease: StoreLease,
        value: Value,
        ttl: impl Into<Ttl>,
    ) -> Result<bool> {
        let lock = self.shared.update_locks.of(&key);
        let _lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_leased(lease, key, value, ttl)
    }

    pub(super) fn check_size(&self, value: &Value) -> Result<()> {
        match self.shared.max_value_bytes {
            Some(limit) => wire::encode(&value.to_json(), limit).map(drop),
            None if value.exceeds(MAX_VALUE_BYTES) => Err(wire::too_long(MAX_VALUE_BYTES)),
            None => Ok(()),
        }
    }

    pub(super) fn parse(key: &str) -> Result<Key, Error> {
        key_text::check_length(key)?;
        Ok(Key::parse(key))
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
