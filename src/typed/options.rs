//! What may be set per manager.

use std::time::Duration;

/// How far [`clear_all`](crate::managers::GuildConfigCacheManager::clear_all) and `invalidate_guild` reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Everything that any process would read, Valkey included.
    #[default]
    Everywhere,
    /// This process's memory only, as the original did; what stands in Valkey stays.
    LocalOnly,
}

/// What `get_or_fetch` does while the shared tier is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// Runs the loader (once for all who ask at the same time), returns its value and caches nothing.
    #[default]
    Load,
    /// Returns the store's error.
    Fail,
}

/// Settings of one manager. The defaults are those of the guide.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::managers::{JailStatusCache, ManagerOptions, Scope};
/// # use tux_cache::backend::InMemoryBackend;
/// # let backend = InMemoryBackend::new(Duration::from_secs(300), Some(10));
/// let options = ManagerOptions::new()
///     .ttl(Duration::from_secs(60))
///     .scope(Scope::LocalOnly)
///     .keep_stale(Duration::from_secs(120), 5_000);
/// let jails = JailStatusCache::with_options(backend, options);
/// # let _ = jails;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ManagerOptions {
    /// `Some(None)`: no TTL of their own.
    pub(crate) ttl: Option<Option<Duration>>,
    pub(crate) user_rank_ttl: Option<Duration>,
    pub(crate) scope: Scope,
    pub(crate) on_outage: OnOutage,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) stale: Option<(Duration, usize)>,
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self {
            ttl: None,
            user_rank_ttl: None,
            scope: Scope::Everywhere,
            on_outage: OnOutage::Load,
            load_timeout: Some(Duration::from_secs(30)),
            stale: None,
        }
    }
}

impl ManagerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long entries live, on every backend. Zero keeps nothing. Without it a manager has its built-in TTL, which an
    /// [in-memory backend](crate::backend::InMemoryBackend) replaces by its own.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(Some(ttl));
        self
    }

    /// Entries have no TTL of their own: they live until they are removed, on an in-memory backend its default TTL
    /// (with [`per_entry_ttl`](crate::backend::InMemoryBackend::per_entry_ttl) for ever).
    pub fn no_ttl(mut self) -> Self {
        self.ttl = Some(None);
        self
    }

    /// How long the ranks of users live ([`PermissionCache`](crate::managers::PermissionCache) only). Default: 300 s.
    pub fn user_rank_ttl(mut self, ttl: Duration) -> Self {
        self.user_rank_ttl = Some(ttl);
        self
    }

    /// How far guild-wide removals reach. Default: everywhere.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// What `get_or_fetch` does during an outage. Default: it loads.
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// How long one load may take before it ends for all who wait. Default: 30 s. Needs a runtime with its
    /// timer enabled.
    pub fn load_timeout(mut self, limit: Duration) -> Self {
        self.load_timeout = Some(limit);
        self
    }

    /// Loads may take for ever.
    pub fn no_load_timeout(mut self) -> Self {
        self.load_timeout = None;
        self
    }

    /// Remembers in this process what the shared tier said last, for at most `max_age` and `max_entries`, so
    /// that `get_or_stale` has an answer during an outage. Default: nothing is remembered.
    pub fn keep_stale(mut self, max_age: Duration, max_entries: usize) -> Self {
        self.stale = Some((max_age, max_entries));
        self
    }
}
