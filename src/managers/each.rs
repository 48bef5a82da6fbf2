//! Settings that differ from manager to manager, as a setup hands them out.

use super::case::Cases;
use super::guild_config::GuildConfigs;
use super::jail_status::JailStatus;
use super::permission;
use super::prefix::Prefixes;
use super::{
    GuildConfigCacheManager, JailStatusCache, ManagerOptions, Managers, PermissionCache,
    PrefixCache,
};
use crate::backend::Backend;
use crate::typed::policy::rules::FetchRules;
use crate::typed::refresh_options::ManagerFacts;
use crate::typed::settings::Settings;

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
    pub(crate) fn sound(mut self, backend: &Backend) -> Self {
        let facts = [
            ManagerFacts::of::<GuildConfigs>(),
            ManagerFacts::of::<JailStatus>(),
            ManagerFacts::of::<Prefixes>(),
            permission::FACTS,
            ManagerFacts::of::<Cases>(),
        ];
        let all = [
            &mut self.guild_config,
            &mut self.jail_status,
            &mut self.prefix,
            &mut self.permissions,
            &mut self.cases,
        ];
        for (options, facts) in all.into_iter().zip(facts) {
            let sound = options.check(&facts, backend);
            let sound = sound.and_then(|()| Settings::new(options, backend).map(drop));
            if let Err(error) = sound {
                tracing::error!(%error, manager = facts.name, "nothing is remembered and nothing refreshed: the options cannot work");
                options.stale = None;
                options.rules = FetchRules::default();
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
