//! What a loader may answer.

use std::time::Duration;

use crate::single_flight::{Loaded, LoadedTtl};

/// What a loader answers that has more to say than a value: a value with a TTL of its own, "there is none", or "the old one
/// is right still". A plain value converts into one.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::managers::Fetched;
///
/// let row: Fetched<u32> = Fetched::value(7).ttl(Duration::from_secs(30));
/// let none: Fetched<Option<u32>> = Fetched::absent().ttl(Duration::from_secs(5));
/// let same: Fetched<u32> = Fetched::not_modified();
/// assert_eq!(row, tux_cache::Loaded::new(7).ttl(Duration::from_secs(30)).into());
/// # drop((row, none, same));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Fetched<V> {
    /// `None`: as it was.
    value: Option<V>,
    /// `Some(None)`: for ever.
    ttl: Option<Option<Duration>>,
}

impl<V> Fetched<V> {
    /// A value, with the family's TTL.
    pub fn value(value: V) -> Self {
        Self {
            value: Some(value),
            ttl: None,
        }
    }

    /// The old value that the loader was shown is right still: it gets a new TTL.
    pub fn not_modified() -> Self {
        Self {
            value: None,
            ttl: None,
        }
    }

    /// Lives so long, jitter apart, whatever its family says. Zero: it is not kept.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(Some(ttl));
        self
    }

    /// Has no TTL (in memory: the default of the backend, unless it has
    /// [`per_entry_ttl`](crate::backend::InMemoryBackend::per_entry_ttl)).
    pub fn forever(mut self) -> Self {
        self.ttl = Some(None);
        self
    }

    /// The same about another value.
    pub fn map<U>(self, f: impl FnOnce(V) -> U) -> Fetched<U> {
        Fetched {
            value: self.value.map(f),
            ttl: self.ttl,
        }
    }

    /// Value and TTL; the old value where it is the same. `None`: there is no old value.
    pub(crate) fn over(self, old: Option<V>) -> Option<(V, Option<Option<Duration>>)> {
        Some((self.value.or(old)?, self.ttl))
    }
}

impl<T> Fetched<Option<T>> {
    /// There is none, which is worth remembering: usually not for as long as a value.
    pub fn absent() -> Self {
        Self::value(None)
    }
}

/// As the loaders of the engine say it.
impl<V> From<Loaded<V>> for Fetched<V> {
    fn from(loaded: Loaded<V>) -> Self {
        let value = Self::value(loaded.value);
        match loaded.ttl {
            LoadedTtl::OfCache => value,
            LoadedTtl::For(ttl) => value.ttl(ttl),
            LoadedTtl::Forever => value.forever(),
        }
    }
}

impl<V> From<V> for Fetched<V> {
    fn from(value: V) -> Self {
        Self::value(value)
    }
}
