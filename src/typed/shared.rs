//! What the caches of one manager share: the backend, the counters, the options, and what was known last.

use std::sync::Arc;

use super::backend_cell::BackendCell;
use super::options::{ManagerOptions, Scope};
use super::policy::{Forgotten, forget_beside};
use super::refresh_options::ManagerFacts;
use super::settings::Settings;
use super::stats::{Event, EventCounters, ManagerStats};
use crate::backend::{Backend, InMemoryBackend, KeyRef, KeySet};
use crate::error::Result;

/// What the caches of one manager share.
#[derive(Debug)]
pub(crate) struct SharedState {
    pub(crate) cell: BackendCell,
    pub(crate) counters: Arc<EventCounters>,
    /// What it keeps.
    pub(crate) facts: ManagerFacts,
}

impl SharedState {
    /// # Errors
    /// Kind `Config`: the options contradict each other, or do not go with what the manager keeps.
    pub(crate) fn new(
        backend: Backend,
        options: &ManagerOptions,
        facts: ManagerFacts,
    ) -> Result<Arc<Self>> {
        Self::make(backend, false, options, facts)
    }

    /// On memory of its own, where entries live as long as the manager says.
    pub(crate) fn in_memory(entries: usize, facts: ManagerFacts) -> Arc<Self> {
        let memory = InMemoryBackend::builder()
            .max_size(entries)
            .per_entry_ttl(true)
            .build();
        let made = memory
            .and_then(|memory| Self::make(memory.into(), true, &ManagerOptions::new(), facts));
        match made {
            Ok(shared) => shared,
            Err(error) => unreachable!("{entries} entries are a sound size: {error}"),
        }
    }

    fn make(
        backend: Backend,
        owned: bool,
        options: &ManagerOptions,
        facts: ManagerFacts,
    ) -> Result<Arc<Self>> {
        options.check(&facts, &backend)?;
        let settings = Settings::new(options, &backend)?;
        Ok(Arc::new(Self {
            cell: BackendCell::new(backend, settings, owned),
            counters: Arc::new(EventCounters::default()),
            facts,
        }))
    }

    /// How the manager is set up now.
    pub(crate) fn settings(&self) -> &Settings {
        self.cell.settings()
    }

    pub(crate) fn stats(&self) -> ManagerStats {
        self.counters.snapshot()
    }

    /// Replaces the backend, and the options if there are other ones; what was remembered of the old one is forgotten.
    ///
    /// # Errors
    /// As [`new`](Self::new); then nothing is replaced.
    pub(crate) fn set_backend(
        &self,
        backend: Backend,
        options: Option<&ManagerOptions>,
    ) -> Result<()> {
        if let Some(options) = options {
            options.check(&self.facts, &backend)?;
        }
        let options = options.unwrap_or(&self.settings().options);
        let settings = Settings::new(options, &backend)?;
        self.forget_all();
        self.cell.replace(backend, Some(settings));
        Ok(())
    }

    /// Forgets all that was remembered of the store's values.
    pub(crate) fn forget_all(&self) {
        forget_beside(self.cell.backend(), &Forgotten::All);
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
            forget_beside(backend, &Forgotten::Sets(sets));
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
        let backend = self.cell.backend();
        let forget = || {
            forget_beside(backend, &Forgotten::Keys(keys));
            forget_beside(backend, &Forgotten::Sets(sets));
        };
        forget();
        let removed = backend.remove_together(keys, sets).await;
        // What a read learned while the removal was on its way.
        forget();
        removed
    }

    pub(crate) async fn remove(&self, key: KeyRef<'_>) -> Result<bool> {
        self.counters.add(Event::Invalidation);
        self.forget(key);
        let removed = self.cell.backend().remove(key).await;
        self.forget(key);
        removed
    }

    /// Of a key that the store does not have: what is being loaded of it is not kept, and what was known is forgotten. Nothing is sent.
    pub(crate) fn void(&self, key: KeyRef<'_>) {
        self.cell.backend().void(key);
        self.forget(key);
    }

    pub(crate) fn forget(&self, key: KeyRef<'_>) {
        forget_beside(self.cell.backend(), &Forgotten::Keys(&[key]));
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
