//! No guard of the engine is alive across an await of the managers: all their futures can move to another thread.

use std::convert::Infallible;
use std::future::IntoFuture as _;
use std::time::Duration;

use tux_cache::CacheSetup;
use tux_cache::managers::events::GuildChange;
use tux_cache::managers::{
    CaseCache, CommandPermission, CommandRule, GuildConfig, GuildConfigUpdate, GuildId,
    GuildPermissions, Managers, PermissionAssignment, PermissionRank, PermissionRows,
};

/// Would not compile for a future that holds a view, whose thread it must stay on.
fn sends<T: Send>(futures: T) {
    drop(futures);
}

#[test]
fn every_future_of_the_managers_is_send() {
    let caches = Managers::new(tux_cache::backend::InMemoryBackend::new(
        Duration::from_secs(1),
        Some(10),
    ));
    let (guild, user, roles) = (1_u64, 2_u64, [3_u64]);
    let Managers {
        guild_config,
        jail_status,
        prefix,
        permissions,
    } = &caches;
    sends((
        guild_config.get(guild),
        guild_config.get_or_stale(guild),
        guild_config.get_or_fetch(guild, async || Ok::<_, Infallible>(GuildConfig::default())),
        guild_config.set(guild, GuildConfigUpdate::new()),
        guild_config.invalidate(guild),
        guild_config.clear_all(),
    ));
    sends((
        jail_status.get(guild, user),
        jail_status.get_or_stale(guild, user),
        jail_status.get_or_fetch(guild, user, async || Ok::<_, Infallible>(true)),
        jail_status.set(guild, user, true),
        jail_status.invalidate(guild, user),
        jail_status.invalidate_guild(guild),
    ));
    sends((
        prefix.get(guild),
        prefix.get_or_stale(guild),
        prefix.get_or_fetch(guild, async || Ok::<_, Infallible>("!".to_owned())),
        prefix.set(guild, "!"),
        prefix.invalidate(guild),
        prefix.preload([(guild, "!")]),
    ));
    sends((
        permissions.get(guild, "ban"),
        permissions.get_or_stale(guild, "ban"),
        permissions.get_many(guild, &["ban"]),
        permissions.get_or_fetch(guild, "ban", async || {
            Ok::<_, Infallible>(None::<CommandPermission>)
        }),
        permissions.get_or_fetch_many(guild, &["ban"], async |_| Ok::<_, Infallible>(Vec::new())),
        permissions.get_fallback(guild, "ban"),
        permissions.get_or_fetch_fallback(guild, "ban", async |_| {
            Ok::<_, Infallible>(CommandRule::Unset)
        }),
        permissions
            .get_or_fetch_fallback_many(guild, &["ban"], async |_| Ok::<_, Infallible>(Vec::new())),
        permissions.set(guild, "ban", CommandRule::Unset),
        permissions.invalidate(guild, "ban"),
        permissions.invalidate_guild(guild),
    ));
    sends((
        permissions.get_ranks(guild),
        permissions.get_or_fetch_ranks(guild, async || {
            Ok::<_, Infallible>(PermissionRows::<PermissionRank>::from(Vec::new()))
        }),
        permissions.set_ranks(guild, Vec::new()),
        permissions.invalidate_ranks(guild),
        permissions.get_assignments(guild),
        permissions.get_or_fetch_assignments(guild, async || {
            Ok::<_, Infallible>(PermissionRows::<PermissionAssignment>::from(Vec::new()))
        }),
        permissions.set_assignments(guild, Vec::new()),
        permissions.invalidate_assignments(guild),
        permissions.get_user_rank(guild, user, &roles),
        permissions.get_user_rank_or_stale(guild, user, &roles),
        permissions.get_or_fetch_user_rank(guild, user, &roles, async || Ok::<_, Infallible>(1)),
        permissions.set_user_rank(guild, user, &roles, 1),
    ));
    sends((
        permissions.invalidate_user(guild, user),
        permissions.invalidate_user_ranks(guild),
        permissions.pre_warm_guild_cache(guild, async || {
            Ok::<_, Infallible>(GuildPermissions::default())
        }),
        caches.invalidate_guild(guild),
        caches.on_event(&GuildChange::GuildLeft(GuildId(guild))),
    ));
    let cases = CaseCache::in_memory();
    sends((
        cases.get(guild, 1),
        cases.get_or_fetch(guild, 1, async || Ok::<_, Infallible>(None)),
        cases.set(guild, 1, None),
    ));
    // A set-up, too, and what it is made by.
    sends((
        CacheSetup::from_env().into_future(),
        CacheSetup::from_env().require_valkey().into_future(),
    ));
}
