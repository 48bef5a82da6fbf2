//! Settings of the in-memory backend.

use std::sync::Arc;
use std::time::Duration;

use super::{InMemoryBackend, MemoryState};
use crate::TtlCache;
use crate::backend::kept::Kept;
use crate::backend::key::Key;
use crate::backend::lease::next_store_number;
use crate::backend::stats::BackendCounters;
use crate::backend::striped::Striped;
use crate::backend::value::Value;
use crate::error::Result;
use crate::time::{CoarseTicker, StoreClock, Ticker};

/// Settings of an [`InMemoryBackend`] beyond [`InMemoryBackend::new`].
pub struct InMemoryBackendBuilder {
    pub(super) default_ttl: Option<Duration>,
    pub(super) max_size: Option<usize>,
    pub(super) per_entry_ttl: bool,
    pub(super) max_value_bytes: Option<usize>,
    pub(super) clock: Option<StoreClock>,
}

impl InMemoryBackendBuilder {
    /// The TTL of entries that get none of their own. Not set: no expiry.
    #[must_use]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.default_ttl = Some(ttl);
        self
    }

    /// The most entries kept, over all guilds and managers. Not set: no bound.
    #[must_use]
    pub fn max_size(mut self, entries: usize) -> Self {
        self.max_size = Some(entries);
        self
    }

    /// See [`InMemoryBackend::per_entry_ttl`].
    #[must_use]
    pub fn per_entry_ttl(mut self, honour: bool) -> Self {
        self.per_entry_ttl = honour;
        self
    }

    /// Refuses values whose JSON is longer than this, as the Valkey backend does; each value is encoded to find out. Not
    /// set: those are refused that [say quickly](crate::backend::CacheValue::exceeds) that theirs is longer than 1 MiB.
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = Some(bytes);
        self
    }

    /// The clock; tests inject a [`ManualTicker`](crate::time::ManualTicker).
    #[must_use]
    pub fn ticker(mut self, ticker: impl Ticker) -> Self {
        self.clock = Some(StoreClock::new(ticker));
        self
    }

    /// Makes the backend.
    ///
    /// # Errors
    /// Kind `Config` when the size is absurdly large.
    pub fn build(self) -> Result<InMemoryBackend> {
        let mut builder = TtlCache::<Key, Value>::builder();
        builder = match self.max_size {
            Some(entries) => builder.max_size(entries),
            None => builder.unbounded(),
        };
        builder = match self.default_ttl {
            Some(ttl) => builder.ttl(ttl),
            None => builder.no_expiry(),
        };
        if let Some(clock) = &self.clock {
            builder = builder.ticker(clock.clone());
        }
        Ok(InMemoryBackend {
            shared: Arc::new(MemoryState {
                number: next_store_number(),
                cache: builder.build()?,
                update_locks: Striped::new(),
                counters: BackendCounters::default(),
                kept: Kept::default(),
                max_value_bytes: self.max_value_bytes,
                default_ttl: self.default_ttl,
                clock: self.clock.unwrap_or_else(CoarseTicker::store_clock),
            }),
            per_entry_ttl: self.per_entry_ttl,
        })
    }
}

impl std::fmt::Debug for InMemoryBackendBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemoryBackendBuilder")
            .field("default_ttl", &self.default_ttl)
            .field("max_size", &self.max_size)
            .field("per_entry_ttl", &self.per_entry_ttl)
            .finish_non_exhaustive()
    }
}
