//! How long what the managers write lives: what a caller asks for, on every backend, else the built-in TTLs.

use std::convert::Infallible;
use std::time::Duration;

use tux_cache::CacheSetup;
use tux_cache::backend::{Backend, InMemoryBackend, KeyRef};
use tux_cache::managers::{
    GuildConfigUpdate, GuildPermissions, JailStatusCache, ManagerOptions, Managers, OnOutage,
};
use tux_cache::time::ManualTicker;
use tux_cache_test_support::Reply;

use crate::loads_many::row;
use crate::stores::valkey;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Everything a manager writes, by every way of writing.
const KEYS: [&str; 10] = [
    "guild_config:1",
    "jail_status:1:2",
    "jail_status:1:3",
    "prefix:1",
    "prefix:2",
    "perm:command_permission:1:ban",
    "perm:command_permission:1:kick",
    "perm:command_permission:1:warn",
    "perm:permission_ranks:1",
    "perm:user_permission_rank:1:2:(5,)",
];

async fn fill(m: &Managers) {
    let update = GuildConfigUpdate::new().audit_log_id(Some(1));
    m.guild_config.set(1_u64, update).await.unwrap();
    m.jail_status.set(1_u64, 2_u64, true).await.unwrap();
    let load = async || Ok::<_, Infallible>(true);
    m.jail_status
        .get_or_fetch(1_u64, 3_u64, load)
        .await
        .unwrap();
    m.prefix.set(1_u64, "!").await.unwrap();
    m.prefix.preload([(2_u64, "?")]).await.unwrap();
    let p = &m.permissions;
    let load = async || {
        let warm = GuildPermissions::new().ranks(vec![]);
        Ok::<_, Infallible>(warm.commands(["warn"], [row("warn", 2)]))
    };
    p.pre_warm_guild_cache(1_u64, load).await.unwrap();
    p.set(1_u64, "ban", row("ban", 3)).await.unwrap();
    let load = async |_: Vec<String>| Ok::<_, Infallible>([row("kick", 2)]);
    p.get_or_fetch_many(1_u64, &["kick"], load).await.unwrap();
    p.set_user_rank(1_u64, 2_u64, &[5_u64], 2).await.unwrap();
}

async fn left(backend: &Backend) -> Vec<&'static str> {
    let mut left = Vec::new();
    for key in KEYS {
        if backend.exists(key).await.unwrap() {
            left.push(key);
        }
    }
    left
}

fn memory() -> (ManualTicker, Backend) {
    let ticker = ManualTicker::new();
    let memory = InMemoryBackend::builder()
        .default_ttl(seconds(300))
        .max_size(1_000)
        .ticker(ticker.clone());
    (ticker, memory.build().unwrap().into())
}

fn short() -> ManagerOptions {
    let options = ManagerOptions::new();
    options.ttl(seconds(10)).user_rank_ttl(seconds(10))
}

#[tokio::test]
async fn a_manager_s_ttl_is_honoured_in_memory() {
    let (ticker, backend) = memory();
    fill(&Managers::with_options(backend.clone(), short())).await;
    ticker.advance(seconds(9));
    assert_eq!(left(&backend).await, KEYS);
    ticker.advance(seconds(2));
    assert_eq!(left(&backend).await, [""; 0]);
}

/// Longer than the backend's own, too.
#[tokio::test]
async fn a_manager_s_ttl_may_be_longer_than_the_backend_s() {
    let (ticker, backend) = memory();
    let options = ManagerOptions::new().ttl(seconds(1_000));
    fill(&Managers::with_options(
        backend.clone(),
        options.user_rank_ttl(seconds(1_000)),
    ))
    .await;
    ticker.advance(seconds(999));
    assert_eq!(left(&backend).await, KEYS);
}

#[tokio::test]
async fn built_in_ttls_give_way_to_the_backend_s() {
    let (ticker, backend) = memory();
    fill(&Managers::new(backend.clone())).await;
    ticker.advance(seconds(299));
    assert_eq!(left(&backend).await, KEYS);
    ticker.advance(seconds(2));
    assert_eq!(left(&backend).await, [""; 0]);
}

#[tokio::test]
async fn without_a_ttl_of_its_own_an_entry_lives_as_the_backend_says() {
    let (ticker, backend) = memory();
    let managers = Managers::with_options(backend.clone(), ManagerOptions::new().no_ttl());
    fill(&managers).await;
    ticker.advance(seconds(299));
    assert_eq!(left(&backend).await, KEYS);
    ticker.advance(seconds(2));
    assert_eq!(left(&backend).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_valkey_built_in_ttls_are_those_of_the_guide_and_a_caller_s_is_honoured() {
    let (server, backend) = valkey().await;
    let ttl = |key: &str| match server.command(&["TTL", &format!("tux:{key}")]).unwrap() {
        Reply::Integer(left) => left,
        other => panic!("{key}: {other:?}"),
    };
    fill(&Managers::new(backend.clone())).await;
    for key in KEYS {
        let expected = match key {
            _ if key.starts_with("prefix") => -1,
            _ if key.starts_with("jail") || key.contains("user_permission") => 300,
            _ => 600,
        };
        assert!(
            (expected - 20..=expected).contains(&ttl(key)),
            "{key}: {}",
            ttl(key)
        );
    }
    fill(&Managers::with_options(backend.clone(), short())).await;
    for key in KEYS {
        // A rule that stood there already is not loaded, nor warmed, again.
        if !key.ends_with(":3") && !key.ends_with("kick") && !key.ends_with("warn") {
            assert!((1..=10).contains(&ttl(key)), "{key}: {}", ttl(key));
        }
    }
}

/// The setup hands its settings to its managers, and to the process-wide ones only if they are to be wired.
#[tokio::test]
async fn the_setup_takes_settings_for_all_and_for_each_and_a_clock() {
    let ticker = ManualTicker::new();
    let setup = CacheSetup::builder()
        .memory_only()
        .leave_shared()
        .ticker(ticker.clone())
        .options(short())
        .jail_status(ManagerOptions::new().ttl(seconds(20)))
        .prefix(ManagerOptions::new())
        .await;
    fill(setup.managers()).await;
    let backend = setup.backend();
    ticker.advance(seconds(11));
    let jails = ["jail_status:1:2", "jail_status:1:3"];
    let prefixes = ["prefix:1", "prefix:2"];
    assert_eq!(left(&backend).await, [jails, prefixes].concat());
    ticker.advance(seconds(10));
    assert_eq!(left(&backend).await, prefixes);
    ticker.advance(seconds(280));
    assert_eq!(left(&backend).await, [""; 0], "the fallback's 300 s");
}

/// A bad setting is left out and said in the log: a setup never fails.
#[tokio::test]
async fn a_setup_with_absurd_settings_is_a_setup() {
    let absurd = ManagerOptions::new().keep_stale(seconds(1), usize::MAX);
    let setup = CacheSetup::builder().memory_only().leave_shared();
    let setup = setup.options(absurd).await;
    fill(setup.managers()).await;
}

/// Every holder of a manager sees its new settings, whenever it got it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_replaced_for_every_holder() {
    let (ticker, backend) = memory();
    let jails = JailStatusCache::in_memory();
    let held = jails.clone();
    jails.set_backend_with(backend.clone(), short().on_outage(OnOutage::Fail));
    held.set(1_u64, 2_u64, true).await.unwrap();
    ticker.advance(seconds(11));
    assert_eq!(held.get(1_u64, 2_u64).await.unwrap(), None);
    // Another backend alone leaves the settings as they are.
    let (ticker, backend) = memory();
    jails.set_backend(backend.clone());
    held.set(1_u64, 2_u64, true).await.unwrap();
    ticker.advance(seconds(11));
    let key = KeyRef::JailStatus { guild: 1, user: 2 };
    assert_eq!(
        backend
            .get_as::<tux_cache::backend::Json>(key)
            .await
            .unwrap(),
        None
    );
}
