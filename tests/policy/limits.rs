//! Soft and hard timeouts.

use std::time::Duration;

use tokio::time::Instant;
use tux_cache::ErrorKind;
use tux_cache::managers::{FetchOptions, ManagerOptions, MaybeStale};

use crate::common::{GUILD, kept, seconds, stale, world};

const SOFT: Duration = Duration::from_millis(50);

fn options() -> ManagerOptions {
    kept()
        .stale_on_error(seconds(100))
        .throttle(seconds(10))
        .soft_timeout(SOFT)
        .load_timeout(seconds(2))
}

#[tokio::test(start_paused = true)]
async fn a_slow_load_is_answered_from_the_past_and_goes_on() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    let before = Instant::now();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    let waited = before.elapsed();
    assert!(waited >= SOFT && waited < SOFT * 2, "{waited:?}");
    assert_eq!(world.cases.stats().soft_timeouts, 1);
    // Whoever comes now knows that it is slow, and does not wait (W5).
    let before = Instant::now();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(before.elapsed(), Duration::ZERO);
    world.origin.let_go();
    world.until_stored(11).await;
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
    assert_eq!(world.origin.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_fast_enough_is_waited_for() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    let asking = world.asking();
    world.origin.until_loads(2).await;
    tokio::time::sleep(SOFT / 2).await;
    world.origin.let_go();
    assert_eq!(asking.await.unwrap().unwrap(), MaybeStale::Fresh(Some(11)));
    assert_eq!(world.cases.stats().soft_timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn without_anything_known_it_is_waited_for_up_to_the_hard_limit() {
    let world = world(options());
    world.origin.says(11);
    world.origin.hold();
    let before = Instant::now();
    let error = world.ask().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(before.elapsed() >= seconds(2) && before.elapsed() < seconds(3));
    assert_eq!(world.cases.stats().load_timeouts, 1);
}

/// T23 with W3: the hard limit ends the load for all; it counts as a failure.
#[tokio::test(start_paused = true)]
async fn t23_a_load_that_takes_too_long_is_a_failure_with_a_stale_answer() {
    let world = world(kept().stale_on_error(seconds(100)).load_timeout(seconds(2)));
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    let before = Instant::now();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert!(before.elapsed() >= seconds(2));
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(
        (world.origin.loads(), world.cases.stats().throttled),
        (2, 1)
    );
    world.origin.let_go();
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(world.stored().await, None, "what comes later is not stored");
}

/// A caller's own limit is its own: the load of another goes on.
#[tokio::test(start_paused = true)]
async fn a_calls_own_hard_limit_ends_its_wait_alone() {
    let world = world(ManagerOptions::new().load_timeout(seconds(2)));
    world.origin.says(11);
    world.origin.hold();
    let patient = world.asking();
    world.origin.until_loads(1).await;
    let short = FetchOptions::new().load_timeout(Duration::from_millis(100));
    let before = Instant::now();
    let load = world.origin.load();
    let error = world.cases.get_or_fetch_with(GUILD, 1, &short, load).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(before.elapsed().as_millis() / 10, 10);
    world.origin.let_go();
    assert_eq!(patient.await.unwrap().unwrap(), MaybeStale::Fresh(Some(11)));
    assert_eq!(world.origin.loads(), 1);
    // One that begins the load ends it.
    world.cases.invalidate(GUILD, 1).await.unwrap();
    world.origin.hold();
    let load = world.origin.load();
    let error = world.cases.get_or_fetch_with(GUILD, 1, &short, load).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(world.cases.stats().load_timeouts, 1);
}
