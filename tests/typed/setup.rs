//! Families that a setup hands out.

use std::time::Duration;

use tux_cache::backend::{InMemoryBackend, Json, ValkeySettings};
use tux_cache::managers::events::GuildChange;
use tux_cache::managers::{ChannelId, GuildId, ManagerOptions, UserId};
use tux_cache::time::ManualTicker;
use tux_cache::{CacheSetup, ErrorKind, Family};
use tux_cache_test_support::{Fault, FaultProxy, ValkeyServer};

use crate::families::{Counters, Tags, Topics, Warnings};
use crate::stores::connect;

#[tokio::test]
async fn a_family_has_one_cache_per_setup() {
    let ticker = ManualTicker::new();
    let setup = CacheSetup::builder()
        .memory_only()
        .leave_shared()
        .ticker(ticker.clone())
        .family_options::<Warnings>(ManagerOptions::new().ttl(Duration::from_secs(10)))
        .await;
    let key = (GuildId(1), UserId(2));
    setup.family::<Warnings>().set(key, 3).await.unwrap();
    setup.family::<Counters>().set(1, 3).await.unwrap();
    assert_eq!(setup.family::<Warnings>().get(key).await.unwrap(), Some(3));
    // Counted once, whoever asked: there is one cache.
    assert_eq!(setup.family::<Warnings>().stats().sets, 1);
    assert_eq!(setup.family::<Counters>().stats().hits, 0);
    ticker.advance(Duration::from_secs(11));
    assert_eq!(setup.family::<Warnings>().get(key).await.unwrap(), None);
    assert_eq!(setup.family::<Counters>().get(1).await.unwrap(), Some(3));
    let other = CacheSetup::builder().memory_only().leave_shared().await;
    assert_eq!(other.family::<Warnings>().stats().sets, 0);
    let text = format!("{setup:?}");
    assert!(
        text.contains("Warnings") && text.contains("Counters"),
        "{text}"
    );
}

#[tokio::test]
async fn a_guild_is_removed_from_the_families_that_know_guilds() {
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(100));
    let setup = CacheSetup::builder()
        .memory_only()
        .leave_shared()
        .memory(memory)
        .await;
    for guild in [1, 12] {
        let key = (GuildId(guild), UserId(2));
        setup.family::<Warnings>().set(key, 1).await.unwrap();
        let key = (GuildId(guild), "a");
        setup.family::<Tags>().set(key, 1).await.unwrap();
        // The same numbers, and no guilds.
        let key = ChannelId(guild);
        setup.family::<Topics>().set(key, 1).await.unwrap();
        setup.family::<Counters>().set(guild, 1).await.unwrap();
        let jails = &setup.managers().jail_status;
        jails.set(guild, 2_u64, true).await.unwrap();
    }
    assert_eq!(setup.invalidate_guild(1_u64).await.unwrap(), 3);
    let warnings = setup.family::<Warnings>();
    let members = [1, 12].map(|guild| (GuildId(guild), UserId(2)));
    let found = warnings.get_many(&members).await.unwrap();
    assert_eq!(found, [None, Some(1)]);
    assert_eq!(
        setup.family::<Tags>().get((GuildId(1), "a")).await.unwrap(),
        None
    );
    assert_eq!(
        setup.family::<Topics>().get(ChannelId(1)).await.unwrap(),
        Some(1)
    );
    assert_eq!(setup.family::<Counters>().get(1).await.unwrap(), Some(1));
}

/// The bot left a guild: what families keep of it goes as well, and of no other.
#[tokio::test]
async fn a_guild_that_was_left_leaves_nothing_in_families() {
    let setup = CacheSetup::builder().memory_only().leave_shared().await;
    let warnings = setup.family::<Warnings>();
    let members = [1, 12].map(|guild| (GuildId(guild), UserId(2)));
    for member in members {
        warnings.set(member, 1).await.unwrap();
    }
    let updated = GuildChange::GuildUpdated(GuildId(1));
    assert_eq!(setup.on_event(&updated).await.unwrap().entries, 0);
    let left = GuildChange::GuildLeft(GuildId(1));
    assert_eq!(setup.on_event(&left).await.unwrap().entries, 1);
    let found = warnings.get_many(&members).await.unwrap();
    assert_eq!(found, [None, Some(1)]);
}

#[tokio::test]
async fn a_family_that_cannot_be_is_an_error() {
    struct Wrong;
    impl Family for Wrong {
        type Key<'k> = u64;
        type Value = u8;
        const NAME: &'static str = "wrong";
        const PREFIX: &'static str = "jail_status";
    }
    let setup = CacheSetup::builder().memory_only().leave_shared().await;
    let error = setup.try_family::<Wrong>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("JailStatus"), "{error}");
}

/// T38: a family used while the server is not reached yet moves over with the managers, and the server's outdated value
/// does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t38_families_move_over_when_the_server_comes() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let direct = connect(&server.url()).await;
    direct.set("warn:1:2", 9, None).await.unwrap();
    let proxy = FaultProxy::start(&server).expect("a proxy");
    proxy.set(Fault::Refuse);
    let settings = ValkeySettings::from_url(&proxy.url("valkey")).unwrap();
    let setup = CacheSetup::builder()
        .settings(settings.connect_attempts(1))
        .leave_shared()
        .await;
    let warnings = setup.family::<Warnings>();
    let (key, other) = ((GuildId(1), UserId(2)), (GuildId(1), UserId(3)));
    warnings.set(key, 1).await.unwrap();
    assert_eq!(warnings.get(key).await.unwrap(), Some(1));
    proxy.set(Fault::Pass);
    let moved = async {
        while warnings.backend().name() != "valkey" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let moved = tokio::time::timeout(Duration::from_secs(10), moved).await;
    moved.expect("the move");
    assert_eq!(warnings.get(key).await.unwrap(), None);
    warnings.set(other, 4).await.unwrap();
    assert_eq!(direct.get("warn:1:3").await.unwrap(), Some(Json::from(4)));
    setup.close().await;
}
