//! Settings that differ from manager to manager, as a setup hands them out.

use super::{
    CaseCache, GuildConfigCacheManager, JailStatusCache, ManagerOptions, Managers, PermissionCache,
    PrefixCache,
};
use crate::backend::Backend;
use crate::typed::stale::LastKnown;

/// The settings of each manager.
#[derive(Clone, Debug, Default)]
pub(crate) struct EachOptions {
    pub(crate) guild_config: ManagerOptions,
    pub(crate) jail_status: ManagerOptions,
    pub(crate) prefix: ManagerOptions,
    pub(crate) permissions: ManagerOptions,
    pub(crate) cases: ManagerOptions,
}

impl EachOptions {
    pub(crate) fn all(options: ManagerOptions) -> Self {
        Self {
            guild_config: options.clone(),
            jail_status: options.clone(),
            prefix: options.clone(),
            permissions: options.clone(),
            cases: options,
        }
    }

    /// Without what cannot work, which the log says.
    pub(crate) fn sound(mut self) -> Self {
        for options in [
            &mut self.guild_config,
            &mut self.jail_status,
            &mut self.prefix,
            &mut self.permissions,
            &mut self.cases,
        ] {
            if let Some((age, entries)) = options.stale
                && let Err(error) = LastKnown::new(age, entries)
            {
                tracing::error!(%error, "nothing is remembered for outages: keep_stale asks for too many entries");
                options.stale = None;
            }
        }
        self
    }
}

impl Managers {
    pub(crate) fn with_each(backend: Backend, options: EachOptions) -> Self {
        Self {
            guild_config: GuildConfigCacheManager::with_options(
                backend.clone(),
                options.guild_config,
            ),
            jail_status: JailStatusCache::with_options(backend.clone(), options.jail_status),
            prefix: PrefixCache::with_options(backend.clone(), options.prefix),
            permissions: PermissionCache::with_options(backend, options.permissions),
        }
    }

    pub(crate) fn set_each(&self, backend: Backend, options: EachOptions) {
        self.guild_config
            .set_backend_with(backend.clone(), options.guild_config);
        self.jail_status
            .set_backend_with(backend.clone(), options.jail_status);
        self.prefix
            .set_backend_with(backend.clone(), options.prefix);
        self.permissions
            .set_backend_with(backend, options.permissions);
    }
}

impl CaseCache {
    /// Forgets what was remembered for outages: the store's keys are removed by somebody else.
    pub(crate) fn forget(&self) {
        self.cache.shared.forget_all();
    }
}
