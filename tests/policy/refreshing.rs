//! Conditional refresh: a loader that sees the old value, and may say that it is right still.

use std::io;
use std::sync::{Arc, Mutex};

use tux_cache::ErrorKind;
use tux_cache::managers::{Fetched, ManagerOptions};

use crate::common::{GUILD, TTL, World, kept, seconds, until, world};

type Seen = Arc<Mutex<Vec<Option<Option<u64>>>>>;

async fn ask(
    world: &World,
    seen: &Seen,
    answer: Fetched<Option<u64>>,
) -> Result<Option<u64>, tux_cache::Error> {
    let seen = Arc::clone(seen);
    let load = async move |old| {
        seen.lock().unwrap().push(old);
        Ok::<_, io::Error>(answer)
    };
    world.cases.get_or_fetch_refreshing(GUILD, 1, load).await
}

#[tokio::test]
async fn the_loader_sees_what_was_known_and_may_keep_it() {
    let (world, seen) = (world(kept()), Seen::default());
    let first = ask(&world, &seen, Fetched::value(Some(10))).await;
    assert_eq!(first.unwrap(), Some(10));
    world.ticker.advance(TTL + seconds(1));
    let same = ask(&world, &seen, Fetched::not_modified().ttl(seconds(20))).await;
    assert_eq!(same.unwrap(), Some(10));
    assert_eq!(*seen.lock().unwrap(), [None, Some(Some(10))]);
    world.ticker.advance(seconds(19));
    assert_eq!(world.stored().await, Some(Some(10)), "with its new TTL");
    world.ticker.advance(seconds(2));
    assert_eq!(world.stored().await, None);
    let new = ask(&world, &seen, Fetched::value(Some(11))).await;
    assert_eq!(new.unwrap(), Some(11));
    assert_eq!(seen.lock().unwrap()[2], Some(Some(10)));
}

#[tokio::test]
async fn not_modified_without_an_old_value_is_an_error_that_says_so() {
    let (world, seen) = (world(kept()), Seen::default());
    let error = ask(&world, &seen, Fetched::not_modified())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Loader);
    assert!(error.to_string().contains("not_modified"), "{error}");
    // What was removed is not shown.
    ask(&world, &seen, Fetched::value(Some(10))).await.unwrap();
    world.cases.invalidate(GUILD, 1).await.unwrap();
    assert!(ask(&world, &seen, Fetched::not_modified()).await.is_err());
    assert_eq!(seen.lock().unwrap()[2], None);
}

#[tokio::test]
async fn a_refresh_ahead_shows_the_live_value() {
    let options = ManagerOptions::new().ttl(TTL).refresh_ahead(0.5);
    let (world, seen) = (world(options), Seen::default());
    ask(&world, &seen, Fetched::value(Some(10))).await.unwrap();
    world.ticker.advance(seconds(30));
    let hit = ask(&world, &seen, Fetched::not_modified()).await;
    assert_eq!(hit.unwrap(), Some(10));
    until(async || world.cases.stats().published == 2).await;
    assert_eq!(*seen.lock().unwrap(), [None, Some(Some(10))]);
    world.ticker.advance(seconds(59));
    assert_eq!(world.stored().await, Some(Some(10)), "it lives anew");
}
