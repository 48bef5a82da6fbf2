//! Rows that the Python side would refuse are not written: it would raise on each read until the TTL ends.

use std::convert::Infallible;

use tux_cache::backend::Backend;
use tux_cache::managers::{
    CommandPermission, GuildPermissions, PermissionAssignment, PermissionCache, PermissionRank,
};
use tux_cache::{Error, ErrorKind};

const GUILD: u64 = 1;

fn named(command_name: &str) -> CommandPermission {
    CommandPermission {
        command_name: command_name.to_owned(),
        ..CommandPermission::default()
    }
}

fn times(time: &str) -> [Option<String>; 2] {
    [Some(time.to_owned()), None]
}

/// Refused commands, and what the message names.
fn commands() -> Vec<(CommandPermission, &'static str)> {
    let described = CommandPermission {
        description: Some("é".repeat(501)),
        ..named("ban")
    };
    let [created_at, _] = times("yesterday");
    let created = CommandPermission {
        created_at,
        ..named("ban")
    };
    let [updated_at, _] = times("2026-02-30T00:00:00Z");
    let updated = CommandPermission {
        updated_at,
        ..named("ban")
    };
    vec![
        (named(""), "empty"),
        (named(&"é".repeat(201)), "201 characters; at most 200"),
        (described, "501 characters; at most 500"),
        (created, "created_at"),
        (updated, "updated_at"),
    ]
}

fn ranks() -> Vec<(PermissionRank, &'static str)> {
    let named = |name: String| PermissionRank {
        name,
        ..PermissionRank::default()
    };
    let described = PermissionRank {
        description: Some("x".repeat(501)),
        ..named("Moderator".to_owned())
    };
    let [created_at, _] = times("2026-01-02 03:04:05 UTC");
    let created = PermissionRank {
        created_at,
        ..named("Moderator".to_owned())
    };
    vec![
        (named("é".repeat(101)), "101 characters; at most 100"),
        (described, "501 characters; at most 500"),
        (created, "created_at"),
    ]
}

fn told(error: &Error, names: &str) {
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains(names), "{text}");
    assert!(text.contains("perm:"), "the key is named: {text}");
    assert!(
        !text.contains("ééé") && !text.contains("yesterday"),
        "no value is shown: {text}"
    );
}

async fn empty(backend: &Backend) -> bool {
    for key in [
        "command_permission:1:ban",
        "command_permission_fallback:1:ban",
        "permission_ranks:1",
        "permission_assignments:1",
    ] {
        if backend.exists(&format!("perm:{key}")).await.unwrap() {
            return false;
        }
    }
    true
}

pub(crate) async fn t57_a_row_that_python_would_refuse_is_not_set(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    for (row, names) in commands() {
        let refused = permissions.set(GUILD, "ban", row.clone()).await;
        told(&refused.unwrap_err(), names);
        let refused = permissions.set_fallback(GUILD, "ban", row).await;
        told(&refused.unwrap_err(), names);
    }
    for (row, names) in ranks() {
        let refused = permissions
            .set_ranks(GUILD, vec![PermissionRank::default(), row])
            .await;
        told(&refused.unwrap_err(), names);
    }
    let [created_at, _] = times("1767323045s");
    let row = PermissionAssignment {
        created_at,
        ..PermissionAssignment::default()
    };
    let refused = permissions.set_assignments(GUILD, vec![row]).await;
    told(&refused.unwrap_err(), "created_at");
    assert!(empty(backend).await);
}

/// The longest that are taken, in characters and not in bytes.
pub(crate) async fn rows_at_the_limits_are_set(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let [created_at, _] = times("2026-01-02T03:04:05.000678+00:00");
    let command = CommandPermission {
        description: Some("é".repeat(500)),
        created_at: created_at.clone(),
        ..named(&"é".repeat(200))
    };
    permissions
        .set(GUILD, "ban", command.clone())
        .await
        .unwrap();
    let found = permissions.get(GUILD, "ban").await.unwrap().expect("set");
    assert_eq!(found.permission(), Some(&command));
    let rank = PermissionRank {
        name: "é".repeat(100),
        description: Some("é".repeat(500)),
        created_at,
        ..PermissionRank::default()
    };
    permissions
        .set_ranks(GUILD, vec![rank.clone()])
        .await
        .unwrap();
    let found = permissions.get_ranks(GUILD).await.unwrap().expect("set");
    assert_eq!(found[..], [rank]);
}

/// A loader's value is for its caller, whatever it holds; it is not stored, and counted.
pub(crate) async fn a_loaded_row_that_python_would_refuse_is_not_stored(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let mut counted = 0;
    for (row, _) in commands() {
        let load = {
            let row = row.clone();
            async move || Ok::<_, Infallible>(row)
        };
        let found = permissions.get_or_fetch(GUILD, "ban", load).await.unwrap();
        assert_eq!(found.permission(), Some(&row));
        let load = {
            let row = row.clone();
            async move |_| Ok::<_, Infallible>(row)
        };
        let found = permissions.get_or_fetch_fallback(GUILD, "ban", load);
        assert_eq!(found.await.unwrap().permission(), Some(&row));
        counted += 2;
        if row.command_name == "ban" {
            let load = {
                let row = row.clone();
                async move |_| Ok::<_, Infallible>([row])
            };
            let found = permissions.get_or_fetch_many(GUILD, &["ban"], load);
            assert_eq!(found.await.unwrap()[0].permission(), Some(&row));
            counted += 1;
        }
    }
    for (row, _) in ranks() {
        let load = async move || Ok::<_, Infallible>(vec![row]);
        permissions.get_or_fetch_ranks(GUILD, load).await.unwrap();
        counted += 1;
    }
    assert!(empty(backend).await);
    let stats = permissions.stats();
    assert_eq!((stats.publish_errors, stats.published), (counted, 0));
}

/// Pre-warming stores the rest.
pub(crate) async fn pre_warming_leaves_out_what_python_would_refuse(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async || {
        let bad = CommandPermission {
            description: Some("x".repeat(501)),
            ..named("ban")
        };
        let ranks = ranks().into_iter().map(|(rank, _)| rank).collect();
        let rules =
            GuildPermissions::new().commands(["ban", "ban add", "kick"], [bad, named("kick")]);
        Ok::<_, Infallible>(rules.ranks(ranks))
    };
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (4, 2));
    assert!(empty(backend).await);
    let found = permissions
        .get_many(GUILD, &["ban", "ban add", "kick"])
        .await
        .unwrap();
    assert_eq!(
        found.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true, true]
    );
    // Whose nearest permission is the one left out.
    let fallback = "perm:command_permission_fallback:1:ban add";
    assert!(!backend.exists(fallback).await.unwrap());
    assert_eq!(permissions.stats().publish_errors, 2);
}
