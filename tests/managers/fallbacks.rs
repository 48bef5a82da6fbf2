//! The nearest permission among a command and its parents: in batches, and warm after a pre-warming.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;
use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, Json, from_wire_text};
use tux_cache::managers::{CommandPermission, CommandRule, GuildPermissions, PermissionCache};

use crate::loads::{Held, HeldLoad, held};
use crate::loads_many::row;
use crate::stores::valkey;

const GUILD: u64 = 1;

fn required(rules: &[CommandRule]) -> Vec<Option<u8>> {
    rules.iter().map(CommandRule::required_rank).collect()
}

async fn never(names: Vec<String>) -> Result<Vec<CommandPermission>, Infallible> {
    panic!("nothing is missing, but asked for {names:?}")
}

async fn fallback_in(backend: &Backend, command: &str) -> Option<Json> {
    let key = format!("perm:command_permission_fallback:{GUILD}:{command}");
    backend.get(&key).await.unwrap()
}

/// Rules of "a" (4) and "x y" (5), none of "a b", "x" and "kick"; nothing said of "z".
fn known() -> GuildPermissions {
    let names = ["a", "a b", "a b c", "x", "x y", "kick"];
    GuildPermissions::new().commands(names, [row("a", 4), row("x y", 5), row("z w", 6)])
}

pub(crate) async fn pre_warming_warms_the_fallbacks_too(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async || Ok::<_, Infallible>(known());
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (7, 7));
    for (command, rank) in [
        ("a", Some(4)),
        ("a b", Some(4)),
        ("a b c", Some(4)),
        ("x", None),
        ("x y", Some(5)),
        ("kick", None),
        ("z w", Some(6)),
    ] {
        let load = async move |_| -> Result<Option<CommandPermission>, Infallible> {
            panic!("{command} is warm")
        };
        let found = permissions.get_or_fetch_fallback(GUILD, command, load);
        assert_eq!(found.await.unwrap().required_rank(), rank, "{command}");
        let known = permissions.get_fallback(GUILD, command).await.unwrap();
        assert_eq!(known.expect(command).required_rank(), rank, "{command}");
        if command.contains(' ') || backend.name() != "memory" {
            // As the Python side reads it: this key alone.
            let found = fallback_in(backend, command).await.expect(command);
            let found = found.get("_v").expect("wrapped").get("required_rank");
            assert_eq!(
                found.and_then(Json::as_u64),
                rank.map(u64::from),
                "{command}"
            );
        }
    }
    let names = ["a b c", "x y", "kick"];
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &names, never);
    assert_eq!(required(&rules.await.unwrap()), [Some(4), Some(5), None]);
    // What is not known on the way up is not made up: nothing was said of "a d", nor of "q".
    assert_eq!(permissions.get_fallback(GUILD, "a d").await.unwrap(), None);
    // A rule set afterwards takes the fallbacks below it away.
    permissions.set(GUILD, "a", row("a", 9)).await.unwrap();
    for command in ["a", "a b", "a b c"] {
        assert_eq!(fallback_in(backend, command).await, None, "{command}");
    }
    let known = permissions.get_fallback(GUILD, "a b c").await.unwrap();
    assert_eq!(known.expect("by the rules").required_rank(), Some(9));
}

/// A command whose parent's rule is unknown has no fallback that could be warmed.
pub(crate) async fn an_unknown_parent_leaves_the_fallback_unknown(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async || Ok::<_, Infallible>(GuildPermissions::new().commands(["a b"], []));
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored, warmed.fallbacks), (1, 1, 0));
    assert_eq!(fallback_in(backend, "a b").await, None);
    assert_eq!(permissions.get_fallback(GUILD, "a b").await.unwrap(), None);
}

/// A change of a parent during a pre-warming is newer than the fallbacks that follow from what was loaded.
pub(crate) async fn t02_a_change_during_pre_warming_wins_over_fallbacks(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let warming = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            permissions
                .pre_warm_guild_cache(GUILD, move || load.run(known()))
                .await
        }
    });
    running.await.unwrap();
    permissions.set(GUILD, "a", row("a", 9)).await.unwrap();
    end.notify_one();
    let warmed = warming.await.unwrap().unwrap();
    assert_eq!((warmed.stored, warmed.fallbacks), (0, 0));
    assert_eq!(fallback_in(backend, "a b c").await, None);
}

pub(crate) async fn one_load_for_all_missing_fallbacks(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    // Known by a fallback of its own, by the rules of its line, and by a rule alone.
    permissions
        .set_fallback(GUILD, "p q", row("p", 1))
        .await
        .unwrap();
    permissions.set(GUILD, "x", row("x", 5)).await.unwrap();
    permissions
        .set(GUILD, "x y", CommandRule::Unset)
        .await
        .unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let calls = Arc::clone(&calls);
        async move |names: Vec<String>| {
            calls.lock().unwrap().push(names);
            Ok::<_, Infallible>([row("a", 4), row("a d", 2), row("not asked for", 9)])
        }
    };
    let names = ["a b c", "x y", "p q", "a d", "x", "kick", "a b c"];
    let expected = [Some(4), Some(5), Some(1), Some(2), Some(5), None, Some(4)];
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &names, load);
    assert_eq!(required(&rules.await.unwrap()), expected);
    let asked = ["a b c", "a b", "a", "a d", "kick"];
    assert_eq!(*calls.lock().unwrap(), [asked], "each once, nearest first");
    // All of it is cached now, for Python too.
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &names, never);
    assert_eq!(required(&rules.await.unwrap()), expected);
    let none = fallback_in(backend, "kick").await;
    assert_eq!(none, Some(from_wire_text(r#"{"_v": null}"#)));
    assert!(fallback_in(backend, "a b c").await.is_some());
    let stats = permissions.stats();
    assert_eq!((stats.loads, stats.hits, stats.misses), (1, 3 + 7, 4));
    let none: [&str; 0] = [];
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &none, never);
    assert_eq!(rules.await.unwrap(), []);
}

pub(crate) async fn t22_an_error_of_a_fallback_batch_is_told_and_not_kept(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let failing = async |_| Err::<Vec<CommandPermission>, _>(io::Error::other("database away"));
    let failed = permissions.get_or_fetch_fallback_many(GUILD, &["a b", "c"], failing);
    assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Loader);
    let load = async |_| Ok::<_, Infallible>([row("a", 1)]);
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &["a b", "c"], load);
    assert_eq!(required(&rules.await.unwrap()), [Some(1), None]);
}

/// "a b" and "kick", loaded by a batch that waits: what comes out of it.
fn batch(permissions: &PermissionCache, load: HeldLoad) -> JoinHandle<Vec<Option<u8>>> {
    let permissions = permissions.clone();
    tokio::spawn(async move {
        let load = async move |_| load.run(vec![row("a", 4)]).await;
        let names = ["a b", "kick"];
        let rules = permissions.get_or_fetch_fallback_many(GUILD, &names, load);
        required(&rules.await.unwrap())
    })
}

pub(crate) async fn a_batch_of_fallbacks_is_joined_by_a_single_caller(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let batch = batch(&permissions, load);
    running.await.unwrap();
    let single = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let never = async |_| -> Result<Option<CommandPermission>, Infallible> {
                panic!("the batch loads it")
            };
            let rule = permissions.get_or_fetch_fallback(GUILD, "a b", never);
            rule.await.unwrap().required_rank()
        }
    });
    tokio::task::yield_now().await;
    end.notify_one();
    assert_eq!(single.await.unwrap(), Some(4));
    assert_eq!(batch.await.unwrap(), [Some(4), None]);
}

pub(crate) async fn t26_a_rule_set_during_a_fallback_batch_wins(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let batch = batch(&permissions, load);
    running.await.unwrap();
    permissions.set(GUILD, "a", row("a", 9)).await.unwrap();
    end.notify_one();
    let asked_before = batch.await.unwrap();
    assert_eq!(asked_before, [Some(4), None]);
    assert_eq!(
        fallback_in(backend, "a b").await,
        None,
        "nothing of it stays"
    );
}

/// One read: one command to the server for a whole menu, whatever is known of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_fallbacks_is_one_round_trip() {
    let (server, backend) = valkey().await;
    let permissions = PermissionCache::new(backend.clone());
    let load = async || Ok::<_, Infallible>(known());
    permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).unwrap();
    let names = ["a", "a b", "a b c", "x", "x y", "kick"];
    let rules = permissions.get_or_fetch_fallback_many(GUILD, &names, never);
    rules.await.unwrap();
    let stats = server.command(&["INFO", "commandstats"]).unwrap().text();
    let stats = stats.expect("a text");
    let calls = |command: &str| {
        stats
            .matches(&format!("cmdstat_{command}:calls=1,"))
            .count()
    };
    assert_eq!(calls("mget"), 1, "{stats}");
    assert!(!stats.contains("cmdstat_get:"), "{stats}");
}
