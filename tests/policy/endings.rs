//! The table of docs/guide/09_stale.md: what a cancellation, a panic, an invalidation and a clear do to a caller that waits, to a load
//! in the background, to a load past its soft limit, and to a key that is throttled. One test each.

use std::time::Duration;

use tokio::task::JoinHandle;
use tux_cache::Error;
use tux_cache::managers::{ManagerOptions, MaybeStale};

use crate::common::{GUILD, World, kept, seconds, stale, until, world};

type Asking = JoinHandle<Result<MaybeStale<Option<u64>>, Error>>;

const SOFT: Duration = Duration::from_millis(50);

fn options() -> ManagerOptions {
    kept().stale_on_error(seconds(100)).throttle(seconds(10))
}

/// A caller waits for a load that is held; 10 was known before.
async fn waiting() -> (World, Asking) {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    let asking = world.asking();
    world.origin.until_loads(2).await;
    (world, asking)
}

/// A load is held in the background; its caller has its answer.
async fn background() -> World {
    let world = world(options().stale_while_revalidating(seconds(100)));
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    assert_eq!(stale(world.asking().await.unwrap()), Some(Some(10)));
    world.origin.until_loads(2).await;
    world
}

/// A load is held that has taken longer than its caller wanted to wait. (With paused time.)
async fn past_its_soft_limit() -> World {
    let world = world(options().soft_timeout(SOFT));
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world.origin.hold();
    assert_eq!(stale(world.asking().await.unwrap()), Some(Some(10)));
    assert_eq!(world.cases.stats().soft_timeouts, 1);
    world
}

/// A load has failed; none is tried for ten seconds.
async fn throttled() -> World {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(
        (world.origin.loads(), world.cases.stats().throttled),
        (2, 1)
    );
    world
}

/// Until the load that was let go has ended, and could have been stored.
async fn until_landed(world: &World) {
    let landed = async || {
        let stats = world.cases.stats();
        stats.published + stats.overtaken + stats.load_errors + stats.load_timeouts >= 2
    };
    until(landed).await;
}

/// Nothing of before the removal is an answer, and the next caller loads.
async fn nothing_of_before_is_left(world: &World, loads: u32) {
    assert_eq!(world.stored().await, None);
    world.origin.fails();
    let answer = world.ask().await;
    assert!(answer.is_err(), "an answer of before: {answer:?}");
    assert_eq!(world.origin.loads(), loads + 1, "nothing holds it back");
    world.origin.says(12);
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(12)));
}

async fn invalidate(world: &World) {
    world.cases.invalidate(GUILD, 1).await.unwrap();
}

async fn clear(world: &World) {
    world.cases.clear_all().await.unwrap();
}

// A caller that waits.

#[tokio::test]
async fn t24_cancelled_while_waiting_the_load_goes_on_and_is_stored() {
    let (world, asking) = waiting().await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    world.origin.let_go();
    world.until_stored(11).await;
    assert_eq!(world.origin.loads(), 2);
}

#[tokio::test]
async fn t22_a_panic_while_waiting_unwinds_the_caller_and_throttles() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.panics();
    assert!(world.asking().await.unwrap_err().is_panic());
    world.origin.says(11);
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(
        (world.origin.loads(), world.cases.stats().throttled),
        (2, 1),
        "W4, W3"
    );
    world.ticker.advance(seconds(10));
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
}

#[tokio::test]
async fn t02_invalidated_while_waiting_the_caller_gets_its_value_and_nobody_else_does() {
    let (world, asking) = waiting().await;
    invalidate(&world).await;
    world.origin.let_go();
    assert_eq!(asking.await.unwrap().unwrap(), MaybeStale::Fresh(Some(11)));
    nothing_of_before_is_left(&world, 2).await;
}

#[tokio::test]
async fn t02_cleared_while_waiting_the_caller_gets_its_value_and_nobody_else_does() {
    let (world, asking) = waiting().await;
    clear(&world).await;
    world.origin.let_go();
    assert_eq!(asking.await.unwrap().unwrap(), MaybeStale::Fresh(Some(11)));
    nothing_of_before_is_left(&world, 2).await;
}

/// The failure comes after the removal: what was known before it is no answer any more (W2).
#[tokio::test]
async fn w2_invalidated_while_waiting_for_a_load_that_fails() {
    let world = world(options());
    world.over_for(seconds(5)).await;
    world.origin.fails();
    world.origin.hold();
    let asking = world.asking();
    world.origin.until_loads(2).await;
    invalidate(&world).await;
    world.origin.let_go();
    let answer = asking.await.unwrap();
    assert!(answer.is_err(), "{answer:?}");
    nothing_of_before_is_left(&world, 2).await;
}

// A load in the background.

#[tokio::test]
async fn t20_its_caller_is_gone_and_the_background_load_is_stored() {
    let world = background().await;
    // The task that began it has ended; so does another that looks on.
    let asking = world.asking();
    asking.abort();
    let _ = asking.await;
    world.origin.let_go();
    world.until_stored(11).await;
    assert_eq!(world.origin.loads(), 2);
}

#[tokio::test]
async fn t22_a_panic_in_the_background_unwinds_nobody_and_throttles() {
    let world = world(options().stale_while_revalidating(seconds(100)));
    world.over_for(seconds(5)).await;
    world.origin.panics();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    until(async || world.cases.stats().refresh_errors == 1).await;
    world.origin.says(11);
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(
        (world.origin.loads(), world.cases.stats().throttled),
        (2, 1),
        "W4, W3"
    );
    world.ticker.advance(seconds(10));
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    world.until_stored(11).await;
}

#[tokio::test]
async fn t02_invalidated_during_a_background_load() {
    let world = background().await;
    invalidate(&world).await;
    world.origin.let_go();
    until_landed(&world).await;
    assert_eq!(world.cases.stats().overtaken, 1);
    nothing_of_before_is_left(&world, 2).await;
}

#[tokio::test]
async fn t02_cleared_during_a_background_load() {
    let world = background().await;
    clear(&world).await;
    world.origin.let_go();
    until_landed(&world).await;
    assert_eq!(world.cases.stats().overtaken, 1);
    nothing_of_before_is_left(&world, 2).await;
}

// A load past its soft limit.

#[tokio::test(start_paused = true)]
async fn t24_cancelled_after_the_soft_limit_the_load_is_stored() {
    let world = past_its_soft_limit().await;
    let asking = world.asking();
    asking.abort();
    let _ = asking.await;
    world.origin.let_go();
    world.until_stored(11).await;
    assert_eq!(world.origin.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn t22_a_panic_after_the_soft_limit_unwinds_nobody_and_throttles() {
    let world = world(options().soft_timeout(SOFT));
    world.over_for(seconds(5)).await;
    world.origin.panics();
    world.origin.hold();
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    world.origin.says(11);
    world.origin.let_go();
    // W4: from "late" to "throttled".
    until(async || {
        assert_eq!(stale(world.ask().await), Some(Some(10)));
        world.cases.stats().throttled > 0
    })
    .await;
    assert_eq!(world.origin.loads(), 2, "W3");
    world.ticker.advance(seconds(10));
    assert_eq!(world.ask().await.unwrap(), MaybeStale::Fresh(Some(11)));
}

#[tokio::test(start_paused = true)]
async fn t02_invalidated_after_the_soft_limit() {
    let world = past_its_soft_limit().await;
    invalidate(&world).await;
    world.origin.let_go();
    until_landed(&world).await;
    nothing_of_before_is_left(&world, 2).await;
}

#[tokio::test(start_paused = true)]
async fn t02_cleared_after_the_soft_limit() {
    let world = past_its_soft_limit().await;
    clear(&world).await;
    world.origin.let_go();
    until_landed(&world).await;
    nothing_of_before_is_left(&world, 2).await;
}

// A key that is throttled.

#[tokio::test]
async fn a_cancelled_caller_leaves_the_throttle_as_it_is() {
    let world = throttled().await;
    drop(world.ask());
    let asking = world.asking();
    asking.abort();
    let _ = asking.await;
    assert_eq!(stale(world.ask().await), Some(Some(10)));
    assert_eq!(world.origin.loads(), 2);
}

#[tokio::test]
async fn a_loader_that_would_panic_is_not_run_while_throttled() {
    let world = throttled().await;
    world.origin.panics();
    assert_eq!(stale(world.asking().await.unwrap()), Some(Some(10)));
    world.ticker.advance(seconds(10));
    assert!(world.asking().await.unwrap_err().is_panic());
    assert_eq!(stale(world.ask().await), Some(Some(10)), "throttled anew");
    assert_eq!(world.origin.loads(), 3);
}

#[tokio::test]
async fn t02_invalidated_while_throttled() {
    let world = throttled().await;
    invalidate(&world).await;
    nothing_of_before_is_left(&world, 2).await;
}

#[tokio::test]
async fn t02_cleared_while_throttled() {
    let world = throttled().await;
    clear(&world).await;
    nothing_of_before_is_left(&world, 2).await;
}

// And by others than the manager that keeps it.

#[tokio::test]
async fn t02_what_another_manager_of_the_store_removes_is_forgotten_here() {
    let world = throttled().await;
    let other = tux_cache::managers::CaseCache::new(world.backend.clone());
    other.invalidate(GUILD, 1).await.unwrap();
    nothing_of_before_is_left(&world, 2).await;
    let world = throttled().await;
    let managers = tux_cache::managers::Managers::new(world.backend.clone());
    managers.invalidate_guild(GUILD + 1).await.unwrap();
    assert_eq!(stale(world.ask().await), Some(Some(10)), "another guild");
    managers.invalidate_guild(GUILD).await.unwrap();
    nothing_of_before_is_left(&world, 2).await;
}

/// T26: a setter wins over a load under way, here too, and what it wrote is what is known.
#[tokio::test]
async fn t26_set_during_a_background_load() {
    let world = background().await;
    world.cases.set(GUILD, 1, Some(20)).await.unwrap();
    world.origin.let_go();
    until_landed(&world).await;
    assert_eq!(world.stored().await, Some(Some(20)));
    world.ticker.advance(seconds(62));
    world.origin.fails();
    assert_eq!(stale(world.ask().await), Some(Some(20)));
}
