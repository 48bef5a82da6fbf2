//! Refresh ahead: a hit late in a value's life answers at once and starts one load.

use tux_cache::managers::{FetchOptions, ManagerOptions, MaybeStale};

use crate::common::{GUILD, TTL, kept, seconds, until, world};

fn options() -> ManagerOptions {
    ManagerOptions::new()
        .ttl(TTL)
        .refresh_ahead(0.8)
        .throttle(seconds(5))
}

#[tokio::test]
async fn a_late_hit_answers_at_once_and_starts_one_load() {
    let world = world(options());
    world.origin.says(10);
    assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    world.ticker.advance(seconds(47));
    for _ in 0..10 {
        assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    }
    assert_eq!(world.origin.loads(), 1, "four fifths are not over yet");
    world.ticker.advance(seconds(1));
    world.origin.says(11);
    world.origin.hold();
    for _ in 0..50 {
        assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    }
    world.origin.until_loads(2).await;
    assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    world.origin.let_go();
    world.until_stored(11).await;
    let stats = world.cases.stats();
    assert_eq!((stats.refreshes, stats.refresh_errors), (1, 0));
    assert_eq!((stats.loads, stats.published), (2, 2));
    assert_eq!(stats.misses, 1, "a hit is a hit: {stats:?}");
    // A whole life from now on.
    world.ticker.advance(seconds(47));
    assert_eq!(world.ask_fresh().await.unwrap(), Some(11));
    assert_eq!(world.origin.loads(), 2);
}

/// `get` has no loader, and says nothing about when it is asked.
#[tokio::test]
async fn a_plain_get_starts_nothing() {
    let world = world(options());
    world.origin.says(10);
    world.ask_fresh().await.unwrap();
    world.ticker.advance(seconds(59));
    for _ in 0..10 {
        assert_eq!(world.stored().await, Some(Some(10)));
    }
    assert_eq!(world.cases.stats().refreshes, 0);
}

#[tokio::test]
async fn w3_a_failed_refresh_is_throttled_and_the_value_lives_on_to_its_end() {
    let world = world(options());
    world.origin.says(10);
    world.ask_fresh().await.unwrap();
    world.ticker.advance(seconds(50));
    world.origin.fails();
    assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    until(async || world.cases.stats().refresh_errors == 1).await;
    for _ in 0..20 {
        assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    }
    assert_eq!(world.origin.loads(), 2);
    world.ticker.advance(seconds(5));
    assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    until(async || world.cases.stats().refresh_errors == 2).await;
    world.ticker.advance(seconds(6));
    assert!(world.ask_fresh().await.is_err(), "its life is over");
}

/// A value with a short TTL of its own is refreshed by its own life, not by its family's.
#[tokio::test]
async fn a_short_life_of_its_own_is_refreshed_by_that() {
    let world = world(options().absent_ttl(seconds(10)));
    world.origin.says(None);
    world.ask_fresh().await.unwrap();
    world.ticker.advance(seconds(7));
    for _ in 0..10 {
        world.ask_fresh().await.unwrap();
    }
    assert_eq!(world.origin.loads(), 1);
    world.ticker.advance(seconds(1));
    world.ask_fresh().await.unwrap();
    world.origin.until_loads(2).await;
}

/// A setter's value begins a new life.
#[tokio::test]
async fn what_was_set_is_refreshed_ahead_too() {
    let world = world(options());
    world.cases.set(GUILD, 1, Some(1)).await.unwrap();
    world.ticker.advance(seconds(40));
    world.cases.set(GUILD, 1, Some(2)).await.unwrap();
    world.ticker.advance(seconds(47));
    assert_eq!(world.ask_fresh().await.unwrap(), Some(2));
    assert_eq!(world.origin.loads(), 0);
    world.ticker.advance(seconds(1));
    world.origin.says(3);
    assert_eq!(world.ask_fresh().await.unwrap(), Some(2));
    world.until_stored(3).await;
}

#[tokio::test]
async fn a_call_may_refresh_earlier_than_its_manager() {
    let world = world(kept());
    world.origin.says(10);
    world.ask_fresh().await.unwrap();
    world.ticker.advance(seconds(31));
    world.origin.says(11);
    assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
    let half = FetchOptions::new().refresh_ahead(0.5);
    let load = world.origin.load();
    let answer = world.cases.get_or_fetch_with(GUILD, 1, &half, load).await;
    assert_eq!(answer.unwrap(), MaybeStale::Fresh(Some(10)));
    world.until_stored(11).await;
    assert_eq!(world.origin.loads(), 2);
}

/// Where there is no runtime a hit is a hit all the same.
#[test]
fn outside_a_runtime_a_late_hit_answers_and_starts_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let world = world(options());
    world.origin.says(10);
    runtime.block_on(world.ask_fresh()).unwrap();
    world.ticker.advance(seconds(59));
    let mut asked = std::pin::pin!(world.ask_fresh());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = asked.as_mut().poll(&mut context) else {
        panic!("a hit does not wait")
    };
    assert_eq!(answer.unwrap(), Some(10));
    assert_eq!(world.cases.stats().refreshes, 0);
    // The claim was given back.
    world.origin.says(11);
    runtime.block_on(async {
        assert_eq!(world.ask_fresh().await.unwrap(), Some(10));
        world.until_stored(11).await;
    });
}
