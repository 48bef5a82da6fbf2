//! The configuration of guilds.

mod value;

use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

pub use value::{ExtraFields, GuildConfig, GuildConfigUpdate, MissingFields};

use super::GuildId;
use super::face::face;
use crate::backend::{KeyFamily, KeyRef, Value};
use crate::error::{Error, Result};
use crate::typed::TypedCache;
use crate::typed::family::{BuiltInFamily, Declared, Family};
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::built_in;
use crate::typed::stale::MaybeStale;
use crate::typed::stats::Event;

/// Configurations by guild.
pub(crate) struct GuildConfigs;

impl Family for GuildConfigs {
    type Key<'k> = GuildId;
    type Value = GuildConfig;

    const NAME: &'static str = "guild configurations";
    const TTL: Option<Duration> = built_in::GUILD_CONFIG.ttl;
    const OWN_SIZE: usize = built_in::GUILD_CONFIG.own_size;
    const PREFIX: &'static str = "guild_config";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::GuildConfig));

    #[inline(always)]
    fn key_ref(GuildId(guild): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        KeyRef::GuildConfig { guild }
    }

    #[inline(always)]
    fn is_whole(value: &GuildConfig) -> bool {
        value.is_complete()
    }

    /// A loader knows the four fields; what else stood there stays.
    fn merge_previous(mut value: GuildConfig, previous: Option<&GuildConfig>) -> GuildConfig {
        if value.unknown.is_empty()
            && let Some(previous) = previous
        {
            value.unknown = previous.unknown.clone();
        }
        value
    }
}

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
    pub(super) cache: TypedCache<GuildConfigs>,
}

face!(GuildConfigCacheManager: GuildConfigs);

impl GuildConfigCacheManager {
    /// The cached configuration, perhaps only a part of it ([`GuildConfig::is_complete`]). In memory it
    /// allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error, never a miss.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<GuildId>) -> Result<Option<GuildConfig>> {
        lookup!(self.cache, guild.into())
    }

    /// [`get`](Self::get), or what was known last while the store is unavailable.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<GuildId>,
    ) -> Result<Option<MaybeStale<GuildConfig>>> {
        self.cache.get_or_stale(guild.into()).await
    }

    /// The whole configuration: the cached one if it is complete, else what `load` returns. One load per
    /// guild in this process. Unknown fields that stood beside a part of it stay.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](super::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, E>(
        &self,
        guild: impl Into<GuildId>,
        load: F,
    ) -> Result<GuildConfig>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<GuildConfig, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.cache, guild.into(), load, Error::loader)
    }

    /// Changes the fields that `update` names; the others, known to this library or not, stay as they are.
    /// An update that names none writes nothing.
    ///
    /// # Errors
    /// As [`Backend::update`](crate::backend::Backend::update). After `Timeout` it is not known whether the change was written.
    ///
    /// # Cancel safety
    /// A caller that is dropped leaves the change either made or not made, never in part.
    pub async fn set(&self, guild: impl Into<GuildId>, update: GuildConfigUpdate) -> Result<()> {
        if update.is_empty() {
            return Ok(());
        }
        let mut right = true;
        let merge = |before: Option<&Value>| {
            let merged = update.merge(before);
            right = merged.1;
            Ok(Value::new(merged.0))
        };
        self.cache.update_value(guild.into(), merge).await?;
        if !right {
            self.cache.count(Event::Undecodable);
            self.cache.backend().count_undecodable();
        }
        Ok(())
    }

    /// The same as [`set`](Self::set), which is as safe here.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn async_set(
        &self,
        guild: impl Into<GuildId>,
        update: GuildConfigUpdate,
    ) -> Result<()> {
        self.set(guild, update).await
    }

    /// Removes a guild's configuration, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`](crate::backend::Backend::delete); in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<GuildId>) -> Result<bool> {
        self.cache.invalidate(guild.into()).await
    }
}
