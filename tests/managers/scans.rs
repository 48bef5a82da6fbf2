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
