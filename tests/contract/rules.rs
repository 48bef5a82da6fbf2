//! The rules of the contract.

#[path = "leases.rs"]
mod leases;

use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::{
    Backend, CacheValue, InMemoryBackend, Json, KeyFamily, KeyRef, KeySet, MAX_DEPTH,
    MAX_KEY_BYTES, Roles, Value,
};
use tux_cache_test_support::json;

pub(crate) use leases::*;

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

/// A typed value with a shape of its own: only booleans are right.
#[derive(Clone, Debug, PartialEq)]
struct Flag(bool);

impl CacheValue for Flag {
    fn to_json(&self) -> Json {
        Json::Bool(self.0)
    }
    fn from_json(json: &Json) -> Option<Self> {
        json.as_bool().map(Self)
    }
}

fn jail(guild: u64, user: u64) -> KeyRef<'static> {
    KeyRef::JailStatus { guild, user }
}

pub(crate) async fn every_json_value_comes_back(b: &Backend) {
    for (i, value) in [
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(1.5),
        json!(""),
        json!("é😀\n\"\\\u{0}"),
        json!([]),
        json!({}),
        json!([1, [2, {"a": null}]]),
        json!({"z": 1, "a": {"b": [true, "x"]}}),
        "123456789012345678901234567890".parse().unwrap(),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("value:{i}");
        b.set(&key, value.clone(), MINUTE).await.unwrap();
        assert_eq!(b.get(&key).await.unwrap(), Some(value));
    }
}

pub(crate) async fn absent_is_not_null(b: &Backend) {
    assert_eq!(b.get("k").await.unwrap(), None);
    assert!(!b.exists("k").await.unwrap());
    b.set("k", json!(null), MINUTE).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(Json::Null));
    assert!(b.exists("k").await.unwrap());
}

pub(crate) async fn a_delete_tells_whether_the_key_was_there(b: &Backend) {
    assert!(!b.delete("k").await.unwrap());
    b.set("k", "v", MINUTE).await.unwrap();
    b.set("k", "w", MINUTE).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(json!("w")));
    assert!(b.delete("k").await.unwrap());
    assert!(!b.delete("k").await.unwrap());
    assert_eq!(b.get("k").await.unwrap(), None);
}

pub(crate) async fn t27_a_ttl_of_zero_deletes(b: &Backend) {
    b.set("k", 1, MINUTE).await.unwrap();
    b.set("k", 2, Some(Duration::ZERO)).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), None);
    b.put(jail(1, 2), Flag(true), MINUTE).await.unwrap();
    b.put(jail(1, 2), Flag(true), Some(Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(b.get_as::<Flag>(jail(1, 2)).await.unwrap(), None);
    b.set("k", 1, MINUTE).await.unwrap();
    b.set_many(&[("k", json!(3), Some(Duration::ZERO))])
        .await
        .unwrap();
    assert_eq!(b.get("k").await.unwrap(), None);
}

pub(crate) async fn t28_huge_and_tiny_ttls_are_accepted(b: &Backend) {
    for ttl in [
        Duration::from_nanos(1),
        Duration::from_secs(u64::from(u32::MAX)),
        Duration::MAX,
    ] {
        b.set("k", 1, Some(ttl)).await.unwrap();
        b.delete("k").await.unwrap();
    }
    b.set("k", 1, None).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(json!(1)));
}

pub(crate) async fn many_are_read_in_order(b: &Backend) {
    b.set("a", 1, MINUTE).await.unwrap();
    b.set("b", 2, MINUTE).await.unwrap();
    let found = b.get_many(&["b", "none", "a", "b"]).await.unwrap();
    assert_eq!(
        found,
        [Some(json!(2)), None, Some(json!(1)), Some(json!(2))]
    );
    assert!(b.get_many::<&str>(&[]).await.unwrap().is_empty());
    b.put(jail(1, 2), Flag(true), MINUTE).await.unwrap();
    let typed = b.get_many_as::<Flag>(&[jail(1, 3), jail(1, 2)]).await;
    assert_eq!(typed.unwrap(), [None, Some(Flag(true))]);
}

pub(crate) async fn many_are_written_at_once(b: &Backend) {
    b.set_many::<&str>(&[]).await.unwrap();
    let entries: Vec<(String, Json, Option<Duration>)> = (0..500)
        .map(|i| (format!("many:{i}"), json!(i), MINUTE))
        .collect();
    b.set_many(&entries).await.unwrap();
    let keys: Vec<&str> = entries.iter().map(|(key, ..)| key.as_str()).collect();
    let found = b.get_many(&keys).await.unwrap();
    assert!(found.iter().enumerate().all(|(i, v)| *v == Some(json!(i))));
    b.put_many(vec![(jail(1, 1), Value::new(Flag(true)))], MINUTE)
        .await
        .unwrap();
    assert_eq!(b.get("jail_status:1:1").await.unwrap(), Some(json!(true)));
}

pub(crate) async fn the_wire_prefix_names_the_same_entry(b: &Backend) {
    b.set("tux:a", 1, MINUTE).await.unwrap();
    assert_eq!(b.get("a").await.unwrap(), Some(json!(1)));
    b.set("jail_status:1:2", true, MINUTE).await.unwrap();
    assert_eq!(
        b.get_many(&["tux:jail_status:1:2", "tux:tux:a"])
            .await
            .unwrap(),
        [Some(json!(true)), None]
    );
    assert!(b.delete("tux:a").await.unwrap());
    assert!(!b.exists("a").await.unwrap());
}

pub(crate) async fn t34_a_prefix_is_taken_literally(b: &Backend) {
    for key in [
        "a*b:1", "a*b:2", "axb:1", "a?:1", "ab:1", "[x]:1", "x:1", "\\:1",
    ] {
        b.set(key, 1, MINUTE).await.unwrap();
    }
    assert_eq!(b.delete_prefix("a*b:").await.unwrap(), 2);
    assert_eq!(b.delete_prefix("a?").await.unwrap(), 1);
    assert_eq!(b.delete_prefix("[x]").await.unwrap(), 1);
    assert_eq!(b.delete_prefix("\\").await.unwrap(), 1);
    assert_eq!(b.delete_prefix("none").await.unwrap(), 0);
    for key in ["axb:1", "ab:1", "x:1"] {
        assert!(b.exists(key).await.unwrap(), "{key} was not meant");
    }
    assert_eq!(b.delete_prefix("tux:").await.unwrap(), 3);
}

pub(crate) async fn t34_a_prefix_reaches_every_key(b: &Backend) {
    let entries: Vec<_> = (0..5_000)
        .map(|i| (format!("jail_status:1:{i}"), json!(true), MINUTE))
        .collect();
    b.set_many(&entries).await.unwrap();
    b.set("jail_status:12:1", true, MINUTE).await.unwrap();
    assert_eq!(b.delete_prefix("jail_status:1:").await.unwrap(), 5_000);
    assert!(b.exists("jail_status:12:1").await.unwrap());
}

pub(crate) async fn hostile_keys_are_keys(b: &Backend) {
    let long = "k".repeat(MAX_KEY_BYTES);
    let keys = [
        "",
        " ",
        "*",
        "[a-z]",
        "a\nb\r\nGET x",
        "nul\0byte",
        "\u{202e}é😀",
        "tux",
        "guild_config:",
        long.as_str(),
    ];
    for (i, key) in keys.iter().enumerate() {
        b.set(key, i, MINUTE).await.unwrap();
    }
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(b.get(key).await.unwrap(), Some(json!(i)), "{key:.20?}");
    }
    for key in keys {
        assert!(b.delete(key).await.unwrap(), "{key:.20?}");
    }
}

pub(crate) async fn a_key_too_long_is_refused_and_nothing_is_lost(b: &Backend) {
    b.set("k", 1, MINUTE).await.unwrap();
    let long = "x".repeat(1 << 20);
    let refused = [
        b.get(&long).await.map(drop),
        b.set(&long, 1, MINUTE).await,
        b.delete(&long).await.map(drop),
        b.exists(&long).await.map(drop),
        b.get_many(&["k", &long]).await.map(drop),
        b.set_many(&[("k", json!(2), MINUTE), (&long, json!(2), MINUTE)])
            .await,
        b.delete_prefix(&long).await.map(drop),
    ];
    for result in refused {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
        assert!(error.to_string().len() < 300, "the text holds an excerpt");
    }
    assert_eq!(b.get("k").await.unwrap(), Some(json!(1)));
}

pub(crate) async fn t32_a_value_nested_too_deep_is_refused(b: &Backend) {
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| Json::from([inner]));
    b.set("k", nested(MAX_DEPTH), MINUTE).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(nested(MAX_DEPTH)));
    let too_deep = nested(MAX_DEPTH + 1);
    let error = b.set("k", too_deep.clone(), MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = b
        .set_many(&[("j", json!(1), MINUTE), ("k", too_deep, MINUTE)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(b.get("k").await.unwrap(), Some(nested(MAX_DEPTH)));
    assert_eq!(
        b.get("j").await.unwrap(),
        None,
        "all or nothing is checked first"
    );
}

pub(crate) async fn typed_and_text_meet_on_the_same_entries(b: &Backend) {
    b.put(jail(1, 2), Flag(true), MINUTE).await.unwrap();
    assert_eq!(b.get("jail_status:1:2").await.unwrap(), Some(json!(true)));
    b.set("jail_status:1:2", false, MINUTE).await.unwrap();
    assert_eq!(
        b.get_as::<Flag>(jail(1, 2)).await.unwrap(),
        Some(Flag(false))
    );
    // Not canonical: an entry of its own.
    b.set("jail_status:01:2", true, MINUTE).await.unwrap();
    assert_eq!(
        b.get_as::<Flag>(jail(1, 2)).await.unwrap(),
        Some(Flag(false))
    );
    assert!(b.remove(jail(1, 2)).await.unwrap());
    assert_eq!(b.get("jail_status:1:2").await.unwrap(), None);
    assert_eq!(b.get("jail_status:01:2").await.unwrap(), Some(json!(true)));

    let roles = [5, 9];
    let roles = Roles::new(&roles).unwrap();
    let key = KeyRef::UserPermissionRank {
        guild: 1,
        user: 2,
        roles,
    };
    b.put_value(key, json!(3).into(), MINUTE).await.unwrap();
    let text = "perm:user_permission_rank:1:2:(5, 9)";
    assert_eq!(b.get(text).await.unwrap(), Some(json!(3)));
    let command = KeyRef::CommandPermission {
        guild: 1,
        command: "ban add",
    };
    b.set(
        "perm:command_permission:1:ban add",
        json!({"_v": null}),
        MINUTE,
    )
    .await
    .unwrap();
    assert_eq!(
        b.get_as::<Json>(command).await.unwrap(),
        Some(json!({"_v": null}))
    );
}

pub(crate) async fn t33_a_wrong_shape_is_a_counted_miss(b: &Backend) {
    let before = b.stats().undecodable;
    b.set("jail_status:1:2", "yes", MINUTE).await.unwrap();
    assert_eq!(b.get_as::<Flag>(jail(1, 2)).await.unwrap(), None);
    assert_eq!(b.get_many_as::<Flag>(&[jail(1, 2)]).await.unwrap(), [None]);
    assert_eq!(b.stats().undecodable - before, 2);
    assert_eq!(b.get("jail_status:1:2").await.unwrap(), Some(json!("yes")));
}

pub(crate) async fn t39_large_integers_and_empty_lists_survive_an_update(b: &Backend) {
    let key = KeyRef::GuildConfig { guild: 7 };
    let stored =
        r#"{"audit_log_id": 1234567890123456789, "extra": [], "huge": 123456789012345678901}"#;
    let stored: Json = stored.parse().unwrap();
    b.set("guild_config:7", stored, MINUTE).await.unwrap();
    b.update(key, MINUTE, |old| {
        let mut json = old.unwrap().to_json();
        json.as_object_mut().unwrap().insert("mod_log_id", 9);
        json.into()
    })
    .await
    .unwrap();
    let now = b.get("guild_config:7").await.unwrap().unwrap();
    assert_eq!(
        now.to_string(),
        r#"{"audit_log_id":1234567890123456789,"extra":[],"huge":123456789012345678901,"mod_log_id":9}"#
    );
}

pub(crate) async fn a_set_of_keys_reaches_what_its_text_says(b: &Backend) {
    let keys = [
        "perm:command_permission:1:ban",
        "perm:command_permission:1:ban add",
        "perm:command_permission:1:ban add now",
        "perm:command_permission:1:banish",
        "perm:command_permission_fallback:1:ban add",
        "perm:user_permission_rank:1:2:(5,)",
        "perm:user_permission_rank:1:2:()",
        "perm:user_permission_rank:1:22:(5,)",
        "perm:permission_ranks:1",
        "guild_config:1",
        "guild_config:12",
    ];
    for key in keys {
        b.set(key, 1, MINUTE).await.unwrap();
    }
    let children = KeySet::Children {
        family: KeyFamily::CommandPermission,
        guild: 1,
        parent: "ban",
    };
    assert_eq!(b.remove_set(&children).await.unwrap(), 2);
    assert!(b.exists("perm:command_permission:1:ban").await.unwrap());
    assert!(b.exists("perm:command_permission:1:banish").await.unwrap());
    let ranks = KeySet::UserRanks { guild: 1, user: 2 };
    assert_eq!(b.remove_set(&ranks).await.unwrap(), 2);
    let config = KeySet::Guild(KeyFamily::GuildConfig, 1);
    assert_eq!(b.remove_set(&config).await.unwrap(), 1);
    assert!(b.exists("guild_config:12").await.unwrap());
    let commands = KeySet::Family(KeyFamily::CommandPermission);
    assert_eq!(b.remove_set(&commands).await.unwrap(), 2);
    assert!(
        b.exists("perm:command_permission_fallback:1:ban add")
            .await
            .unwrap()
    );
}
