//! What a permission setter asks of a Valkey server: one pass over its keys, for dependents that nothing lists.

use tux_cache::backend::Backend;
use tux_cache::managers::{CommandRule, PermissionCache};
use tux_cache_test_support::ValkeyServer;

use crate::loads_many::row;
use crate::stores::valkey;

const GUILD: u64 = 1;

/// How often the server has carried out `command` so far.
fn calls(server: &ValkeyServer, command: &str) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]).expect("INFO");
    let stats = stats.text().expect("a text");
    let line = format!("cmdstat_{command}:calls=");
    let Some((_, rest)) = stats.split_once(&line) else {
        return 0;
    };
    let digits = rest.split(',').next().unwrap_or_default();
    digits.parse().expect("a count")
}

/// Fewer keys than one step of a scan goes over: one pass is one SCAN.
async fn filled(backend: &Backend) -> PermissionCache {
    let permissions = PermissionCache::new(backend.clone());
    for command in ["ban list", "ban list all", "banish"] {
        permissions
            .set_fallback(GUILD, command, row("ban", 1))
            .await
            .unwrap();
    }
    for user in [7_u64, 8] {
        permissions
            .set_user_rank(GUILD, user, &[5_u64], 3)
            .await
            .unwrap();
    }
    permissions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setter_scans_once_and_a_setter_without_dependents_never() {
    let (server, backend) = valkey().await;
    let permissions = filled(&backend).await;
    let mut before = calls(&server, "scan");
    assert_eq!(before, 0, "nothing that was written so far has dependents");
    let mut once = |what: &str, setter: Result<(), tux_cache::Error>| {
        setter.unwrap();
        let now = calls(&server, "scan");
        assert_eq!(now - before, 1, "{what}");
        before = now;
    };
    once(
        "set",
        permissions.set(GUILD, "ban", CommandRule::Unset).await,
    );
    once("set_ranks", permissions.set_ranks(GUILD, vec![]).await);
    once(
        "set_assignments",
        permissions.set_assignments(GUILD, vec![]).await,
    );
    // And the one pass did reach them.
    for command in ["ban list", "ban list all"] {
        let key = format!("perm:command_permission_fallback:1:{command}");
        assert!(!backend.exists(&key).await.unwrap(), "{command}");
    }
    let beside = "perm:command_permission_fallback:1:banish";
    assert!(backend.exists(beside).await.unwrap());
    let rank = permissions.get_user_rank(GUILD, 7_u64, &[5_u64]).await;
    assert_eq!(rank.unwrap(), None);
}

/// Steps of a scan over the server's keys: a thousand keys each.
const STEPS: u64 = 20;

async fn crowded() -> (ValkeyServer, PermissionCache) {
    let (server, backend) = valkey().await;
    let count = (STEPS * 1_000).to_string();
    server
        .command(&["DEBUG", "POPULATE", &count, "tux:other", "10"])
        .expect("DEBUG POPULATE");
    let permissions = filled(&backend).await;
    (server, permissions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_together_goes_in_one_pass() {
    let (server, permissions) = crowded().await;
    let managers = tux_cache::managers::Managers::new(permissions.backend());
    let mut before = calls(&server, "scan");
    let mut passes = |what: &str, most: u64| {
        let now = calls(&server, "scan");
        let steps = now - before;
        before = now;
        assert!(steps >= STEPS, "{what}: no pass in {steps} steps");
        assert!(steps <= most * (STEPS + 4), "{what}: {steps} steps");
    };
    permissions.invalidate(GUILD, "ban list").await.unwrap();
    passes("a command", 1);
    permissions.invalidate_ranks(GUILD).await.unwrap();
    passes("ranks", 1);
    permissions.invalidate_guild(GUILD).await.unwrap();
    passes("a guild's permissions", 1);
    permissions.clear_all().await.unwrap();
    passes("all permissions", 1);
    managers.invalidate_guild(GUILD).await.unwrap();
    passes("a guild in every family", 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_commands_invalidated_at_one_moment_take_two_passes() {
    let (server, permissions) = crowded().await;
    let commands: Vec<String> = (0..100).map(|number| format!("command{number}")).collect();
    for command in &commands {
        for key in [command.clone(), format!("{command} child")] {
            permissions
                .set_fallback(GUILD, &key, row("x", 1))
                .await
                .unwrap();
        }
    }
    let before = calls(&server, "scan");
    let tasks: Vec<_> = commands
        .iter()
        .map(|command| {
            let (permissions, command) = (permissions.clone(), command.clone());
            tokio::spawn(async move { permissions.invalidate(GUILD, &command).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let steps = calls(&server, "scan") - before;
    assert!((STEPS..=2 * (STEPS + 4)).contains(&steps), "{steps} steps");
    for command in &commands {
        let child = format!("perm:command_permission_fallback:1:{command} child");
        assert!(
            !permissions.backend().exists(&child).await.unwrap(),
            "{child}"
        );
    }
}
