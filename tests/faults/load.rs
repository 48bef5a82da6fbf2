//! Mixed operations from 64 tasks while the server is killed ten times.
//!
//! `TUX_LOAD_OPS` sets the number of operations that must succeed; the full run is 1,000,000.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tux_cache::backend::{Backend, Json};
use tux_cache_test_support::json;

use crate::common::*;

const TASKS: u64 = 64;
const KILLS: u64 = 10;
const KEYS: u64 = 16;

/// What one key may hold, as its only writer knows it. A server that was killed may have lost it, so
/// "nothing" is always possible unless said otherwise.
#[derive(Default)]
struct Key {
    possible: HashSet<u64>,
}

#[derive(Default)]
struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
    slowest_micros: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_operations_while_the_server_is_killed_ten_times() {
    let operations: u64 = std::env::var("TUX_LOAD_OPS")
        .map(|text| {
            text.parse()
                .expect("TUX_LOAD_OPS is a number of operations")
        })
        .unwrap_or(40_000);
    let server = server();
    let valkey = connect(&server.url()).await;
    let b = Backend::from(valkey.clone());
    let tally = Arc::new(Tally::default());
    let before = resident_kib();
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            tokio::spawn(work(
                task,
                operations / TASKS,
                b.clone(),
                Arc::clone(&tally),
            ))
        })
        .collect();
    for kill in 1..=KILLS {
        let at = operations * kill / (KILLS + 1);
        while tally.done.load(Ordering::Relaxed) < at {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.kill9();
        tokio::time::sleep(Duration::from_millis(30)).await;
        server.restart().expect("a restart");
    }
    for task in tasks {
        task.await.expect("no wrong answer");
    }
    let (took, stats) = (start.elapsed(), valkey.stats());
    println!(
        "{operations} operations succeeded, {} failed, {KILLS} kills, {} reconnects, {took:.1?}, slowest {:?}, \
         memory {} KiB before and {} KiB after, {stats:?}",
        tally.failed.load(Ordering::Relaxed),
        stats.reconnects,
        Duration::from_micros(tally.slowest_micros.load(Ordering::Relaxed)),
        before,
        resident_kib(),
    );
    until(
        "the retry queue is empty",
        Duration::from_secs(3),
        async || valkey.stats().retries_pending == 0,
    )
    .await;
    assert_eq!(stats.retries_lost, 0);
    assert!(stats.reconnects >= KILLS);
    let slowest = Duration::from_micros(tally.slowest_micros.load(Ordering::Relaxed));
    assert!(
        slowest < TIMEOUT + Duration::from_secs(2),
        "an operation took {slowest:?}"
    );
    assert!(
        resident_kib() < before + 64 * 1024,
        "memory grew without bound"
    );
}

async fn work(task: u64, operations: u64, b: Backend, tally: Arc<Tally>) {
    let mut rng = SmallRng::seed_from_u64(task);
    let mut keys: Vec<Key> = (0..KEYS).map(|_| Key::default()).collect();
    // As many operations as asked for must succeed; those that fail come on top.
    let (mut version, mut succeeded) = (0, 0);
    while succeeded < operations {
        version += 1;
        let at = rng.random_range(0..KEYS) as usize;
        let (name, key) = (format!("load:{task}:{at}"), &mut keys[at]);
        // The value names its key: an answer meant for somebody else is found out.
        let value = task << 48 | (at as u64) << 40 | version;
        let started = Instant::now();
        let deadline = Duration::from_secs(20);
        let ok = tokio::time::timeout(
            deadline,
            operate(&b, rng.random_range(0..10), &name, key, value),
        )
        .await
        .expect("an operation hangs: a lost wake-up");
        let micros = started.elapsed().as_micros() as u64;
        tally.slowest_micros.fetch_max(micros, Ordering::Relaxed);
        if ok {
            succeeded += 1;
            tally.done.fetch_add(1, Ordering::Relaxed);
        } else {
            tally.failed.fetch_add(1, Ordering::Relaxed);
            // An open circuit answers at once; a bot would not spin either.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// One operation; `false` if it failed. Panics on an answer that cannot be right.
async fn operate(b: &Backend, kind: u32, name: &str, key: &mut Key, value: u64) -> bool {
    let check = |key: &Key, found: &Option<Json>| {
        if let Some(found) = found {
            let found = found.as_u64().expect("a number was written");
            assert!(
                key.possible.contains(&found),
                "{name}: {found:#x} was not written last"
            );
        }
    };
    let result = match kind {
        0..5 => b.get(name).await.map(|found| check(key, &found)),
        5 => b.get_many(&[name, "load:none"]).await.map(|found| {
            check(key, &found[0]);
            assert_eq!(found[1], None);
        }),
        6 => b.exists(name).await.map(|there| {
            assert!(!there || !key.possible.is_empty(), "{name} was removed");
        }),
        7 | 8 => {
            let ttl = (kind == 7).then_some(Duration::from_secs(600));
            match b.set(name, json!(value), ttl).await {
                Ok(()) => {
                    key.possible = HashSet::from([value]);
                    Ok(())
                }
                Err(error) => {
                    // It may have been carried out.
                    key.possible.insert(value);
                    Err(error)
                }
            }
        }
        _ => b.delete(name).await.map(|_| key.possible.clear()),
    };
    match result {
        Ok(()) => true,
        Err(error) => {
            assert!(error.is_unavailable(), "{error:?}");
            false
        }
    }
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
