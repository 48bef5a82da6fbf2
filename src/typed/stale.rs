//! Answers that may be stale: always labelled.

use std::time::Duration;

/// An answer that says how old it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaybeStale<T> {
    /// From the store or from a load, now.
    Fresh(T),
    /// What was known `age` ago: the store is unavailable, or the value has expired and its load goes on, is slow, or has failed.
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

    /// Whether it is what was known before.
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
