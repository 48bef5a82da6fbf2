//! What a bot uses: typed caches of guild configurations, jail status, prefixes, permissions and cases.
//!
//! Each manager works on a [`Backend`]: memory, Valkey, or a store of your own, and
//! behaves the same on each. `get` tells a hit from "not cached" (`Ok(None)`) from an unavailable store
//! (`Err`); `get_or_fetch` runs one load per key, however many tasks ask at once, and a load begun before a
//! set or an invalidation never overwrites it: in this process exactly. Across processes that share a Valkey a
//! load under way elsewhere may still put back an old value, which lives for at most one TTL.
//!
//! Make them with `new(backend)`, or use the process-wide `shared()` ones, which
//! [`CacheSetup`](crate::CacheSetup) points at its backend.

mod case;
#[cfg(feature = "valkey")]
mod each;
pub mod events;
mod face;
mod guild_config;
mod jail_status;
mod permission;
mod policy;
mod prefix;

pub use case::CaseCache;
#[cfg(feature = "valkey")]
pub(crate) use each::EachOptions;
pub use guild_config::{
    ExtraFields, GuildConfig, GuildConfigCacheManager, GuildConfigUpdate, MissingFields,
};
pub use jail_status::JailStatusCache;
pub use permission::{
    CommandPermission, CommandRule, GuildPermissions, MAX_RANK, PermissionAssignment,
    PermissionCache, PermissionRank, PermissionRows, PreWarm, WarmFailure, WarmProgress,
    WarmReport, WarmedGuild,
};
pub use prefix::{Prefix, PrefixCache};

pub use crate::typed::ids::{ChannelId, GuildId, RoleId, UserId};
pub use crate::typed::options::{ManagerOptions, OnOutage, Scope};
pub use crate::typed::policy::fetch_options::FetchOptions;
pub use crate::typed::policy::fetched::Fetched;
pub use crate::typed::stale::MaybeStale;
pub use crate::typed::stats::ManagerStats;

use crate::backend::{Backend, KeyFamily, KeySet};
use crate::error::Result;

/// One of each, on one backend.
#[derive(Clone, Debug)]
pub struct Managers {
    /// Guild configurations.
    pub guild_config: GuildConfigCacheManager,
    /// Jail status.
    pub jail_status: JailStatusCache,
    /// Command prefixes.
    pub prefix: PrefixCache,
    /// Permissions and ranks.
    pub permissions: PermissionCache,
}

impl Managers {
    /// New ones, all on `backend`.
    pub fn new(backend: impl Into<Backend>) -> Self {
        Self::with_options(backend, ManagerOptions::new())
    }

    /// New ones, all on `backend` and with the same settings: a TTL set there is the TTL of all.
    ///
    /// # Panics
    /// Where [`try_with_options`](Self::try_with_options) returns an error, with its text.
    pub fn with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Self {
        match Self::try_with_options(backend, options) {
            Ok(managers) => managers,
            Err(error) => panic!("{error}"),
        }
    }

    /// New ones, all on `backend` and with the same settings: a TTL set there is the TTL of all.
    ///
    /// # Errors
    /// Kind `Config` for options that contradict each other or do not go with what one of the managers keeps.
    pub fn try_with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Result<Self> {
        let backend = backend.into();
        Ok(Self {
            guild_config: GuildConfigCacheManager::try_with_options(
                backend.clone(),
                options.clone(),
            )?,
            jail_status: JailStatusCache::try_with_options(backend.clone(), options.clone())?,
            prefix: PrefixCache::try_with_options(backend.clone(), options.clone())?,
            permissions: PermissionCache::try_with_options(backend, options)?,
        })
    }

    /// The process-wide ones.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            guild_config: GuildConfigCacheManager::shared().clone(),
            jail_status: JailStatusCache::shared().clone(),
            prefix: PrefixCache::shared().clone(),
            permissions: PermissionCache::shared().clone(),
        }
    }

    /// Points all of them at `backend`, for every holder.
    pub fn set_backend(&self, backend: impl Into<Backend>) {
        let backend = backend.into();
        self.guild_config.set_backend(backend.clone());
        self.jail_status.set_backend(backend.clone());
        self.prefix.set_backend(backend.clone());
        self.permissions.set_backend(backend);
    }

    /// The bot left `guild`: removes all that any of them holds about it, and its [cases](CaseCache) on the same backend;
    /// says how many entries went.
    ///
    /// # Errors
    /// When one fails the others are still asked; the first error is returned. In Valkey what failed is
    /// retried later by itself.
    pub async fn invalidate_guild(&self, guild: impl Into<GuildId>) -> Result<usize> {
        let GuildId(guild) = guild.into();
        // At the same time: in Valkey they then share a pass over the server's keys.
        let (config, prefix, jails, permissions, cases) = tokio::join!(
            self.guild_config.invalidate(guild),
            self.prefix.invalidate(guild),
            self.jail_status.invalidate_guild(guild),
            self.permissions.invalidate_guild(guild),
            // They have a manager of their own, `CaseCache`, and stand where everything else does.
            self.jail_status
                .remove_beside(KeySet::Guild(KeyFamily::CaseByNumber, guild)),
        );
        Ok(usize::from(config?) + usize::from(prefix?) + jails? + permissions? + cases?)
    }
}
