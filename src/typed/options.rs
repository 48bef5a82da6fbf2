//! What may be set per manager.

use std::time::Duration;

use super::policy::rules::FetchRules;

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

/// The built-in settings: what values get where nobody asks for anything else. [`ManagerOptions`] shows this table.
pub(crate) mod built_in {
    use std::time::Duration;

    /// What one family of values gets.
    pub(crate) struct BuiltIn {
        /// `None`: no TTL of their own.
        pub(crate) ttl: Option<Duration>,
        /// Entries of a manager without a backend.
        pub(crate) own_size: usize,
    }

    pub(crate) const GUILD_CONFIG: BuiltIn = of(Some(600), 1_000);
    pub(crate) const JAIL_STATUS: BuiltIn = of(Some(300), 5_000);
    pub(crate) const PREFIX: BuiltIn = of(None, 10_000);
    pub(crate) const PERMISSIONS: BuiltIn = of(Some(600), 10_000);
    /// In the permissions' memory.
    pub(crate) const USER_RANKS: BuiltIn = of(Some(300), 10_000);
    pub(crate) const CASES: BuiltIn = of(Some(1_800), 10_000);

    const fn of(seconds: Option<u64>, own_size: usize) -> BuiltIn {
        let ttl = match seconds {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => None,
        };
        BuiltIn { ttl, own_size }
    }
}

/// Settings of one manager.
///
/// # Built-in settings
///
/// | manager | TTL | entries without a backend |
/// |---|---|---|
/// | guild configurations | 600 s | 1,000 |
/// | jail status | 300 s | 5,000 |
/// | prefixes | none | 10,000 |
/// | permissions | 600 s | 10,000 |
/// | permissions: ranks of users | 300 s | among them |
/// | cases | 1,800 s | 10,000 |
///
/// In an [in-memory backend](crate::backend::InMemoryBackend) its own default TTL stands in for these, unless it has
/// [`per_entry_ttl`](crate::backend::InMemoryBackend::per_entry_ttl) (as the memory of a manager without a backend has).
/// A TTL that is asked for here goes before both. Loads may take 30 s.
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
    pub(crate) rules: FetchRules,
    pub(crate) jitter_seed: Option<u64>,
    pub(crate) allow_stale_security: bool,
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
            rules: FetchRules::default(),
            jitter_seed: None,
            allow_stale_security: false,
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

    /// Remembers in this process what the store or a load said last, for at most `max_age` and `max_entries`, so
    /// that `get_or_stale` has an answer during an outage, and the calls that may answer with a stale value have one at other
    /// times ([`stale_on_error`](Self::stale_on_error)). Default: nothing is remembered.
    pub fn keep_stale(mut self, max_age: Duration, max_entries: usize) -> Self {
        self.stale = Some((max_age, max_entries));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::built_in::{self, BuiltIn};

    /// The table in the documentation is this one.
    #[test]
    fn the_table_that_users_read_is_the_one_that_counts() {
        fn grouped(number: u64) -> String {
            match number {
                0..1_000 => number.to_string(),
                _ => format!("{},{:03}", number / 1_000, number % 1_000),
            }
        }
        let row = |name: &str, of: &BuiltIn, size: Option<&str>| {
            let ttl = of.ttl.map(|ttl| format!("{} s", grouped(ttl.as_secs())));
            let own = grouped(of.own_size as u64);
            let (ttl, size) = (
                ttl.unwrap_or_else(|| "none".to_owned()),
                size.unwrap_or(&own),
            );
            format!("/// | {name} | {ttl} | {size} |\n")
        };
        let table = [
            row("guild configurations", &built_in::GUILD_CONFIG, None),
            row("jail status", &built_in::JAIL_STATUS, None),
            row("prefixes", &built_in::PREFIX, None),
            row("permissions", &built_in::PERMISSIONS, None),
            row(
                "permissions: ranks of users",
                &built_in::USER_RANKS,
                Some("among them"),
            ),
            row("cases", &built_in::CASES, None),
        ];
        assert!(include_str!("options.rs").contains(&table.concat()));
    }
}
