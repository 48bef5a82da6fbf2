//! Values that were loaded together do not end together.

use std::collections::BTreeMap;
use std::io;

use tux_cache::backend::InMemoryBackend;
use tux_cache::managers::{CaseCache, ManagerOptions};
use tux_cache::time::ManualTicker;

use crate::common::{GUILD, TTL, memory, seconds};

const CASES: u64 = 200;

/// How many of the cases end in which second.
async fn ends(options: ManagerOptions) -> BTreeMap<u64, usize> {
    let (ticker, backend) = memory();
    let cases = CaseCache::with_options(backend, options);
    ends_of(&cases, &ticker).await
}

async fn ends_of(cases: &CaseCache, ticker: &ManualTicker) -> BTreeMap<u64, usize> {
    for number in 0..CASES {
        let load = async move || Ok::<_, io::Error>(Some(number));
        cases.get_or_fetch(GUILD, number, load).await.unwrap();
    }
    let mut ends = BTreeMap::new();
    let mut left: Vec<u64> = (0..CASES).collect();
    for second in 1..=121 {
        ticker.advance(seconds(1));
        let mut still = Vec::new();
        for number in left {
            match cases.get(GUILD, number).await.unwrap() {
                Some(_) => still.push(number),
                None => *ends.entry(second).or_default() += 1,
            }
        }
        left = still;
    }
    assert!(left.is_empty(), "{} live for longer", left.len());
    ends
}

fn options() -> ManagerOptions {
    ManagerOptions::new().ttl(TTL).jitter(seconds(30))
}

#[tokio::test]
async fn ends_are_spread_over_the_jitter_and_none_is_early() {
    let ends = ends(options().jitter_seed(1)).await;
    assert!(*ends.keys().next().unwrap() >= 60, "{ends:?}");
    assert!(*ends.keys().last().unwrap() <= 91, "{ends:?}");
    assert!(ends.len() > 25, "{ends:?}");
    assert!(ends.values().all(|count| *count < 30), "{ends:?}");
}

#[tokio::test]
async fn a_seed_repeats_and_none_does_not() {
    assert_eq!(
        ends(options().jitter_seed(5)).await,
        ends(options().jitter_seed(5)).await
    );
    assert_ne!(
        ends(options().jitter_seed(5)).await,
        ends(options().jitter_seed(6)).await
    );
    assert_ne!(ends(options()).await, ends(options()).await);
    let without = ends(ManagerOptions::new().ttl(TTL)).await;
    assert_eq!(without, BTreeMap::from([(61, CASES as usize)]));
}

/// The extra time is added to what the entry would live for, also where that is the memory's default.
#[tokio::test]
async fn a_memorys_default_gets_it_too() {
    let ticker = ManualTicker::new();
    let memory = InMemoryBackend::builder()
        .default_ttl(seconds(60))
        .max_size(1_000)
        .ticker(ticker.clone())
        .build();
    let options = ManagerOptions::new().jitter(seconds(30)).jitter_seed(1);
    let cases = CaseCache::with_options(memory.unwrap(), options);
    let ends = ends_of(&cases, &ticker).await;
    assert!(
        *ends.keys().next().unwrap() >= 60 && ends.len() > 25,
        "{ends:?}"
    );
}
