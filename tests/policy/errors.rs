//! Stale on error: the last known value for a bounded time, labelled, and no load tried each call.

use std::io;
use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::managers::{FetchOptions, ManagerOptions, MaybeStale, PrefixCache};

use crate::common::{GUILD, TTL, World, kept, memory, seconds, stale, world};

fn options() -> ManagerOptions {
    kept().stale_on_error(seconds(100)).throttle(seconds(10))
}

#[tokio::test]
async fn a_failed_load_is_answered_from_the_past_with_its_age() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    let answer = world.ask().await.unwrap();
    let age = TTL + seconds(5) + Duration::from_millis(1);
    assert_eq!(
        answer,
        MaybeStale::Stale {
            value: Some(10),
            age
        }
    );
    assert_eq!(world.cases.stats().stale_answers, 1);
    assert_eq!(world.cases.stats().load_errors, 1);
    assert_eq!(world.stored().await, None, "it is not put back");
}

/// I6: never from `get` or a plain `get_or_fetch`.
#[tokio::test]
async fn i6_a_plain_call_never_answers_stale() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    assert_eq!(world.cases.get(GUILD, 1).await.unwrap(), None);
    let error = world.ask_fresh().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Loader);
    assert!(world.ask().await.unwrap().is_stale());
    let error = world.ask_fresh().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Loader,
        "also while it is throttled"
    );
    assert_eq!(world.cases.get_or_stale(GUILD, 1).await.unwrap(), None);
}

/// W3.
#[tokio::test]
async fn w3_after_a_failure_no_load_is_tried_for_a_while() {
    let world = world(options());
    world.over_for(seconds(0)).await;
    world.origin.fails();
    for _ in 0..50 {
        assert_eq!(stale(world.ask().await), Some(Some(10)));
    }
    assert_eq!(world.origin.loads(), 2, "the first one and the failed one");
    assert_eq!(world.cases.stats().throttled, 49);
    world.ticker.advance(seconds(10) - Duration::from_millis(1));
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(world.origin.loads(), 2, "a millisecond too early");
    world.ticker.advance(Duration::from_millis(1));
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(world.origin.loads(), 3);
    world.ticker.advance(seconds(10));
    world.origin.says(11);
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
    assert_eq!(world.stored().await, Some(Some(11)));
}

#[tokio::test]
async fn the_time_is_bounded() {
    let world = world(options());
    world.over_for(seconds(99)).await;
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    world.ticker.advance(seconds(2));
    assert_eq!(world.ask().await.unwrap_err().kind(), ErrorKind::Loader);
    assert_eq!(
        world.origin.loads(),
        3,
        "with nothing to answer it is tried"
    );
}

/// The age of a copy bounds it too, by the clock of the store.
#[tokio::test]
async fn a_copy_is_dropped_at_its_age() {
    let options = kept()
        .keep_stale(seconds(90), 100)
        .stale_on_error(seconds(100));
    let world = world(options);
    world.over_for(seconds(29)).await;
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    world.ticker.advance(seconds(1));
    assert!(world.ask().await.is_err());
}

#[tokio::test]
async fn their_number_is_bounded() {
    let (ticker, backend) = memory();
    let options = kept()
        .keep_stale(seconds(3_600), 8)
        .stale_on_error(seconds(100));
    let prefixes = PrefixCache::with_options(backend, options);
    for guild in 0..100_u64 {
        let load = async || Ok::<_, io::Error>("!");
        prefixes.get_or_fetch_stale(guild, load).await.unwrap();
    }
    ticker.advance(TTL + seconds(1));
    let mut answered = 0;
    for guild in 0..100_u64 {
        let load = async || Err::<&str, _>(io::Error::other("away"));
        answered += usize::from(prefixes.get_or_fetch_stale(guild, load).await.is_ok());
    }
    assert!((1..=8).contains(&answered), "{answered}");
}

/// The rule that says how a value gets known: what a setter wrote is the last known value as much as what was loaded.
#[tokio::test]
async fn what_was_set_is_known_too_and_what_was_evicted_or_removed_is_not() {
    let world = world(options());
    world.cases.set(GUILD, 1, Some(3)).await.unwrap();
    world.ticker.advance(TTL + seconds(1));
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(3)));

    world.cases.set(GUILD, 1, Some(4)).await.unwrap();
    // By the text of the key, beside every manager.
    assert!(world.backend.delete("case_by_number:1:1").await.unwrap() || deleted(&world).await);
    assert!(
        world.ask().await.is_err(),
        "it went before its time: removed"
    );
    world.ticker.advance(TTL + seconds(1));
    assert!(world.ask().await.is_err(), "and stays so");
}

/// Whatever the text of the key is.
async fn deleted(world: &World) -> bool {
    world.backend.delete_prefix("").await.unwrap() > 0
}

#[tokio::test]
async fn a_call_may_allow_what_its_manager_does_not() {
    let world = world(kept());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    assert!(world.ask().await.is_err(), "the manager allows nothing");
    let options = FetchOptions::new()
        .stale_on_error(seconds(10))
        .throttle(seconds(3));
    let ask = async || {
        let load = world.origin.load();
        world
            .cases
            .get_or_fetch_with(GUILD, 1, &options, load)
            .await
    };
    world.ticker.advance(seconds(5));
    let late = ask().await;
    assert!(late.is_err(), "over for ten seconds and a bit");
    world.over_for(seconds(5)).await;
    world.origin.fails();
    assert_eq!(stale(ask().await), Some(Some(10)));
    let loads = world.origin.loads();
    world.ticker.advance(seconds(2));
    assert_eq!(stale(ask().await), Some(Some(10)));
    assert_eq!(
        world.origin.loads(),
        loads,
        "throttled by the call's own rule"
    );
}
