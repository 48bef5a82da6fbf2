//! Backends: where the managers keep their values.
//!
//! A [`Backend`] is memory, Valkey or a user's own [`CacheBackend`], with two faces on the same entries:
//!
//! * the **text** face of the guide (`get("prefix:1")`, JSON values): [`Backend::get`],
//!   [`set`](Backend::set), [`delete`](Backend::delete), [`exists`](Backend::exists),
//!   [`get_many`](Backend::get_many), [`set_many`](Backend::set_many),
//!   [`delete_prefix`](Backend::delete_prefix);
//! * the **typed** face of the managers ([`KeyRef`], [`CacheValue`]): [`Backend::peek`],
//!   [`get_as`](Backend::get_as), [`put`](Backend::put), leases and compare-and-set. In memory a typed
//!   hit neither allocates, nor formats a key, nor touches JSON.
//!
//! An unavailable server is an `Err`, never a miss. A TTL of zero deletes, on every backend.

mod beside;
mod custom;
mod kept;
mod key;
mod lease;
mod memory;
mod publish;
pub(crate) mod runtime;
mod stats;
pub(crate) mod striped;
mod text;
mod ttl;
mod typed;
#[cfg(feature = "valkey")]
mod until_connected;
#[cfg(feature = "valkey")]
mod valkey;
pub(crate) mod value;

use std::any::Any;
use std::sync::Arc;

use crate::lease::LeaseTable;

pub(crate) use beside::{BesideCache, TimeLeft};
pub use custom::{CacheBackend, CustomBackend};
#[doc(hidden)]
pub use key::KeyParts;
pub use key::{
    CustomFamily, Key, KeyFamily, KeyForm, KeyRef, KeySet, MAX_KEY_BYTES, OtherKey, Roles,
    WIRE_PREFIX,
};
pub use lease::{Snapshot, StoreLease};
pub use memory::{InMemoryBackend, InMemoryBackendBuilder};
pub(crate) use memory::{TypedRef, last_read_was_wrong};
pub use stats::BackendStats;
pub use ttl::Ttl;
pub use typed::Peek;
#[cfg(feature = "valkey")]
pub use until_connected::MemoryUntilConnected;
#[cfg(feature = "valkey")]
pub use valkey::{Undecodable, ValkeyBackend, ValkeySettings};
pub(crate) use value::json::leading_string;
pub use value::json::{JsonNumber, JsonObject, MAX_DEPTH, from_wire_text, to_wire_text};
#[doc(hidden)]
pub use value::plain::{from_text, to_json_or_null};
pub use value::{CacheValue, Json, Value};

/// Where values are kept. Cheap to clone; clones share the entries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Backend {
    /// This process's memory.
    Memory(InMemoryBackend),
    /// A Valkey server.
    #[cfg(feature = "valkey")]
    Valkey(ValkeyBackend),
    /// Memory until the configured Valkey server is first reached, then that server for good.
    #[cfg(feature = "valkey")]
    UntilConnected(MemoryUntilConnected),
    /// A user's own store.
    Custom(CustomBackend),
}

/// The store that serves a call now.
#[derive(Clone, Copy)]
enum ServingStore<'a> {
    Memory(&'a InMemoryBackend),
    #[cfg(feature = "valkey")]
    Valkey(&'a ValkeyBackend),
    Custom(&'a CustomBackend),
}

impl Backend {
    /// A backend over a user's own store.
    pub fn custom(backend: impl CacheBackend) -> Self {
        backend.into_backend()
    }

    #[inline(always)]
    fn store(&self) -> ServingStore<'_> {
        match self {
            Self::Memory(memory) => ServingStore::Memory(memory),
            #[cfg(feature = "valkey")]
            Self::Valkey(valkey) => ServingStore::Valkey(valkey),
            #[cfg(feature = "valkey")]
            Self::UntilConnected(both) => both.store(),
            Self::Custom(custom) => ServingStore::Custom(custom),
        }
    }

    /// The memory that serves a call now, if memory does.
    #[inline(always)]
    fn memory(&self) -> Option<&InMemoryBackend> {
        match self {
            Self::Memory(memory) => Some(memory),
            _ => self.memory_behind(),
        }
    }

    /// Out of line, so that a hit asks one question only.
    #[inline(never)]
    fn memory_behind(&self) -> Option<&InMemoryBackend> {
        match self.store() {
            ServingStore::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// [`try_get_ref`](Self::try_get_ref) in a backend, if there is one: one question where it is memory.
    #[inline(always)]
    pub(crate) fn try_get_ref_in<'b, T: CacheValue>(
        backend: &'b Option<Self>,
        key: KeyRef<'_>,
    ) -> Option<TypedRef<'b, T>> {
        let memory = match backend {
            Some(Self::Memory(memory)) => Some(memory),
            _ => Self::memory_behind_some(backend),
        };
        memory?.try_get_ref(key)
    }

    #[inline(never)]
    fn memory_behind_some(backend: &Option<Self>) -> Option<&InMemoryBackend> {
        backend.as_ref()?.memory_behind()
    }

    /// `"memory"`, `"valkey"`, or what a user's store calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::name(memory),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::name(valkey),
            ServingStore::Custom(custom) => custom.name(),
        }
    }

    /// Where the leases of the store stand that serves a call now.
    pub(crate) fn lease_table(&self) -> &Arc<LeaseTable> {
        match self.store() {
            ServingStore::Memory(memory) => memory.shared.cache.lease_table(),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.lease_table(),
            ServingStore::Custom(custom) => custom.lease_table(),
        }
    }

    /// What the managers keep once for each store, whoever asks: of the store that serves a call now.
    pub(crate) fn kept<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let kept = match self.store() {
            ServingStore::Memory(memory) => &memory.shared.kept,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.kept(),
            ServingStore::Custom(custom) => custom.kept(),
        };
        kept.of(make)
    }

    /// Memory that holds something of a family's keys by their texts, from before it was declared, loses it.
    pub(crate) fn forget_texts_of(&self, family: CustomFamily) {
        match self {
            Self::Memory(memory) => memory.forget_texts_of(family),
            #[cfg(feature = "valkey")]
            Self::UntilConnected(both) => both.memory().forget_texts_of(family),
            _ => {}
        }
    }

    /// Counts a value that its reader could not use; [`get_as`](Self::get_as) and the other typed reads
    /// do so by themselves, whoever decodes a [`Snapshot`] does it here.
    pub fn count_undecodable(&self) {
        match self.store() {
            ServingStore::Memory(memory) => memory.counters().undecodable(),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.count_undecodable(),
            ServingStore::Custom(custom) => custom.counters().undecodable(),
        }
    }

    /// The backend's counters.
    #[must_use]
    pub fn stats(&self) -> BackendStats {
        match self.store() {
            ServingStore::Memory(memory) => memory.stats(),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.stats(),
            ServingStore::Custom(custom) => custom.counters().snapshot(),
        }
    }

    /// Something was written or removed in memory while the server was not reached yet: what the server
    /// holds under it is removed as soon as it is (T38).
    #[inline(always)]
    fn shadow_key(&self, _key: impl FnOnce() -> String) {
        #[cfg(feature = "valkey")]
        if let Self::UntilConnected(both) = self {
            both.shadow_key(_key);
        }
    }

    #[inline(always)]
    fn shadow_prefix(&self, _prefix: impl FnOnce() -> String) {
        #[cfg(feature = "valkey")]
        if let Self::UntilConnected(both) = self {
            both.shadow_prefix(_prefix);
        }
    }
}

impl<B: CacheBackend> From<B> for Backend {
    fn from(backend: B) -> Self {
        backend.into_backend()
    }
}

#[cfg(feature = "valkey")]
impl From<MemoryUntilConnected> for Backend {
    fn from(backend: MemoryUntilConnected) -> Self {
        Self::UntilConnected(backend)
    }
}
