//! Stale while revalidating: past its end a value answers at once, and one load goes on.

use std::time::Duration;

use tux_cache::managers::{ManagerOptions, MaybeStale};

use crate::common::{TTL, kept, seconds, stale, until, world};

fn options() -> ManagerOptions {
    kept()
        .stale_while_revalidating(seconds(30))
        .throttle(seconds(10))
}

#[tokio::test]
async fn an_answer_comes_at_once_and_one_load_goes_on() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    let answer = world.ask().await.unwrap();
    let age = TTL + seconds(5) + Duration::from_millis(1);
    assert_eq!(
        answer,
        MaybeStale::Stale {
            value: Some(10),
            age
        }
    );
    world.origin.until_loads(2).await;
    for _ in 0..50 {
        assert_eq!(stale(world.ask().await), Some(Some(10)));
    }
    assert_eq!(world.origin.loads(), 2, "W1");
    world.origin.let_go();
    world.until_stored(11).await;
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
    let stats = world.cases.stats();
    assert_eq!((stats.refreshes, stats.refresh_errors), (1, 0));
    assert_eq!(stats.stale_answers, 51);
}

#[tokio::test]
async fn beyond_the_bound_it_is_waited_for() {
    let world = world(options());
    world.over_for(seconds(31)).await;
    world.origin.says(11);
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
    assert_eq!(world.cases.stats().refreshes, 0);
}

#[tokio::test]
async fn w3_a_failure_in_the_background_is_not_repeated_at_once() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    until(async || world.cases.stats().refresh_errors == 1).await;
    for _ in 0..20 {
        assert_eq!(stale(world.ask().await), Some(Some(10)));
    }
    assert_eq!(world.origin.loads(), 2);
    assert_eq!(world.cases.stats().throttled, 20);
    world.ticker.advance(seconds(10));
    world.origin.says(12);
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    world.until_stored(12).await;
}

/// A plain caller does not get the stale value; it joins the load.
#[tokio::test]
async fn a_plain_call_joins_the_load_in_the_background() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    assert!(world.ask().await.unwrap().is_stale());
    world.origin.until_loads(2).await;
    let (cases, load) = (world.cases.clone(), world.origin.load());
    let plain = tokio::spawn(async move { cases.get_or_fetch(1_u64, 1, load).await });
    tokio::task::yield_now().await;
    assert!(!plain.is_finished());
    world.origin.let_go();
    assert_eq!(plain.await.unwrap().unwrap(), Some(11));
    assert_eq!(world.origin.loads(), 2);
}
