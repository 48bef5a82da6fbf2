//! The code blocks of the guide, translated, each with the outcome it documents.

use std::convert::Infallible;
use std::time::Duration;

use tux_cache::TtlCache;
use tux_cache::backend::Backend;
use tux_cache::managers::{
    CommandPermission, GuildConfig, GuildConfigCacheManager, GuildConfigUpdate, GuildPermissions,
    JailStatusCache, PermissionCache,
};

const GUILD: u64 = 123_456_789_012_345_678;
const USER: u64 = 987_654_321_098_765_432;

#[test]
fn ttl_cache_basic_usage() {
    let cache = TtlCache::new(Duration::from_secs(300), 1_000);
    cache.set("key", "value");
    assert_eq!(cache.get("key"), Some("value"));
    cache.invalidate("key");
    assert_eq!(cache.get("key"), None);
    cache.set("key", "value");
    cache.clear();
    assert_eq!(cache.len(), 0);
}

#[test]
fn ttl_cache_get_or_fetch() {
    let cache: TtlCache<String, (String, u64)> = TtlCache::new(Duration::from_secs(300), 1_000);
    let user = cache.get_or_fetch(format!("user_{USER}"), || ("User".to_owned(), USER));
    assert_eq!(user, ("User".to_owned(), USER));
    let again = cache.get_or_fetch(format!("user_{USER}"), || panic!("cached"));
    assert_eq!(again, user);
}

pub(crate) async fn guild_config_usage(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    assert_eq!(configs.get(GUILD).await.unwrap(), None);
    let update = GuildConfigUpdate::new()
        .audit_log_id(Some(123_456_789))
        .mod_log_id(Some(987_654_321));
    configs.set(GUILD, update).await.unwrap();
    let config = configs.get(GUILD).await.unwrap().expect("set above");
    assert_eq!(config.audit_log_id, Some(123_456_789));
    assert_eq!(config.mod_log_id, Some(987_654_321));
    assert!(configs.invalidate(GUILD).await.unwrap());
    assert_eq!(configs.get(GUILD).await.unwrap(), None);
    assert!(!configs.invalidate(GUILD).await.unwrap(), "a no-op");
}

pub(crate) async fn partial_updates(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let all = GuildConfigUpdate::new()
        .audit_log_id(Some(1))
        .mod_log_id(Some(2))
        .jail_role_id(Some(3))
        .jail_channel_id(Some(4));
    configs.set(GUILD, all).await.unwrap();
    let one = GuildConfigUpdate::new().audit_log_id(Some(11));
    configs.set(GUILD, one).await.unwrap();
    let two = GuildConfigUpdate::new()
        .audit_log_id(Some(12))
        .mod_log_id(Some(13));
    configs.async_set(GUILD, two).await.unwrap();
    let expected = GuildConfig {
        audit_log_id: Some(12),
        mod_log_id: Some(13),
        jail_role_id: Some(3),
        jail_channel_id: Some(4),
        ..GuildConfig::default()
    };
    assert_eq!(configs.get(GUILD).await.unwrap(), Some(expected));
}

/// The guide: `clear_all()` clears memory only. Ours reaches Valkey too.
pub(crate) async fn clear_all_reaches_everything(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let jails = JailStatusCache::new(backend.clone());
    let update = GuildConfigUpdate::new().audit_log_id(Some(1));
    configs.set(GUILD, update).await.unwrap();
    configs.set(2_u64, update).await.unwrap();
    jails.set(GUILD, USER, true).await.unwrap();
    assert_eq!(configs.clear_all().await.unwrap(), 2);
    assert_eq!(configs.get(GUILD).await.unwrap(), None);
    assert_eq!(
        jails.get(GUILD, USER).await.unwrap(),
        Some(true),
        "other managers' entries on the same backend stay"
    );
}

pub(crate) async fn jail_status_usage(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), None);
    jails.set(GUILD, USER, true).await.unwrap();
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(true));
    jails.async_set(GUILD, USER, false).await.unwrap();
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(false));
    jails.invalidate(GUILD, USER).await.unwrap();
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), None);
    for user in 1..=3_u64 {
        jails.set(GUILD, user, true).await.unwrap();
        jails.set(1_u64, user, true).await.unwrap();
    }
    assert_eq!(jails.invalidate_guild(GUILD).await.unwrap(), 3);
    assert_eq!(jails.get(GUILD, 1_u64).await.unwrap(), None);
    assert_eq!(jails.get(1_u64, 1_u64).await.unwrap(), Some(true));
}

pub(crate) async fn get_or_fetch_with_stampede_protection(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let fetch = async || Ok::<_, Infallible>(true);
    assert!(jails.get_or_fetch(GUILD, USER, fetch).await.unwrap());
    let never = async || panic!("cached") as Result<bool, Infallible>;
    assert!(jails.get_or_fetch(GUILD, USER, never).await.unwrap());
    let stats = jails.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (1, 1, 1));
    assert_eq!((stats.published, stats.overtaken), (1, 0));
}

pub(crate) async fn invalidation_in_a_controller(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let in_database = |audit_log_id| {
        async move || {
            Ok::<_, Infallible>(GuildConfig {
                audit_log_id,
                ..GuildConfig::default()
            })
        }
    };
    let before = configs.get_or_fetch(GUILD, in_database(Some(1))).await;
    assert_eq!(before.unwrap().audit_log_id, Some(1));
    configs.invalidate(GUILD).await.unwrap();
    let after = configs.get_or_fetch(GUILD, in_database(Some(2))).await;
    assert_eq!(after.unwrap().audit_log_id, Some(2));
}

pub(crate) async fn handling_misses(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let cached = match configs.get(GUILD).await.unwrap() {
        Some(cached) => cached,
        None => {
            let fetched = GuildConfig {
                audit_log_id: Some(5),
                ..GuildConfig::default()
            };
            configs.set(GUILD, (&fetched).into()).await.unwrap();
            fetched
        }
    };
    assert_eq!(configs.get(GUILD).await.unwrap(), Some(cached));
}

pub(crate) async fn a_test_that_wants_the_database(backend: &Backend) {
    let earlier = JailStatusCache::new(backend.clone());
    earlier.set(GUILD, USER, true).await.unwrap();
    let jails = JailStatusCache::new(backend.clone());
    jails.invalidate(GUILD, USER).await.unwrap();
    let from_database = async || Ok::<_, Infallible>(false);
    assert!(
        !jails
            .get_or_fetch(GUILD, USER, from_database)
            .await
            .unwrap()
    );
}

pub(crate) async fn pre_warming(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async |guild_id| {
        let ban = CommandPermission {
            guild_id,
            command_name: "ban".to_owned(),
            required_rank: 3,
            ..CommandPermission::default()
        };
        Ok::<_, Infallible>(GuildPermissions::new().commands(["ban", "ping"], [ban]))
    };
    let warmed = permissions
        .pre_warm_guild_cache(GUILD, move || load(GUILD))
        .await
        .unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (2, 2));
    let report = permissions.pre_warm_all_caches([1_u64, 2], load, 4).await;
    assert_eq!((report.guilds, report.stored), (2, 4));
    for guild in [GUILD, 1, 2] {
        let rule = permissions.get(guild, "ban").await.unwrap();
        assert_eq!(rule.expect("warm").required_rank(), Some(3));
    }
}
