//! The configuration of guilds.

mod value;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use value::{ExtraFields, GuildConfig, GuildConfigUpdate, MissingFields};

use super::own_memory;
use crate::backend::{Backend, Family, KeyRef, KeySet, Value};
use crate::error::{Error, Result};
use crate::typed::TypedCache;
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::ManagerOptions;
use crate::typed::settings::Lifetime;
use crate::typed::shared::SharedState;
use crate::typed::stale::MaybeStale;
use crate::typed::stats::{Event, ManagerStats};

const TTL: Duration = Duration::from_secs(600);
/// Entries of a manager without a backend.
const OWN_SIZE: usize = 1_000;

/// Guild configurations. Clones share everything.
///
/// `set` and `async_set` change some fields and leave the others; no update is lost, neither between tasks
/// nor between Rust processes that share a Valkey (a Python process's own GET + SETEX can still overwrite).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use tux_cache::managers::{GuildConfigCacheManager, GuildConfigUpdate};
/// # let guild = 1_u64;
/// let configs = GuildConfigCacheManager::in_memory();
/// configs.set(guild, GuildConfigUpdate::new().audit_log_id(Some(123456789))).await?;
/// configs.set(guild, GuildConfigUpdate::new().jail_role_id(None)).await?;
/// let config = configs.get(guild).await?.expect("set above");
/// assert_eq!(config.audit_log_id, Some(123456789));
/// assert!(!config.is_complete()); // nobody has said anything about the other two fields yet
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GuildConfigCacheManager {
    tier: Arc<TypedCache<GuildConfig>>,
}

impl GuildConfigCacheManager {
    /// On `backend`, with the guide's settings (600 s).
    pub fn new(backend: impl Into<Backend>) -> Self {
        Self::with_options(backend, ManagerOptions::new())
    }

    /// On `backend`, with other settings.
    ///
    /// # Panics
    /// When [`keep_stale`](ManagerOptions::keep_stale) asks for absurdly many entries.
    pub fn with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Self {
        Self::make(backend.into(), false, &options)
    }

    /// On memory of its own, 1,000 entries.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::make(own_memory(OWN_SIZE), true, &ManagerOptions::new())
    }

    /// The one of this process; in memory until [`set_backend`](Self::set_backend).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<GuildConfigCacheManager> = OnceLock::new();
        SHARED.get_or_init(Self::in_memory)
    }

    fn make(backend: Backend, owned: bool, options: &ManagerOptions) -> Self {
        let shared = SharedState::new(backend, owned, options);
        let tier = TypedCache::new(&shared, Lifetime::OfManager(Some(TTL)));
        Self { tier }
    }

    /// Replaces the backend for every holder. What memory of its own held is dropped.
    pub fn set_backend(&self, backend: impl Into<Backend>) {
        self.tier.shared.set_backend(backend.into(), None);
    }

    /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
    ///
    /// # Panics
    /// As [`with_options`](Self::with_options).
    pub fn set_backend_with(&self, backend: impl Into<Backend>, options: ManagerOptions) {
        self.tier.shared.set_backend(backend.into(), Some(&options));
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.tier.backend().clone()
    }

    /// The cached configuration, perhaps only a part of it ([`GuildConfig::is_complete`]). In memory it
    /// allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`]; an unavailable store is an error, never a miss.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<u64>) -> Result<Option<GuildConfig>> {
        lookup!(self.tier, key(guild.into()))
    }

    /// [`get`](Self::get), or what was known last while the store is unavailable.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<u64>,
    ) -> Result<Option<MaybeStale<GuildConfig>>> {
        self.tier.get_or_stale(key(guild.into())).await
    }

    /// The whole configuration: the cached one if it is complete, else what `load` returns. One load per
    /// guild in this process. Unknown fields that stood beside a part of it stay.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](super::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, E>(
        &self,
        guild: impl Into<u64>,
        load: F,
    ) -> Result<GuildConfig>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<GuildConfig, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.tier, key(guild.into()), load, Error::loader)
    }

    /// Changes the fields that `update` names; the others, known to this library or not, stay as they are.
    /// An update that names none writes nothing.
    ///
    /// # Errors
    /// As [`Backend::update`]. After `Timeout` it is not known whether the change was written.
    ///
    /// # Cancel safety
    /// A caller that is dropped leaves the change either made or not made, never in part.
    pub async fn set(&self, guild: impl Into<u64>, update: GuildConfigUpdate) -> Result<()> {
        if update.is_empty() {
            return Ok(());
        }
        let key = key(guild.into());
        let mut right = true;
        let merge = |before: Option<&Value>| {
            let merged = update.merge(before);
            right = merged.1;
            Value::new(merged.0)
        };
        self.tier.update(key, merge).await?;
        if !right {
            self.tier.count(Event::Undecodable);
            self.tier.backend().count_undecodable();
        }
        Ok(())
    }

    /// The same as [`set`](Self::set), which is as safe here.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn async_set(&self, guild: impl Into<u64>, update: GuildConfigUpdate) -> Result<()> {
        self.set(guild, update).await
    }

    /// Removes a guild's configuration, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`]; in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<u64>) -> Result<bool> {
        self.tier.shared.remove(key(guild.into())).await
    }

    /// Removes every configuration, as far as the [`Scope`](super::Scope) reaches; says how many went. In
    /// Valkey it looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn clear_all(&self) -> Result<usize> {
        let set = KeySet::Family(Family::GuildConfig);
        self.tier.shared.remove_set(set).await
    }

    /// What this manager counted.
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        self.tier.shared.stats()
    }
}

fn key(guild: u64) -> KeyRef<'static> {
    KeyRef::GuildConfig { guild }
}
