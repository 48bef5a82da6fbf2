//! Pre-warming.

use std::convert::Infallible;
use std::future::{IntoFuture, pending};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::Backend;
use tux_cache::managers::{CommandRule, GuildPermissions, PermissionCache, PermissionRank};

use crate::loads::{Held, held};
use crate::loads_many::row;

const GUILD: u64 = 1;

fn sixty() -> GuildPermissions {
    let names: Vec<String> = (0..60).map(|n| format!("command {n}")).collect();
    let rows: Vec<_> = names.iter().step_by(2).map(|name| row(name, 3)).collect();
    GuildPermissions::new()
        .commands(names, rows)
        .ranks(vec![PermissionRank::default()])
        .assignments(Vec::new())
}

pub(crate) async fn a_guild_is_warmed_in_one_go(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async || Ok::<_, Infallible>(sixty());
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (62, 62));
    let names: Vec<String> = (0..60).map(|n| format!("command {n}")).collect();
    let rules = permissions.get_many(GUILD, &names).await.unwrap();
    for (at, rule) in rules.into_iter().enumerate() {
        let expected = if at % 2 == 0 { Some(3) } else { None };
        assert_eq!(rule.expect("warm").required_rank(), expected);
    }
    assert_eq!(
        permissions
            .get_ranks(GUILD)
            .await
            .unwrap()
            .expect("warm")
            .len(),
        1
    );
    assert_eq!(
        permissions
            .get_assignments(GUILD)
            .await
            .unwrap()
            .expect("warm")
            .len(),
        0
    );
    let failing = async || Err::<GuildPermissions, _>(io::Error::other("database away"));
    let failed = permissions.pre_warm_guild_cache(2_u64, failing).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Loader);
}

/// The closure's argument need not be written down, whatever is done with it.
pub(crate) async fn the_argument_of_a_closure_is_inferred(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = |odd: bool| async move {
        if odd {
            Err(io::Error::other("odd"))
        } else {
            Ok(sixty())
        }
    };
    let report = permissions
        .pre_warm_all_caches([1_u64, 2, 3], move |guild| load(guild.count_ones() == 2), 2)
        .await;
    assert_eq!((report.guilds, report.failed.len()), (2, 1));
    assert_eq!(report.failed[0].guild, 3);
}

/// With as many keys many leases share a counter, some with those of ranks and assignments: none voids another.
pub(crate) async fn keys_of_one_guild_do_not_void_each_other(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    for guild in 1..=5_u64 {
        let load = async || {
            let names: Vec<String> = (0..20_000).map(|n| format!("command {n}")).collect();
            let all = GuildPermissions::new().commands(names, Vec::new());
            Ok::<_, Infallible>(all.ranks(Vec::new()).assignments(Vec::new()))
        };
        let warmed = permissions.pre_warm_guild_cache(guild, load).await.unwrap();
        assert_eq!((warmed.loaded, warmed.stored), (20_002, 20_002));
        permissions.clear_all().await.unwrap();
    }
}

/// Whatever happens in other stores of this process leaves a pre-warming alone.
pub(crate) async fn other_stores_do_not_matter(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let elsewhere = PermissionCache::new(crate::stores::memory());
    let load = async move || {
        elsewhere.clear_all().await.unwrap();
        Ok::<_, Infallible>(sixty())
    };
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (62, 62));
}

/// Whatever happens to another guild leaves a pre-warming alone. (These two shared a counter of changes once.)
pub(crate) async fn other_guilds_do_not_matter(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let other = permissions.clone();
    let load = async move || {
        let guild = GUILD + 4_096;
        let load = async || Ok::<_, Infallible>(sixty());
        let warmed = other.pre_warm_guild_cache(guild, load).await.unwrap();
        assert_eq!((warmed.loaded, warmed.stored), (62, 62));
        other.set(guild, "ban", row("ban", 3)).await.unwrap();
        Ok::<_, Infallible>(sixty())
    };
    let warmed = permissions.pre_warm_guild_cache(GUILD, load).await.unwrap();
    assert_eq!((warmed.loaded, warmed.stored), (62, 62));
}

/// A change made while the guild is loaded is newer than the load, however it is made.
pub(crate) async fn t02_what_changes_during_pre_warming_wins(backend: &Backend) {
    for change in [
        "set",
        "invalidate",
        "invalidate_guild",
        "another cache",
        "clear_all",
        "by prefix",
    ] {
        let permissions = PermissionCache::new(backend.clone());
        let Held { running, end, load } = held();
        let warming = tokio::spawn({
            let permissions = permissions.clone();
            async move {
                permissions
                    .pre_warm_guild_cache(GUILD, move || load.run(sixty()))
                    .await
            }
        });
        running.await.unwrap();
        let command = "command 0";
        match change {
            "set" => permissions
                .set(GUILD, command, CommandRule::Unset)
                .await
                .unwrap(),
            "invalidate" => permissions.invalidate(GUILD, command).await.unwrap(),
            "invalidate_guild" => drop(permissions.invalidate_guild(GUILD).await.unwrap()),
            "another cache" => {
                let other = PermissionCache::new(backend.clone());
                other.set(GUILD, command, CommandRule::Unset).await.unwrap();
            }
            "clear_all" => drop(permissions.clear_all().await.unwrap()),
            _ => drop(backend.delete_prefix("perm:").await.unwrap()),
        }
        end.notify_one();
        let warmed = warming.await.unwrap().unwrap();
        assert_eq!((warmed.loaded, warmed.stored), (62, 0), "{change}");
        let now = permissions.get(GUILD, command).await.unwrap();
        assert_ne!(
            now.as_ref().and_then(CommandRule::required_rank),
            Some(3),
            "{change}"
        );
        permissions.clear_all().await.unwrap();
    }
}

pub(crate) async fn partial_failure_is_reported_per_guild(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async |guild: u64| match guild {
        3 => Err(io::Error::other("no such guild")),
        4 => std::panic::resume_unwind(Box::new("loader broke")),
        _ => Ok(sixty()),
    };
    let mut report = permissions.pre_warm_all_caches(1..=5_u64, load, 2).await;
    // Behind a socket leases are 65,536 counters: of two guilds' keys on one, warmed at the same moment, one may be left
    // out (and `stored` says so). What was left out is stored by the next pre-warm.
    for _ in 0..5 {
        if report.stored < 3 * 62 {
            report = permissions.pre_warm_all_caches(1..=5_u64, load, 2).await;
        }
    }
    assert_eq!((report.guilds, report.stored), (3, 3 * 62));
    let mut failed: Vec<_> = report
        .failed
        .iter()
        .map(|f| (f.guild, f.error.kind()))
        .collect();
    failed.sort_unstable_by_key(|(guild, _)| *guild);
    assert_eq!(failed, [(3, ErrorKind::Loader), (4, ErrorKind::Loader)]);
}

pub(crate) async fn concurrency_is_bounded_and_progress_is_told(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let most = Arc::clone(&most);
        move |_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Ends only if there are two at once at some time.
                while most.load(Ordering::SeqCst) < 2 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Infallible>(GuildPermissions::new())
            }
        }
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    let report = {
        let told = Arc::clone(&told);
        permissions
            .pre_warm_all_caches(0..50_u64, load, 4)
            .on_progress(move |at| told.lock().unwrap().push(at))
            .await
    };
    assert_eq!(report.guilds, 50);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at once");
    let told = told.lock().unwrap();
    assert_eq!(
        told.iter().map(|at| at.done).collect::<Vec<_>>(),
        (1..=50).collect::<Vec<_>>()
    );
    assert!(told.iter().all(|at| at.total == 50 && at.failed == 0));
}

pub(crate) async fn a_dropped_pre_warming_stops(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let begun = Arc::new(AtomicUsize::new(0));
    let load = {
        let begun = Arc::clone(&begun);
        move |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            pending::<Result<GuildPermissions, Infallible>>()
        }
    };
    let all = permissions
        .pre_warm_all_caches(0..50_u64, load, 3)
        .into_future();
    let dropped = tokio::time::timeout(Duration::from_millis(50), all).await;
    assert!(dropped.is_err());
    // The loaders go with their tasks: one look at the shared counter says when.
    while Arc::strong_count(&begun) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        begun.load(Ordering::SeqCst),
        3,
        "no further guild was begun"
    );
}
