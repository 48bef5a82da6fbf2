//! Partial updates of guild configurations.

use std::convert::Infallible;

use tux_cache::backend::{Backend, Json};
use tux_cache::managers::{GuildConfig, GuildConfigCacheManager, GuildConfigUpdate};

/// 64 writers, each writes its own field of one guild many times; none is lost, so that at the end every
/// field has its writer's last value, and unknown fields are untouched.
pub(crate) async fn t39_no_update_of_64_writers_is_lost(backend: &Backend) {
    const GUILDS: u64 = 16;
    let configs = GuildConfigCacheManager::new(backend.clone());
    let seed = Json::from_iter([("volume", Json::from(11))]);
    for guild in 0..GUILDS {
        let key = format!("guild_config:{guild}");
        backend.set(&key, seed.clone(), None).await.unwrap();
    }
    // Four writers per guild, one for each field: all 64 at once.
    let writers = (0..64_u64).map(|writer| {
        let configs = configs.clone();
        tokio::spawn(async move {
            for round in 1..=10 {
                let id = Some(writer * 100 + round);
                let update = GuildConfigUpdate::new();
                let update = match writer / GUILDS {
                    0 => update.audit_log_id(id),
                    1 => update.mod_log_id(id),
                    2 => update.jail_role_id(id),
                    _ => update.jail_channel_id(id),
                };
                let guild = writer % GUILDS;
                match round % 2 {
                    0 => configs.set(guild, update).await.unwrap(),
                    _ => configs.async_set(guild, update).await.unwrap(),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for guild in 0..GUILDS {
        let config = configs.get(guild).await.unwrap().expect("written");
        let last = |field: u64| Some((field * GUILDS + guild) * 100 + 10);
        assert!(config.is_complete());
        assert_eq!(config.audit_log_id, last(0), "guild {guild}");
        assert_eq!(config.mod_log_id, last(1), "guild {guild}");
        assert_eq!(config.jail_role_id, last(2), "guild {guild}");
        assert_eq!(config.jail_channel_id, last(3), "guild {guild}");
        assert_eq!(config.unknown.get("volume"), Some(&Json::from(11)));
    }
}

pub(crate) async fn t39_unknown_fields_and_large_ids_survive(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let stored: Json = tux_cache::backend::from_wire_text(
        r#"{"theme": [], "big": 123456789012345678901234567890, "mod_log_id": 1234567890123456789, "nested": {"a": [1.50]}}"#,
    );
    backend.set("guild_config:7", stored, None).await.unwrap();
    let update = GuildConfigUpdate::new().audit_log_id(Some(u64::MAX));
    configs.set(7_u64, update).await.unwrap();
    let now = backend.get("guild_config:7").await.unwrap().expect("there");
    assert_eq!(now["audit_log_id"], Json::from(u64::MAX));
    assert_eq!(now["mod_log_id"], Json::from(1_234_567_890_123_456_789_u64));
    assert_eq!(now["theme"], Json::Array(Vec::new()));
    assert_eq!(now["big"].to_string(), "123456789012345678901234567890");
    assert_eq!(now["nested"]["a"][0].as_f64(), Some(1.5));
    let config = configs.get(7_u64).await.unwrap().expect("there");
    assert_eq!(
        config.missing.names().collect::<Vec<_>>(),
        ["jail_role_id", "jail_channel_id"]
    );
}

pub(crate) async fn leave_null_and_id_are_told_apart(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let set = |update| configs.set(1_u64, update);
    set(GuildConfigUpdate::new()
        .audit_log_id(Some(1))
        .mod_log_id(Some(2)))
    .await
    .unwrap();
    set(GuildConfigUpdate::new().audit_log_id(None))
        .await
        .unwrap();
    let stored = backend.get("guild_config:1").await.unwrap();
    let expected = tux_cache::backend::from_wire_text(r#"{"audit_log_id": null, "mod_log_id": 2}"#);
    assert_eq!(stored, Some(expected));
    let config = configs.get(1_u64).await.unwrap().expect("there");
    assert_eq!((config.audit_log_id, config.mod_log_id), (None, Some(2)));
    let missing: Vec<_> = config.missing.names().collect();
    assert_eq!(missing, ["jail_role_id", "jail_channel_id"]);
}

/// What `set` wrote on a cold cache is no whole configuration: `get_or_fetch` loads it, keeps the rest.
pub(crate) async fn a_part_is_told_apart_and_completed(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let part = Json::from_iter([("audit_log_id", Json::from(1)), ("extra", Json::from("x"))]);
    backend.set("guild_config:1", part, None).await.unwrap();
    assert!(
        !configs
            .get(1_u64)
            .await
            .unwrap()
            .expect("a part")
            .is_complete()
    );
    let load = async || {
        Ok::<_, Infallible>(GuildConfig {
            audit_log_id: Some(1),
            jail_role_id: Some(9),
            ..GuildConfig::default()
        })
    };
    let config = configs.get_or_fetch(1_u64, load).await.unwrap();
    assert_eq!(config.jail_role_id, Some(9));
    let cached = configs.get(1_u64).await.unwrap().expect("published");
    assert!(cached.is_complete());
    assert_eq!(cached.unknown.get("extra"), Some(&Json::from("x")));
    let never = async || panic!("complete by now") as Result<GuildConfig, Infallible>;
    configs.get_or_fetch(1_u64, never).await.unwrap();
}

pub(crate) async fn an_update_that_names_nothing_writes_nothing(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    configs.set(1_u64, GuildConfigUpdate::new()).await.unwrap();
    assert_eq!(configs.get(1_u64).await.unwrap(), None);
}
