//! Batches: one round trip, one loader call, and the flights of others.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::Backend;
use tux_cache::managers::{CommandPermission, CommandRule, PermissionCache};

use crate::loads::{Held, held};

const GUILD: u64 = 1;

pub(crate) fn row(name: &str, required_rank: u8) -> CommandPermission {
    CommandPermission {
        guild_id: GUILD,
        command_name: name.to_owned(),
        required_rank,
        ..CommandPermission::default()
    }
}

fn required(rules: &[CommandRule]) -> Vec<Option<u8>> {
    rules.iter().map(CommandRule::required_rank).collect()
}

async fn never(names: Vec<String>) -> Result<Vec<CommandPermission>, Infallible> {
    panic!("nothing is missing, but asked for {names:?}")
}

pub(crate) async fn one_loader_call_for_all_misses(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    permissions.set(GUILD, "ban", row("ban", 3)).await.unwrap();
    permissions
        .set(GUILD, "ping", CommandRule::Unset)
        .await
        .unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let calls = Arc::clone(&calls);
        async move |names: Vec<String>| {
            calls.lock().unwrap().push(names);
            Ok::<_, Infallible>([row("kick", 2), row("not asked for", 9)])
        }
    };
    let names = ["ban", "kick", "ping", "warn", "kick"];
    let rules = permissions
        .get_or_fetch_many(GUILD, &names, load)
        .await
        .unwrap();
    assert_eq!(required(&rules), [Some(3), Some(2), None, None, Some(2)]);
    assert_eq!(*calls.lock().unwrap(), [["kick", "warn"]]);
    // All of it is cached now, "warn" as known to have none; what nobody asked for is not.
    let rules = permissions
        .get_or_fetch_many(GUILD, &names, never)
        .await
        .unwrap();
    assert_eq!(required(&rules), [Some(3), Some(2), None, None, Some(2)]);
    assert_eq!(
        permissions.get(GUILD, "warn").await.unwrap(),
        Some(CommandRule::Unset)
    );
    assert_eq!(permissions.get(GUILD, "not asked for").await.unwrap(), None);
    let none: [&str; 0] = [];
    assert!(
        permissions
            .get_or_fetch_many(GUILD, &none, never)
            .await
            .unwrap()
            .is_empty()
    );
}

/// One loader drives all flights of a batch, however many: its poll goes no deeper for them.
pub(crate) async fn a_batch_may_be_very_large(backend: &Backend) {
    const NAMES: usize = 20_000;
    let permissions = PermissionCache::new(backend.clone());
    let names: Vec<String> = (0..NAMES).map(|n| format!("command {n}")).collect();
    let load = async |names: Vec<String>| {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(names.iter().map(|name| row(name, 3)).collect::<Vec<_>>())
    };
    let rules = permissions.get_or_fetch_many(GUILD, &names, load).await;
    let rules = rules.unwrap();
    assert_eq!(rules.len(), NAMES);
    assert!(rules.iter().all(|rule| rule.required_rank() == Some(3)));
}

pub(crate) async fn flights_under_way_are_joined_not_repeated(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let single = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let load = move || load.run(Some(row("ban", 3)));
            permissions.get_or_fetch(GUILD, "ban", load).await
        }
    });
    running.await.unwrap();
    let batch = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let load = async move |names: Vec<String>| {
                assert_eq!(names, ["kick"], "the load of \"ban\" is under way");
                end.notify_one();
                Ok::<_, Infallible>([row("kick", 2)])
            };
            permissions
                .get_or_fetch_many(GUILD, &["ban", "kick"], load)
                .await
        }
    });
    assert_eq!(required(&batch.await.unwrap().unwrap()), [Some(3), Some(2)]);
    assert_eq!(single.await.unwrap().unwrap().required_rank(), Some(3));
    assert_eq!(permissions.stats().loads, 2);
}

pub(crate) async fn a_batch_is_joined_by_a_single_caller(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let batch = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let load = move |_| load.run([row("ban", 3), row("kick", 2)]);
            permissions
                .get_or_fetch_many(GUILD, &["ban", "kick"], load)
                .await
        }
    });
    running.await.unwrap();
    let own = async || panic!("joins the batch") as Result<Option<CommandPermission>, Infallible>;
    let mut single = Box::pin(permissions.get_or_fetch(GUILD, "kick", own));
    let waiting = tokio::time::timeout(Duration::from_millis(20), &mut single).await;
    assert!(waiting.is_err());
    end.notify_one();
    assert_eq!(single.await.unwrap().required_rank(), Some(2));
    assert_eq!(required(&batch.await.unwrap().unwrap()), [Some(3), Some(2)]);
    assert_eq!(permissions.stats().loads, 1);
}

pub(crate) async fn t22_an_error_reaches_every_key_of_the_batch(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async |_| Err::<Vec<CommandPermission>, _>(io::Error::other("database away"));
    let error = permissions
        .get_or_fetch_many(GUILD, &["ban", "kick"], load)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Loader);
    let known = permissions.get_many(GUILD, &["ban", "kick"]).await.unwrap();
    assert_eq!(
        known,
        [None, None],
        "an error is never cached, and never \"unset\""
    );
    let load = async |_| Ok::<_, Infallible>([row("ban", 1)]);
    let rules = permissions
        .get_or_fetch_many(GUILD, &["ban", "kick"], load)
        .await
        .unwrap();
    assert_eq!(required(&rules), [Some(1), None]);
}

pub(crate) async fn t02_an_invalidation_during_a_batch_wins(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let batch = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let load = move |_| load.run([row("ban", 3), row("kick", 2)]);
            permissions
                .get_or_fetch_many(GUILD, &["ban", "kick"], load)
                .await
        }
    });
    running.await.unwrap();
    permissions.set(GUILD, "ban", row("ban", 7)).await.unwrap();
    end.notify_one();
    assert_eq!(required(&batch.await.unwrap().unwrap()), [Some(3), Some(2)]);
    let now = permissions
        .get(GUILD, "ban")
        .await
        .unwrap()
        .expect("set during the load");
    assert_eq!(now.required_rank(), Some(7));
}

pub(crate) async fn a_dropped_batch_goes_on(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let Held { running, end, load } = held();
    let batch = tokio::spawn({
        let permissions = permissions.clone();
        async move {
            let load = move |_| load.run([row("ban", 3)]);
            permissions
                .get_or_fetch_many(GUILD, &["ban", "kick"], load)
                .await
        }
    });
    running.await.unwrap();
    batch.abort();
    assert!(batch.await.unwrap_err().is_cancelled());
    end.notify_one();
    let rules = permissions
        .get_or_fetch_many(GUILD, &["ban", "kick"], never)
        .await
        .unwrap();
    assert_eq!(required(&rules), [Some(3), None]);
}
