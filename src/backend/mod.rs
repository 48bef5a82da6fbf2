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

mod codec;
mod custom;
mod generation;
mod key;
mod key_set;
mod key_text;
mod lease;
mod memory;
mod stats;
mod text;
mod typed;
mod value;

pub use codec::{MAX_DEPTH, from_wire_text, to_wire_text};
pub use custom::{CacheBackend, CustomBackend};
pub use key::{Family, Key, KeyRef, OtherKey, Roles, WIRE_PREFIX};
pub use key_set::KeySet;
pub use key_text::MAX_KEY_BYTES;
pub use lease::{Lease, Snapshot};
pub use memory::{InMemoryBackend, InMemoryBackendBuilder};
pub use stats::BackendStats;
pub use typed::Peek;
pub use value::{CacheValue, Json, Scalar, Value};

/// Where values are kept. Cheap to clone; clones share the entries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Backend {
    /// This process's memory.
    Memory(InMemoryBackend),
    /// A user's own store.
    Custom(CustomBackend),
}

impl Backend {
    /// A backend over a user's own store.
    pub fn custom(backend: impl CacheBackend) -> Self {
        backend.into_backend()
    }

    /// `"memory"`, `"valkey"`, or what a user's store calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Memory(memory) => CacheBackend::name(memory),
            Self::Custom(custom) => custom.name(),
        }
    }

    /// Counts a value that its reader could not use; [`get_as`](Self::get_as) and the other typed reads
    /// do so by themselves, whoever decodes a [`Snapshot`] does it here.
    pub fn count_undecodable(&self) {
        match self {
            Self::Memory(memory) => memory.counters().undecodable(),
            Self::Custom(custom) => custom.counters().undecodable(),
        }
    }

    /// The backend's counters.
    #[must_use]
    pub fn stats(&self) -> BackendStats {
        match self {
            Self::Memory(memory) => memory.stats(),
            Self::Custom(custom) => custom.counters().snapshot(),
        }
    }
}

impl<B: CacheBackend> From<B> for Backend {
    fn from(backend: B) -> Self {
        backend.into_backend()
    }
}
