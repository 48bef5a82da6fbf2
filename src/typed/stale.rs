//! What the shared tier said last, for outages: bounded in age and number, and always labelled.

use std::time::{Duration, Instant};

use crate::TtlCache;
use crate::backend::{CacheValue, Key, KeyRef, Value};
use crate::error::Result;

/// An answer that says how old it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaybeStale<T> {
    /// From the store, now.
    Fresh(T),
    /// The store is unavailable; this is what it said `age` ago.
    Stale {
        /// The value as it was.
        value: T,
        /// How long ago it was read or written.
        age: Duration,
    },
}

impl<T> MaybeStale<T> {
    /// The value, fresh or stale.
    pub fn into_inner(self) -> T {
        match self {
            Self::Fresh(value) | Self::Stale { value, .. } => value,
        }
    }

    /// Whether the store could not be asked.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. })
    }

    /// The same label on another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> MaybeStale<U> {
        match self {
            Self::Fresh(value) => MaybeStale::Fresh(f(value)),
            Self::Stale { value, age } => MaybeStale::Stale {
                value: f(value),
                age,
            },
        }
    }
}

/// Values by key, with the time they were learned.
#[derive(Debug)]
pub(crate) struct LastKnown {
    cache: TtlCache<Key, (Value, Instant)>,
}

impl LastKnown {
    /// # Errors
    /// Kind `Config` when `max_entries` is absurdly large.
    pub(crate) fn new(max_age: Duration, max_entries: usize) -> Result<Self> {
        let cache = TtlCache::builder()
            .ttl(max_age)
            .max_size(max_entries)
            .build()?;
        Ok(Self { cache })
    }

    /// To be taken before the store is asked: whatever invalidates meanwhile wins.
    pub(crate) fn lease(&self, key: KeyRef<'_>) -> (Key, crate::Lease) {
        let key = key.to_key();
        let lease = self.cache.lease(&key);
        (key, lease)
    }

    pub(crate) fn learn<T: CacheValue>(&self, (key, lease): (Key, crate::Lease), value: &T) {
        let known = (Value::new(value.clone()), Instant::now());
        self.cache.set_leased(lease, key, known);
    }

    pub(crate) fn recall<T: CacheValue>(&self, key: KeyRef<'_>) -> Option<MaybeStale<T>> {
        let (value, since) = self.cache.get(&key.to_key())?;
        Some(MaybeStale::Stale {
            value: value.decode()?,
            age: since.elapsed(),
        })
    }

    pub(crate) fn forget(&self, key: KeyRef<'_>) {
        self.cache.invalidate(&key.to_key());
    }

    pub(crate) fn forget_where(&self, gone: impl Fn(&Key) -> bool) {
        self.cache.invalidate_matching(gone);
    }
}
