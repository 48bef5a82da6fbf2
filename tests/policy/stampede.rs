//! Ten thousand callers, one load, in every mode (T18).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tux_cache::managers::{ManagerOptions, MaybeStale};

use crate::common::{GUILD, World, kept, seconds, until, world};

const CALLERS: usize = 10_000;

/// All of them ask at once; how many got 10 of before, and how many 11.
async fn all_ask(world: &World, plain: bool) -> (usize, usize) {
    let start = Arc::new(Barrier::new(CALLERS));
    let asking: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (cases, load) = (world.cases.clone(), world.origin.load());
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                if plain {
                    let value = cases.get_or_fetch(GUILD, 1, load).await;
                    return value.map(MaybeStale::Fresh);
                }
                cases.get_or_fetch_stale(GUILD, 1, load).await
            })
        })
        .collect();
    let mut got = (0, 0);
    for asking in asking {
        match asking.await.unwrap().unwrap().into_inner() {
            Some(10) => got.0 += 1,
            Some(11) => got.1 += 1,
            other => panic!("{other:?}"),
        }
    }
    got
}

fn runs() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// 10 is known and over, and the load says 11.
async fn over(options: ManagerOptions) -> World {
    let world = world(options);
    world.over_for(seconds(5)).await;
    world.origin.says(11);
    world
}

#[test]
fn t18_waiting_for_a_load_beside_a_known_value() {
    runs().block_on(async {
        let world = over(kept().stale_on_error(seconds(100))).await;
        assert_eq!(all_ask(&world, false).await, (0, CALLERS));
        assert_eq!(world.origin.loads(), 2);
    });
}

#[test]
fn t18_stale_while_revalidating() {
    runs().block_on(async {
        let world = over(kept().stale_while_revalidating(seconds(100))).await;
        let (old, new) = all_ask(&world, false).await;
        assert!(old > 0 && old + new == CALLERS, "{old} {new}");
        world.until_stored(11).await;
        assert_eq!(
            (world.origin.loads(), world.cases.stats().refreshes),
            (2, 1)
        );
    });
}

#[test]
fn t18_stale_on_error_and_throttled() {
    runs().block_on(async {
        let world = over(kept().stale_on_error(seconds(100))).await;
        world.origin.fails();
        assert_eq!(all_ask(&world, false).await, (CALLERS, 0));
        assert_eq!(world.origin.loads(), 2);
        assert_eq!(all_ask(&world, false).await, (CALLERS, 0));
        assert_eq!(world.origin.loads(), 2, "throttled");
        assert_eq!(world.cases.stats().stale_answers, 2 * CALLERS as u64);
    });
}

#[test]
fn t18_soft_timeout() {
    runs().block_on(async {
        let options = kept().stale_on_error(seconds(100));
        let world = over(options.soft_timeout(Duration::from_millis(20))).await;
        world.origin.hold();
        assert_eq!(all_ask(&world, false).await, (CALLERS, 0));
        world.origin.let_go();
        world.until_stored(11).await;
        assert_eq!(world.origin.loads(), 2);
    });
}

#[test]
fn t18_refresh_ahead() {
    runs().block_on(async {
        let world = world(ManagerOptions::new().ttl(seconds(60)).refresh_ahead(0.5));
        world.origin.says(10);
        world.ask_fresh().await.unwrap();
        world.ticker.advance(seconds(30));
        world.origin.says(11);
        world.origin.hold();
        assert_eq!(all_ask(&world, true).await, (CALLERS, 0));
        until(async || world.origin.loads() == 2).await;
        world.origin.let_go();
        world.until_stored(11).await;
        assert_eq!(all_ask(&world, true).await, (0, CALLERS));
        assert_eq!(
            (world.origin.loads(), world.cases.stats().refreshes),
            (2, 1)
        );
    });
}
