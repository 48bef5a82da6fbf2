//! A TTL of its own: for "there is none", from the options, from the loader, from the call.

use std::io;

use tux_cache::managers::{CommandRule, FetchOptions, Fetched, ManagerOptions, PermissionCache};

use crate::common::{GUILD, TTL, World, memory, seconds, world};

async fn load(world: &World, fetched: Fetched<Option<u64>>) {
    let options = FetchOptions::new();
    let load = async move || Ok::<_, io::Error>(fetched);
    let answer = world.cases.get_or_fetch_with(GUILD, 1, &options, load);
    assert!(!answer.await.unwrap().is_stale());
}

/// It is there shortly before, and gone shortly after.
async fn lives(world: &World, ttl: std::time::Duration) {
    world.ticker.advance(ttl - seconds(1));
    assert!(world.stored().await.is_some(), "{ttl:?}: too early");
    world.ticker.advance(seconds(2));
    assert_eq!(world.stored().await, None, "{ttl:?}: too late");
}

#[tokio::test]
async fn nothing_is_remembered_for_less_time() {
    let world = world(ManagerOptions::new().ttl(TTL).absent_ttl(seconds(5)));
    world.origin.says(None);
    assert_eq!(world.ask_fresh().await.unwrap(), None);
    assert_eq!(world.stored().await, Some(None), "known to be absent");
    lives(&world, seconds(5)).await;
    world.origin.says(7);
    assert_eq!(world.ask_fresh().await.unwrap(), Some(7));
    lives(&world, TTL).await;
}

#[tokio::test]
async fn a_command_without_a_rule_is_absent_too() {
    let (ticker, backend) = memory();
    let options = ManagerOptions::new().absent_ttl(seconds(5));
    let permissions = PermissionCache::with_options(backend, options);
    let load = async || Ok::<_, io::Error>(CommandRule::Unset);
    permissions.get_or_fetch(GUILD, "ban", load).await.unwrap();
    ticker.advance(seconds(6));
    assert_eq!(permissions.get(GUILD, "ban").await.unwrap(), None);
}

#[tokio::test]
async fn the_loader_decides_then_the_call_then_the_manager() {
    let world = world(ManagerOptions::new().ttl(TTL).absent_ttl(seconds(5)));
    load(&world, Fetched::value(Some(1)).ttl(seconds(7))).await;
    lives(&world, seconds(7)).await;
    load(&world, Fetched::absent().ttl(seconds(3))).await;
    lives(&world, seconds(3)).await;
    load(&world, Fetched::absent()).await;
    lives(&world, seconds(5)).await;
    load(&world, Fetched::value(Some(2)).ttl(seconds(0))).await;
    assert_eq!(world.stored().await, None, "zero keeps nothing");
    let options = FetchOptions::new().ttl(seconds(9)).absent_ttl(seconds(2));
    for (value, ttl) in [(Some(3), 9), (None, 2)] {
        let load = async move || Ok::<_, io::Error>(value);
        world
            .cases
            .get_or_fetch_with(GUILD, 1, &options, load)
            .await
            .unwrap();
        lives(&world, seconds(ttl)).await;
    }
    load(&world, Fetched::value(Some(4)).forever()).await;
    world.ticker.advance(seconds(1_000_000));
    assert_eq!(
        world.stored().await,
        Some(Some(4)),
        "the memory's own rule, which has none"
    );
}
