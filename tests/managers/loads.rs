//! One load per key: who leads, who waits, what overtakes it.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Barrier, Notify, oneshot};
use tux_cache::ErrorKind;
use tux_cache::backend::Backend;
use tux_cache::managers::{JailStatusCache, ManagerOptions};

const GUILD: u64 = 1;
const USER: u64 = 2;

/// A load that says when it runs and ends when it is told to.
pub(crate) struct Held {
    pub(crate) running: oneshot::Receiver<()>,
    pub(crate) end: Arc<Notify>,
    pub(crate) load: HeldLoad,
}

pub(crate) struct HeldLoad {
    running: oneshot::Sender<()>,
    end: Arc<Notify>,
}

impl HeldLoad {
    pub(crate) async fn run<T>(self, value: T) -> Result<T, io::Error> {
        let _ = self.running.send(());
        self.end.notified().await;
        Ok(value)
    }
}

pub(crate) fn held() -> Held {
    let (sender, running) = oneshot::channel();
    let end = Arc::new(Notify::new());
    let load = HeldLoad {
        running: sender,
        end: Arc::clone(&end),
    };
    Held { running, end, load }
}

async fn never() -> Result<bool, Infallible> {
    panic!("this loader must not run")
}

/// Starts a held load of the key that returns `value`, and waits until it runs.
async fn start(
    jails: &JailStatusCache,
    value: bool,
) -> (
    tokio::task::JoinHandle<Result<bool, tux_cache::Error>>,
    Arc<Notify>,
) {
    let Held { running, end, load } = held();
    let jails = jails.clone();
    let leader = tokio::spawn(async move {
        jails
            .get_or_fetch(GUILD, USER, move || load.run(value))
            .await
    });
    running.await.expect("the loader runs");
    (leader, end)
}

pub(crate) async fn t18_ten_thousand_tasks_make_one_fetch(backend: &Backend) {
    const TASKS: usize = 10_000;
    let jails = JailStatusCache::new(backend.clone());
    let fetches = Arc::new(AtomicU32::new(0));
    let start = Arc::new(Barrier::new(TASKS));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (jails, fetches, start) = (jails.clone(), Arc::clone(&fetches), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let load = async move || {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(true)
                };
                jails.get_or_fetch(GUILD, USER, load).await
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    assert_eq!(jails.stats().published, 1);
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(true));
}

pub(crate) async fn t02_an_invalidation_during_a_load_wins(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let (leader, end) = start(&jails, true).await;
    jails.invalidate(GUILD, USER).await.unwrap();
    end.notify_one();
    assert!(
        leader.await.unwrap().unwrap(),
        "it asked before the invalidation"
    );
    assert_eq!(
        jails.get(GUILD, USER).await.unwrap(),
        None,
        "nothing is put back"
    );
    assert_eq!(jails.stats().overtaken, 1);
}

pub(crate) async fn t26_a_set_during_a_load_wins(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let (leader, end) = start(&jails, true).await;
    jails.set(GUILD, USER, false).await.unwrap();
    end.notify_one();
    leader.await.unwrap().unwrap();
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(false));
}

pub(crate) async fn t26_a_guild_wide_invalidation_during_a_load_wins(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    for wide in ["guild", "all"] {
        let (leader, end) = start(&jails, true).await;
        match wide {
            "guild" => jails.invalidate_guild(GUILD).await.unwrap(),
            _ => jails.clear_all().await.unwrap(),
        };
        end.notify_one();
        leader.await.unwrap().unwrap();
        assert_eq!(jails.get(GUILD, USER).await.unwrap(), None, "{wide}");
    }
}

/// L5: who calls after the invalidation returned does not join the flight it overtook.
pub(crate) async fn t05_a_caller_after_the_invalidation_loads_afresh(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let (leader, end) = start(&jails, true).await;
    jails.invalidate(GUILD, USER).await.unwrap();
    let fresh = jails
        .get_or_fetch(GUILD, USER, async || Ok::<_, Infallible>(false))
        .await;
    assert!(!fresh.unwrap());
    end.notify_one();
    assert!(leader.await.unwrap().unwrap());
    assert_eq!(
        jails.get(GUILD, USER).await.unwrap(),
        Some(false),
        "the fresh value stays"
    );
}

pub(crate) async fn t20_a_dropped_leader_cancels_nobody(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let (leader, end) = start(&jails, true).await;
    let waiter = tokio::spawn({
        let jails = jails.clone();
        async move { jails.get_or_fetch(GUILD, USER, never).await }
    });
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    // Whether or not the waiter has joined by now, the load under way is the only one.
    let late = jails.get_or_fetch(GUILD, USER, never);
    end.notify_one();
    assert!(late.await.unwrap());
    assert!(waiter.await.unwrap().unwrap());
    assert_eq!(jails.stats().loads, 1);
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(true));
}

pub(crate) async fn t24_a_cancelled_waiter_cancels_nobody(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let (leader, end) = start(&jails, true).await;
    let waiter = jails.get_or_fetch(GUILD, USER, never);
    let gave_up = tokio::time::timeout(Duration::from_millis(20), waiter).await;
    assert!(gave_up.is_err(), "the load is still held");
    end.notify_one();
    assert!(leader.await.unwrap().unwrap());
    assert_eq!(jails.stats().published, 1);
}

pub(crate) async fn t22_waiters_share_the_error_and_later_callers_start_afresh(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let Held { running, end, load } = held();
    let failing = async move || match load.run(()).await {
        Ok(()) => Err::<bool, _>(io::Error::other("database away")),
        Err(error) => Err(error),
    };
    let leader = tokio::spawn({
        let jails = jails.clone();
        async move { jails.get_or_fetch(GUILD, USER, failing).await }
    });
    running.await.unwrap();
    let mut waiter = Box::pin(jails.get_or_fetch(GUILD, USER, never));
    let joined = tokio::time::timeout(Duration::from_millis(50), &mut waiter).await;
    assert!(joined.is_err(), "it waits");
    end.notify_one();
    for error in [
        leader.await.unwrap().unwrap_err(),
        waiter.await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Loader);
        let source = std::error::Error::source(&error).expect("the loader's own error");
        assert_eq!(source.to_string(), "database away");
    }
    assert_eq!(jails.stats().load_errors, 1);
    let later = jails
        .get_or_fetch(GUILD, USER, async || Ok::<_, Infallible>(true))
        .await;
    assert!(later.unwrap(), "an error is never cached");
}

pub(crate) async fn t22_a_panic_unwinds_its_own_caller_only(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let Held { running, end, load } = held();
    let leader = tokio::spawn({
        let jails = jails.clone();
        async move {
            let load = async move || {
                load.run(()).await?;
                std::panic::resume_unwind(Box::new("loader broke")) as Result<bool, io::Error>
            };
            jails.get_or_fetch(GUILD, USER, load).await
        }
    });
    running.await.unwrap();
    let own = async || Ok::<_, Infallible>(true);
    let mut waiter = Box::pin(jails.get_or_fetch(GUILD, USER, own));
    let joined = tokio::time::timeout(Duration::from_millis(50), &mut waiter).await;
    assert!(joined.is_err(), "it waits");
    end.notify_one();
    assert!(
        waiter.await.unwrap(),
        "the waiter went on with its own loader"
    );
    let panic = leader.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"loader broke"));
}

pub(crate) async fn t23_a_load_that_takes_too_long_ends_for_all(backend: &Backend) {
    let options = ManagerOptions::new().load_timeout(Duration::from_millis(50));
    let jails = JailStatusCache::with_options(backend.clone(), options);
    let stuck = async || pending::<Result<bool, Infallible>>().await;
    let (leader, waiter) = tokio::join!(
        jails.get_or_fetch(GUILD, USER, stuck),
        jails.get_or_fetch(GUILD, USER, stuck),
    );
    for error in [leader.unwrap_err(), waiter.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("jail_status:1:2"), "{error}");
    }
    let later = jails
        .get_or_fetch(GUILD, USER, async || Ok::<_, Infallible>(true))
        .await;
    assert!(later.unwrap(), "the key is not left locked");
    assert_eq!(jails.stats().load_timeouts, 1);
}

pub(crate) async fn t25_a_nested_load_of_the_same_key_runs(backend: &Backend) {
    let jails = JailStatusCache::new(backend.clone());
    let inner = jails.clone();
    let outer = async move || {
        let nested = inner
            .get_or_fetch(GUILD, USER, async || Ok::<_, Infallible>(true))
            .await;
        assert!(nested.unwrap());
        Ok::<_, Infallible>(false)
    };
    let value = jails.get_or_fetch(GUILD, USER, outer).await;
    assert!(!value.unwrap());
    assert_eq!(jails.get(GUILD, USER).await.unwrap(), Some(false));
}
