//! Loads: one per key, batches merged, and what becomes of keys for which a batch finds nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Barrier, Notify, oneshot};
use tux_cache::backend::Backend;
use tux_cache::managers::{GuildId, UserId};
use tux_cache::{ErrorKind, TypedCache};

use crate::families::{Tags, Warnings};
use crate::stores::valkey;

type Member = (GuildId, UserId);

fn member(user: u64) -> Member {
    (GuildId(1), UserId(user))
}

fn members<const N: usize>(users: [u64; N]) -> [Member; N] {
    users.map(member)
}

/// Ten times the user's number.
fn rows(members: &[Member]) -> Vec<(Member, u32)> {
    let count = |user: UserId| 10 * u32::try_from(user.0).unwrap();
    members.iter().map(|at| (*at, count(at.1))).collect()
}

async fn never(asked: Vec<Member>) -> Result<Vec<(Member, u32)>, Infallible> {
    panic!("nothing is missing, but asked for {asked:?}")
}

pub(crate) async fn ten_thousand_callers_make_one_load(backend: &Backend) {
    const TASKS: usize = 10_000;
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let (loads, start) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(TASKS)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (warnings, loads, start) = (warnings.clone(), loads.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                let load = async move || {
                    loads.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(7)
                };
                warnings.get_or_fetch(member(2), load).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 7);
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let stats = warnings.stats();
    assert_eq!((stats.loads, stats.published), (1, 1));
}

pub(crate) async fn a_batch_loads_what_is_missing_once(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    warnings.set(member(1), 1).await.unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let asked = Arc::clone(&asked);
        async move |missing: Vec<Member>| {
            asked.lock().unwrap().clone_from(&missing);
            // In another order, with one that nobody asked for.
            let mut rows = rows(&missing);
            rows.push((member(99), 99));
            rows.reverse();
            Ok::<_, Infallible>(rows)
        }
    };
    let keys = members([3, 1, 2, 3]);
    let found = warnings.get_or_fetch_many(&keys, load).await.unwrap();
    assert_eq!(found, [Some(30), Some(1), Some(20), Some(30)]);
    assert_eq!(*asked.lock().unwrap(), members([3, 2]));
    assert_eq!(warnings.get(member(99)).await.unwrap(), None);
    // All of it is cached now.
    let found = warnings.get_or_fetch_many(&keys, never).await.unwrap();
    assert_eq!(found, [Some(30), Some(1), Some(20), Some(30)]);
    assert_eq!(warnings.get(member(2)).await.unwrap(), Some(20));
    assert!(
        warnings
            .get_or_fetch_many(&[], never)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(warnings.stats().loads, 1);
    // Keys with texts, and a map for an answer.
    let tags = TypedCache::<Tags>::new(backend.clone());
    let keys = ["a", "b"].map(|tag| (GuildId(1), tag));
    let load = async |missing: Vec<(GuildId, String)>| {
        let lengths = missing.into_iter().map(|tag| (tag, 1));
        Ok::<_, Infallible>(lengths.collect::<HashMap<_, _>>())
    };
    let found = tags.get_or_fetch_many(&keys, load).await.unwrap();
    assert_eq!(found, [Some(1), Some(1)]);
}

/// Two batches that overlap, and a single caller of a key in both: each key is loaded by one of them.
pub(crate) async fn overlapping_batches_load_each_key_once(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let (running, runs) = oneshot::channel();
    let end = Arc::new(Notify::new());
    let first = tokio::spawn({
        let (warnings, end) = (warnings.clone(), Arc::clone(&end));
        async move {
            let load = async move |missing: Vec<Member>| {
                running.send(()).unwrap();
                end.notified().await;
                assert_eq!(missing, members([1, 2, 3]));
                Ok::<_, Infallible>(rows(&missing))
            };
            warnings.get_or_fetch_many(&members([1, 2, 3]), load).await
        }
    });
    runs.await.unwrap();
    let second = tokio::spawn({
        let (warnings, end) = (warnings.clone(), Arc::clone(&end));
        async move {
            let load = async move |missing: Vec<Member>| {
                assert_eq!(missing, members([4, 5]), "2 and 3 are being loaded");
                end.notify_one();
                Ok::<_, Infallible>(rows(&missing))
            };
            let keys = members([3, 4, 2, 5]);
            warnings.get_or_fetch_many(&keys, load).await
        }
    });
    let second = second.await.unwrap().unwrap();
    assert_eq!(second, [Some(30), Some(40), Some(20), Some(50)]);
    let first = first.await.unwrap().unwrap();
    assert_eq!(first, [Some(10), Some(20), Some(30)]);
    let stats = warnings.stats();
    assert_eq!((stats.loads, stats.published), (2, 5));
}

pub(crate) async fn what_a_batch_does_not_find_is_none_and_is_not_kept(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let load = async |missing: Vec<Member>| Ok::<_, Infallible>(rows(&missing[..1]));
    let found = warnings
        .get_or_fetch_many(&members([1, 2]), load)
        .await
        .unwrap();
    assert_eq!(found, [Some(10), None]);
    assert_eq!(warnings.get(member(2)).await.unwrap(), None);
    let load = async |missing: Vec<Member>| {
        assert_eq!(missing, members([2]), "asked for again");
        Ok::<_, Infallible>(rows(&missing))
    };
    let found = warnings
        .get_or_fetch_many(&members([1, 2]), load)
        .await
        .unwrap();
    assert_eq!(found, [Some(10), Some(20)]);
}

pub(crate) async fn a_single_caller_behind_a_batch_that_found_nothing_loads_itself(
    backend: &Backend,
) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let (running, runs) = oneshot::channel();
    let end = Arc::new(Notify::new());
    let batch = tokio::spawn({
        let (warnings, end) = (warnings.clone(), Arc::clone(&end));
        async move {
            let load = async move |_: Vec<Member>| {
                running.send(()).unwrap();
                end.notified().await;
                Ok::<_, Infallible>([])
            };
            warnings.get_or_fetch_many(&members([1, 2]), load).await
        }
    });
    runs.await.unwrap();
    let single = tokio::spawn({
        let warnings = warnings.clone();
        async move {
            let load = async || Ok::<_, Infallible>(7);
            warnings.get_or_fetch(member(2), load).await
        }
    });
    // It waits for the batch, or comes after it: either way it loads for itself.
    tokio::task::yield_now().await;
    end.notify_one();
    assert_eq!(batch.await.unwrap().unwrap(), [None, None]);
    assert_eq!(single.await.unwrap().unwrap(), 7);
    assert_eq!(warnings.get(member(2)).await.unwrap(), Some(7));
    assert_eq!(warnings.get(member(1)).await.unwrap(), None);
}

pub(crate) async fn t26_a_set_during_a_batch_wins(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let load = {
        let warnings = warnings.clone();
        async move |missing: Vec<Member>| {
            warnings.set(member(1), 111).await.unwrap();
            warnings.invalidate(member(2)).await.unwrap();
            Ok::<_, Infallible>(rows(&missing))
        }
    };
    let found = warnings
        .get_or_fetch_many(&members([1, 2, 3]), load)
        .await
        .unwrap();
    assert_eq!(found, [Some(10), Some(20), Some(30)], "its own caller's");
    let now = warnings.get_many(&members([1, 2, 3])).await.unwrap();
    assert_eq!(now, [Some(111), None, Some(30)]);
    assert_eq!(warnings.stats().overtaken, 2);
}

pub(crate) async fn t22_an_error_of_a_batch_goes_to_all_and_is_not_kept(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let load = async |_: Vec<Member>| Err::<Vec<(Member, u32)>, _>(io::Error::other("no rows"));
    let error = warnings
        .get_or_fetch_many(&members([1, 2]), load)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Loader);
    let load = async |missing: Vec<Member>| Ok::<_, Infallible>(rows(&missing));
    let found = warnings.get_or_fetch_many(&members([1, 2]), load).await;
    assert_eq!(found.unwrap(), [Some(10), Some(20)]);
    let stats = warnings.stats();
    assert_eq!((stats.loads, stats.load_errors), (2, 1));
}

/// On Valkey a batch that is all cached is one MGET and nothing else; `set_many` is one pipeline; and one that misses
/// reads twice, the second time under its leases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_round_trip() {
    let (server, backend) = valkey().await;
    let warnings = TypedCache::<Warnings>::new(backend);
    let entries = (1..=50).map(|user| (member(user), 1));
    warnings.set_many(entries).await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).unwrap();
    let keys: Vec<Member> = (1..=50).map(member).collect();
    let found = warnings.get_or_fetch_many(&keys, never).await.unwrap();
    assert_eq!(found, vec![Some(1); 50]);
    let commands = |expected: &[(&str, u32)]| {
        let stats = server.command(&["INFO", "commandstats"]).unwrap();
        let stats = stats.text().unwrap().to_owned();
        for (command, calls) in expected {
            let line = format!("cmdstat_{command}:calls={calls},");
            assert!(stats.contains(&line), "{line} in {stats}");
        }
        assert!(!stats.contains("cmdstat_get:"), "{stats}");
    };
    commands(&[("mget", 1)]);
    let keys: Vec<Member> = (41..=60).map(member).collect();
    let load = async |missing: Vec<Member>| Ok::<_, Infallible>(rows(&missing));
    let found = warnings.get_or_fetch_many(&keys, load).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 20);
    commands(&[("mget", 3)]);
}
