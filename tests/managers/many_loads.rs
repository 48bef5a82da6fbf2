//! Loads of different keys at once leave each other alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tux_cache::backend::{Backend, InMemoryBackend, ValkeyBackend, ValkeySettings};
use tux_cache::managers::{GuildPermissions, JailStatusCache, PermissionCache};
use tux_cache_test_support::ValkeyServer;

use crate::loads::held;

const GUILD: u64 = 1;

/// Loads of so many users, none of which ends before all have begun; returns how many of the values were kept.
async fn loads_at_once(backend: &Backend, count: usize) -> usize {
    let jails = JailStatusCache::new(backend.clone());
    let all = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for user in 0..count as u64 {
        let (jails, all) = (jails.clone(), Arc::clone(&all));
        tasks.spawn(async move {
            let load = move || async move {
                all.wait().await;
                Ok::<_, Infallible>(user % 2 == 0)
            };
            assert_eq!(
                jails.get_or_fetch(GUILD, user, load).await.unwrap(),
                user % 2 == 0
            );
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let stats = jails.stats();
    assert_eq!(stats.loads, count as u64);
    let mut kept = 0;
    for user in 0..count as u64 {
        let found = jails.get(GUILD, user).await.unwrap();
        assert!(found.is_none_or(|jailed| jailed == (user % 2 == 0)));
        kept += usize::from(found.is_some());
    }
    println!(
        "{count} loads at once: {kept} kept, {} overtaken",
        stats.overtaken
    );
    assert_eq!((kept + stats.overtaken as usize), count);
    kept
}

fn fifty_thousand() -> Backend {
    InMemoryBackend::new(Duration::from_secs(300), Some(50_000)).into()
}

/// Requests that stand in line behind so many others may take long on a slow machine.
async fn patient() -> (ValkeyServer, Backend) {
    let server = ValkeyServer::start().expect("a Valkey server");
    let settings = ValkeySettings::from_url(&server.url()).expect("the server's own URL");
    let settings = settings.response_timeout(Duration::from_secs(60));
    let backend = ValkeyBackend::connect(settings).await;
    (server, backend.expect("a connection").into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_loads_at_once_are_all_kept() {
    assert_eq!(loads_at_once(&fifty_thousand(), 10_000).await, 10_000);
    let shelf = crate::stores::user_defined();
    assert_eq!(loads_at_once(&shelf, 10_000).await, 10_000);
    let (_server, valkey) = patient().await;
    assert_eq!(loads_at_once(&valkey, 10_000).await, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_of_ten_of_fifty_thousand_loads_at_once_are_kept() {
    let kept = loads_at_once(&fifty_thousand(), 50_000).await;
    assert!(kept >= 45_000, "{kept} of 50,000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask long"]
async fn long_nine_of_ten_of_fifty_thousand_loads_at_once_are_kept_on_a_server() {
    let (_server, valkey) = patient().await;
    let kept = loads_at_once(&valkey, 50_000).await;
    assert!(kept >= 45_000, "{kept} of 50,000");
}

/// Two guilds warmed at the same moment, with more commands than any table of shared counters tells apart.
pub(crate) async fn two_guilds_warmed_at_once_keep_everything(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let both = Arc::new(Barrier::new(2));
    let mut tasks = JoinSet::new();
    for guild in [1_u64, 2] {
        let (permissions, both) = (permissions.clone(), Arc::clone(&both));
        tasks.spawn(async move {
            let load = move || async move {
                let names: Vec<String> = (0..5_000).map(|n| format!("command {n}")).collect();
                let all = GuildPermissions::new().commands(names, Vec::new());
                both.wait().await;
                Ok::<_, Infallible>(all.ranks(Vec::new()).assignments(Vec::new()))
            };
            permissions.pre_warm_guild_cache(guild, load).await.unwrap()
        });
    }
    while let Some(warmed) = tasks.join_next().await {
        let warmed = warmed.unwrap();
        assert_eq!((warmed.loaded, warmed.stored), (5_002, 5_002));
    }
    assert_eq!(permissions.stats().overtaken, 0);
}

/// The loads of a key belong to the store: two managers on it make one.
pub(crate) async fn managers_on_one_store_share_their_loads(backend: &Backend) {
    let [one, two] = [(), ()].map(|()| JailStatusCache::new(backend.clone()));
    share_their_loads(one, two).await;
}

pub(crate) async fn share_their_loads(one: JailStatusCache, two: JailStatusCache) {
    let start = held();
    let first = tokio::spawn(async move {
        one.get_or_fetch(GUILD, 7_u64, move || start.load.run(true))
            .await
            .unwrap()
    });
    start.running.await.unwrap();
    let second = tokio::spawn(async move {
        // Would fail if it ran.
        two.get_or_fetch(GUILD, 7_u64, async || {
            Err(std::io::Error::other("a second load"))
        })
        .await
    });
    // Time to join, or to fail.
    tokio::time::sleep(Duration::from_millis(30)).await;
    start.end.notify_one();
    assert!(first.await.unwrap());
    assert!(second.await.unwrap().unwrap());
}

/// A guild's removal voids the loads of that guild and leaves those of others; a whole family's reaches all.
pub(crate) async fn a_guilds_removal_leaves_the_loads_of_other_guilds(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    // Not one pair of guilds only: some may share a generation, which costs a load, but hardly two in a row.
    let mut kept = 0;
    for other in 2..12_u64 {
        for (family, guild) in [(false, GUILD), (false, other), (true, GUILD)] {
            let start = held();
            let loading = tokio::spawn({
                let jails = jails.clone();
                async move {
                    jails
                        .get_or_fetch(GUILD, 7_u64, move || start.load.run(true))
                        .await
                        .unwrap()
                }
            });
            start.running.await.unwrap();
            if family {
                jails.clear_all().await.unwrap();
            } else {
                jails.invalidate_guild(guild).await.unwrap();
            }
            start.end.notify_one();
            assert!(loading.await.unwrap());
            let found = jails.get(GUILD, 7_u64).await.unwrap();
            if family || guild == GUILD {
                assert_eq!(found, None, "family {family}");
            } else {
                kept += usize::from(found.is_some());
                jails.invalidate(GUILD, 7_u64).await.unwrap();
            }
        }
    }
    assert!(kept >= 9, "{kept} of 10");
}
