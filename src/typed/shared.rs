//! What the caches of one manager share: the backend, the counters, the options, and what was known last.

use std::sync::Arc;

use super::backend_cell::BackendCell;
use super::options::{ManagerOptions, Scope};
use super::settings::Settings;
use super::stats::{Event, EventCounters, ManagerStats};
use crate::backend::{Backend, InMemoryBackend, KeyRef, KeySet};
use crate::error::Result;

/// What the caches of one manager share.
#[derive(Debug)]
pub(crate) struct SharedState {
    pub(crate) cell: BackendCell,
    pub(crate) counters: Arc<EventCounters>,
}

impl SharedState {
    /// # Panics
    /// When the options ask to remember absurdly many stale values.
    pub(crate) fn new(backend: Backend, options: &ManagerOptions) -> Arc<Self> {
        Self::try_new(backend, options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// # Errors
    /// Kind `Config` when the options ask to remember absurdly many stale values.
    pub(crate) fn try_new(backend: Backend, options: &ManagerOptions) -> Result<Arc<Self>> {
        Ok(Self::make(backend, false, Settings::try_new(options)?))
    }

    /// On memory of its own, where entries live as long as the manager says.
    pub(crate) fn in_memory(entries: usize) -> Arc<Self> {
        let memory = InMemoryBackend::builder()
            .max_size(entries)
            .per_entry_ttl(true)
            .build();
        match memory {
            Ok(memory) => Self::make(memory.into(), true, Settings::new(&ManagerOptions::new())),
            Err(error) => unreachable!("{entries} entries are a sound size: {error}"),
        }
    }

    fn make(backend: Backend, owned: bool, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            cell: BackendCell::new(backend, settings, owned),
            counters: Arc::new(EventCounters::default()),
        })
    }

    /// How the manager is set up now.
    pub(crate) fn settings(&self) -> &Settings {
        self.cell.settings()
    }

    pub(crate) fn stats(&self) -> ManagerStats {
        self.counters.snapshot()
    }

    /// Replaces the backend, and the settings if there are options; what was remembered of the old one is forgotten.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub(crate) fn set_backend(&self, backend: Backend, options: Option<&ManagerOptions>) {
        self.cell.replace(backend, options.map(Settings::new));
        self.forget_all();
    }

    /// Forgets all that was remembered for outages: sets are removed rarely, and it is only a fallback.
    pub(crate) fn forget_all(&self) {
        if let Some(known) = &self.settings().last_known {
            known.forget_where(|_| true);
        }
    }

    /// Removes a set of keys, as far as the scope reaches; says how many went.
    pub(crate) async fn remove_set(&self, set: KeySet<'_>) -> Result<usize> {
        self.remove_sets(&[set]).await
    }

    /// Sets that go together, as far as the scope reaches.
    pub(crate) async fn remove_sets(&self, sets: &[KeySet<'_>]) -> Result<usize> {
        let asked = sets.len() as u64;
        self.counters.add_many(Event::Invalidation, asked);
        self.remove_in_scope(sets).await
    }

    /// The same uncounted.
    pub(crate) async fn remove_in_scope(&self, sets: &[KeySet<'_>]) -> Result<usize> {
        let backend = self.cell.backend();
        if self.settings().scope == Scope::LocalOnly && !is_in_process(backend) {
            self.forget_all();
            return Ok(0);
        }
        self.remove_together(&[], sets).await
    }

    /// A set whatever the scope: for removals that correctness asks for.
    pub(crate) async fn remove_everywhere(&self, set: KeySet<'_>) -> Result<usize> {
        self.remove_together(&[], &[set]).await
    }

    /// Keys and sets that go together, whatever the scope.
    pub(crate) async fn remove_together(
        &self,
        keys: &[KeyRef<'_>],
        sets: &[KeySet<'_>],
    ) -> Result<usize> {
        self.forget_all();
        let removed = self.cell.backend().remove_together(keys, sets).await;
        // What a read learned while the removal was on its way.
        self.forget_all();
        removed
    }

    pub(crate) async fn remove(&self, key: KeyRef<'_>) -> Result<bool> {
        self.counters.add(Event::Invalidation);
        self.forget(key);
        let removed = self.cell.backend().remove(key).await;
        self.forget(key);
        removed
    }

    pub(crate) fn forget(&self, key: KeyRef<'_>) {
        if let Some(known) = &self.settings().last_known {
            known.forget(key);
        }
    }
}

/// Whether the backend keeps its values in this process.
pub(crate) fn is_in_process(backend: &Backend) -> bool {
    match backend {
        Backend::Memory(_) => true,
        #[cfg(feature = "valkey")]
        Backend::UntilConnected(fallback) => !fallback.has_moved(),
        _ => false,
    }
}
