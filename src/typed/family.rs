//! What tells one kind of cached values from another.

use std::time::Duration;

use super::settings::Settings;
use crate::backend::{CacheValue, KeyFamily, KeyRef, Ttl};

/// One kind of values: its keys, its type, how long it lives, and what its values have to be.
///
/// A cache of a kind is a [`TypedCache`](super::TypedCache); whoever defines a kind gets look-ups, loads, writes and
/// removals with it.
pub(crate) trait Family: Send + Sync + 'static {
    /// What a caller names a value by.
    type Key<'k>: Copy + Send;
    /// A value as it is stored.
    type Value: CacheValue;

    /// For people: logs and `Debug`.
    const NAME: &'static str;
    /// How long values live where the caller asks for nothing else; `None`: without a TTL of their own.
    const TTL: Option<Duration>;
    /// Entries of a cache without a backend.
    const OWN_SIZE: usize;
    /// The keys that are this kind's, all of them.
    const KEYS: KeyFamily;

    /// The key under which the store has it.
    fn key(key: Self::Key<'_>) -> KeyRef<'_>;

    /// The TTL that the caller asks for; `None` says nothing.
    fn ttl_asked(settings: &Settings) -> Option<Ttl> {
        settings.ttl
    }

    /// Whether a value answers every question about its key. Part of one is a hit for `get`, not for `get_or_fetch`.
    #[inline(always)]
    fn is_whole(_value: &Self::Value) -> bool {
        true
    }

    /// Whether every reader of the store takes it, Python ones too; `Err` says what is wrong with it.
    fn check(_value: &Self::Value) -> Result<(), String> {
        Ok(())
    }

    /// A loaded value, with what a load does not know taken over from what stood under the key before.
    fn merge_previous(value: Self::Value, _previous: Option<&Self::Value>) -> Self::Value {
        value
    }
}
