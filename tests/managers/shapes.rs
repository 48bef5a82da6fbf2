//! Wrong JSON under every key: a miss, counted, never a panic, never a wrong "allowed".

use std::convert::Infallible;

use tux_cache::backend::{Backend, Json, from_wire_text};
use tux_cache::managers::{
    CommandRule, GuildConfigCacheManager, GuildConfigUpdate, JailStatusCache, Managers,
    PermissionCache,
};

use crate::loads_many::row;

const TOO_LARGE: &str = "123456789012345678901234567890";

async fn put(backend: &Backend, key: &str, text: &str) {
    backend.set(key, from_wire_text(text), None).await.unwrap();
}

pub(crate) async fn t33_every_wrong_shape_is_a_counted_miss(backend: &Backend) {
    let managers = Managers::new(backend.clone());
    let (configs, jails) = (&managers.guild_config, &managers.jail_status);
    let (prefixes, permissions) = (&managers.prefix, &managers.permissions);
    let list = format!("[{TOO_LARGE}]");
    let row_list = r#"[{"id": 1}]"#;
    let wrong = [
        "[]", "true", "7", "\"text\"", "null", TOO_LARGE, &list, row_list, "{}", "not json",
    ];
    let of = |right: &[&str]| {
        wrong
            .iter()
            .filter(|text| !right.contains(text))
            .map(|text| (*text).to_owned())
            .collect()
    };
    let check = async |key: &str, texts: Vec<String>, which: usize| {
        for text in texts {
            put(backend, key, &text).await;
            let (found, stats) = match which {
                0 => (configs.get(1_u64).await.unwrap().is_some(), configs.stats()),
                1 => (
                    jails.get(1_u64, 2_u64).await.unwrap().is_some(),
                    jails.stats(),
                ),
                2 => (
                    prefixes.get(1_u64).await.unwrap().is_some(),
                    prefixes.stats(),
                ),
                3 => (
                    permissions.get_ranks(1_u64).await.unwrap().is_some(),
                    permissions.stats(),
                ),
                4 => {
                    let found = permissions.get_assignments(1_u64).await.unwrap().is_some();
                    (found, permissions.stats())
                }
                5 => {
                    let rank = permissions
                        .get_user_rank(1_u64, 2_u64, &[5_u64])
                        .await
                        .unwrap();
                    (rank.is_some(), permissions.stats())
                }
                _ => (
                    permissions.get(1_u64, "ban").await.unwrap().is_some(),
                    permissions.stats(),
                ),
            };
            assert!(!found, "{key} = {text}");
            assert_eq!(
                (stats.hits, stats.misses),
                (0, stats.undecodable),
                "{key} = {text}"
            );
        }
    };
    let mut configs_wrong: Vec<String> = of(&["{}"]);
    configs_wrong.push(format!(r#"{{"mod_log_id": {TOO_LARGE}}}"#));
    configs_wrong.push(r#"{"mod_log_id": "5"}"#.to_owned());
    configs_wrong.push(r#"{"mod_log_id": -5}"#.to_owned());
    configs_wrong.push(r#"{"mod_log_id": 1.5}"#.to_owned());
    check("guild_config:1", configs_wrong, 0).await;
    let jail_wrong = ["[]", "null", &list, row_list, "{}"]
        .map(str::to_owned)
        .to_vec();
    check("jail_status:1:2", jail_wrong, 1).await;
    check("prefix:1", of(&["\"text\"", "not json"]), 2).await;
    check("perm:permission_ranks:1", of(&["[]"]), 3).await;
    check("perm:permission_assignments:1", of(&["[]"]), 4).await;
    let mut rank_wrong: Vec<String> = of(&["7"]);
    rank_wrong.extend(["11", "-1", "1.5"].map(str::to_owned));
    check("perm:user_permission_rank:1:2:(5,)", rank_wrong, 5).await;
    let mut rule_wrong: Vec<String> = of(&[]);
    rule_wrong
        .push(r#"{"id": 1, "guild_id": 1, "command_name": "ban", "required_rank": 3}"#.into());
    rule_wrong.push(r#"{"_v": []}"#.into());
    rule_wrong.push(r#"{"_v": {}}"#.into());
    rule_wrong.push(
        r#"{"_v": {"id": 1, "guild_id": 1, "command_name": "ban", "required_rank": "3"}}"#.into(),
    );
    check("perm:command_permission:1:ban", rule_wrong, 6).await;
    assert!(
        backend.stats().undecodable > 30,
        "the backend counts them too"
    );
}

/// A rule that cannot be read is loaded, not taken for "no rule".
pub(crate) async fn t36_a_wrong_shape_never_reads_as_allowed(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    put(
        backend,
        "perm:command_permission:1:ban",
        r#"{"required_rank": 9}"#,
    )
    .await;
    put(backend, "perm:command_permission_fallback:1:ban", "{}").await;
    assert_eq!(permissions.get(1_u64, "ban").await.unwrap(), None);
    assert_eq!(permissions.get_fallback(1_u64, "ban").await.unwrap(), None);
    assert_eq!(permissions.get_many(1_u64, &["ban"]).await.unwrap(), [None]);
    let load = async || Ok::<_, Infallible>(Some(row("ban", 9)));
    let rule = permissions.get_or_fetch(1_u64, "ban", load).await.unwrap();
    assert_eq!(rule.required_rank(), Some(9));
    let repaired = permissions.get(1_u64, "ban").await.unwrap();
    assert_eq!(
        repaired.as_ref().and_then(CommandRule::required_rank),
        Some(9)
    );
}

pub(crate) async fn jail_status_is_read_as_the_wire_says(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    for (text, jailed) in [
        ("true", true),
        ("false", false),
        ("\"1\"", true),
        ("\"true\"", true),
        ("\"True\"", true),
        ("True", true), // not JSON: a string as it stands
        ("\"0\"", false),
        ("\"false\"", false),
        ("\"False\"", false),
        ("False", false),
        ("1", true),
        ("0", false),
        ("-0", false),
        ("0.0", false),
        ("0e7", false),
        ("-3", true),
        ("0.5", true),
        (TOO_LARGE, true),
    ] {
        put(backend, "jail_status:1:2", text).await;
        assert_eq!(
            jails.get(1_u64, 2_u64).await.unwrap(),
            Some(jailed),
            "{text}"
        );
    }
    assert_eq!(jails.stats().undecodable, 0);
}

/// Anything else says nothing about the user: a counted miss, and the loader is asked. The original's guide reads each
/// of these texts as "not jailed".
pub(crate) async fn t36_garbage_under_a_jail_key_never_reads_as_not_jailed(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let garbage = [
        "garbage",
        "\"yes\"",
        "\"\"",
        "",
        "TRUE",
        "FALSE",
        "\"tRue\"",
        "\"00\"",
        "\"1.0\"",
        "\" false\"",
        "\"no\"",
        "None",
        "null",
        "NaN",
        "\"null\"",
        "[]",
        "[false]",
        "{}",
        r#"{"_v": false}"#,
    ];
    for (at, text) in (1..).zip(garbage) {
        put(backend, "jail_status:1:2", text).await;
        let found = jails.get(1_u64, 2_u64).await.unwrap();
        assert_eq!(found, None, "{text:?}");
        assert_eq!(jails.stats().undecodable, at, "{text:?}");
    }
    for text in garbage {
        put(backend, "jail_status:1:2", text).await;
        let load = async || Ok::<_, Infallible>(true);
        let found = jails.get_or_fetch(1_u64, 2_u64, load).await.unwrap();
        assert!(found, "{text:?}: the loader says so");
        assert_eq!(
            jails.get(1_u64, 2_u64).await.unwrap(),
            Some(true),
            "{text:?}: repaired"
        );
    }
}

pub(crate) async fn a_config_of_a_wrong_shape_is_repaired_by_an_update(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    put(
        backend,
        "guild_config:1",
        r#"{"mod_log_id": "x", "jail_role_id": 3, "theme": "dark"}"#,
    )
    .await;
    let update = GuildConfigUpdate::new().audit_log_id(Some(1));
    configs.set(1_u64, update).await.unwrap();
    let config = configs.get(1_u64).await.unwrap().expect("right again");
    assert_eq!(
        (config.audit_log_id, config.jail_role_id),
        (Some(1), Some(3))
    );
    assert_eq!(config.unknown.get("theme"), Some(&Json::from("dark")));
    assert!(config.missing.names().any(|name| name == "mod_log_id"));
    put(backend, "guild_config:1", "[1, 2]").await;
    configs.set(1_u64, update).await.unwrap();
    assert_eq!(
        configs
            .get(1_u64)
            .await
            .unwrap()
            .expect("right")
            .audit_log_id,
        Some(1)
    );
    assert_eq!(configs.stats().undecodable, 2);
}
