//! L1 to L8 where callers are futures that poll their own loaders; T20 to T26.

use super::TTL as LONG;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tux_cache::time::ManualTicker;
use tux_cache::{Loaded, Remaining, TtlCache};

type Cache = TtlCache<u64, u64>;

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The value of a future that need not wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn cache() -> Arc<Cache> {
    Arc::new(TtlCache::new(LONG, 100))
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_hit_loads_nothing_and_a_miss_is_kept() {
    let cache = cache();
    assert_eq!(at_once(cache.get_or_fetch_async(1, async || 10)), 10);
    let no_load = || pending::<u64>();
    assert_eq!(at_once(cache.get_or_fetch_async(1, no_load)), 10);
    assert_eq!(at_once(cache.get_or_fetch_by_ref_async(&1, no_load)), 10);
    let failed: Result<u64, Arc<String>> =
        at_once(cache.try_get_or_fetch_async(2, async || Err::<u64, _>(String::from("no"))));
    assert_eq!(*failed.unwrap_err(), "no");
    let found: Result<u64, Arc<String>> =
        at_once(cache.try_get_or_fetch_by_ref_async(&2, async || Ok(20)));
    assert_eq!(found, Ok(20), "L6: an error is not kept");
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.insertions), (2, 3, 2));
}

/// The futures go from thread to thread, though a guard of the cache may not: none is held while they wait.
#[test]
fn futures_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let cache: TtlCache<String, u64> = TtlCache::new(LONG, 100);
    let load = || ready(1_u64);
    let fails = || ready(Ok::<u64, std::cell::Cell<u8>>(1).map_err(|_| 1_u8));
    is_send(&cache.get_or_fetch_async(String::new(), load));
    is_send(&cache.get_or_fetch_by_ref_async("", load));
    is_send(&cache.try_get_or_fetch_async(String::new(), fails));
    is_send(&cache.try_get_or_fetch_by_ref_async("", fails));
    // One that waits for its loader.
    let future = cache.get_or_fetch_by_ref_async("key", pending::<u64>);
    is_send(&future);
    let mut future = Box::pin(future);
    assert!(poll(future.as_mut()).is_pending());
    std::thread::scope(|scope| {
        // A guard that was left open would keep this from being freed, and would be left by another thread.
        scope.spawn(move || drop(future)).join().unwrap();
    });
    assert_eq!(cache.get_or_fetch(String::from("key"), || 2), 2);
}

/// L2: ten thousand tasks and some threads make one load.
#[test]
fn ten_thousand_callers_make_one_load() {
    let (cache, loads) = (cache(), Arc::new(AtomicUsize::new(0)));
    let runtime = threads();
    let go = Arc::new(Notify::new());
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loads, go) = (Arc::clone(&cache), Arc::clone(&loads), Arc::clone(&go));
            runtime.spawn(async move {
                let load = async || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    77
                };
                cache.get_or_fetch_async(7, load).await
            })
        })
        .collect();
    let blocking: Vec<_> = (0..8)
        .map(|_| {
            let (cache, loads) = (Arc::clone(&cache), Arc::clone(&loads));
            std::thread::spawn(move || {
                while loads.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                cache.get_or_fetch(7, || unreachable!("a task loads"))
            })
        })
        .collect();
    // A permit is kept for whoever comes to wait.
    go.notify_one();
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap(), 77);
    }
    for thread in blocking {
        assert_eq!(thread.join().unwrap(), 77);
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

/// A future waits for a thread that loads, and gets its value, or its error.
#[test]
fn a_future_waits_for_a_thread() {
    let cache = cache();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (end, may_end) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn({
        let cache = Arc::clone(&cache);
        move || {
            cache.try_get_or_fetch_shared(1, || {
                begun.send(()).unwrap();
                may_end.recv().unwrap();
                Err::<u64, _>(String::from("no"))
            })
        }
    });
    has_begun.recv().unwrap();
    let mut waits = Box::pin(cache.try_get_or_fetch_async(1, async || Ok::<u64, String>(1)));
    assert!(poll(waits.as_mut()).is_pending());
    end.send(()).unwrap();
    let theirs = thread.join().unwrap().unwrap_err();
    let ours = at_once(waits).unwrap_err();
    assert!(Arc::ptr_eq(&theirs, &ours), "L6: one error, shared");
    assert_eq!(cache.get(&1), None, "L6: not kept");
}

/// L4, T20: a leader that is dropped in the middle of its load hands over to one who waits, who runs its own loader.
#[test]
fn a_dropped_leader_hands_over() {
    let cache = cache();
    let mut leader = Box::pin(cache.get_or_fetch_async(1, pending::<u64>));
    assert!(poll(leader.as_mut()).is_pending());
    let mut first = Box::pin(cache.get_or_fetch_async(1, async || 2));
    let mut second = Box::pin(cache.get_or_fetch_async(1, async || 3));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    let thread = std::thread::scope(|scope| {
        let thread = scope.spawn(|| cache.get_or_fetch(1, || 4));
        drop(leader);
        let value = at_once(second);
        assert_eq!(at_once(first), value);
        (thread.join().unwrap(), value)
    });
    // Whoever came first: a future's loader or the thread's.
    assert_eq!(thread.0, thread.1);
    assert!([3, 4].contains(&thread.1));
    assert_eq!(cache.peek(&1), Some(thread.1));
}

/// L7, T24: one who waits and is dropped disturbs nobody; when all are gone, the next one starts afresh.
#[test]
fn a_dropped_waiter_takes_only_itself_away() {
    let cache = cache();
    let (value, given) = oneshot::channel::<u64>();
    let mut leader = Box::pin(cache.get_or_fetch_async(1, async move || given.await.unwrap()));
    assert!(poll(leader.as_mut()).is_pending());
    let mut gone = Box::pin(cache.get_or_fetch_async(1, async || 2));
    let mut stays = Box::pin(cache.get_or_fetch_async(1, async || 3));
    assert!(poll(gone.as_mut()).is_pending() && poll(stays.as_mut()).is_pending());
    drop(gone);
    value.send(1).unwrap();
    assert_eq!((at_once(leader), at_once(stays)), (1, 1));
    let mut all = Box::pin(cache.get_or_fetch_async(2, pending::<u64>));
    assert!(poll(all.as_mut()).is_pending());
    drop(all);
    assert_eq!(at_once(cache.get_or_fetch_async(2, async || 5)), 5);
}

/// L4: a panic unwinds the leader alone.
#[test]
fn a_loader_that_panics_hands_over() {
    let cache = cache();
    let (fail, failing) = oneshot::channel::<()>();
    let panics = async move || -> u64 {
        failing.await.unwrap();
        panic!("no")
    };
    let mut leader = Box::pin(cache.get_or_fetch_async(1, panics));
    assert!(poll(leader.as_mut()).is_pending());
    let mut waiter = Box::pin(cache.get_or_fetch_async(1, async || 2));
    assert!(poll(waiter.as_mut()).is_pending());
    fail.send(()).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(leader.as_mut())));
    assert!(caught.is_err());
    assert_eq!(at_once(waiter), 2);
    assert_eq!(cache.peek(&1), Some(2));
}

/// L5, T26: what is invalidated, cleared or set during a load is not overwritten by it; those who waited get its value.
#[test]
fn a_change_during_a_load_wins() {
    type Change = fn(&Cache);
    let changes: [(Change, Option<u64>); 6] = [
        (|cache| _ = cache.invalidate(&1), None),
        (|cache| _ = cache.remove(&1), None),
        (|cache| cache.clear(), None),
        (|cache| cache.set(1, 50), Some(50)),
        (
            |cache| assert!(cache.set_if_absent(1, 50).is_ok()),
            Some(50),
        ),
        (
            |cache| _ = cache.update(1, |_| tux_cache::Update::Set(50)),
            Some(50),
        ),
    ];
    for (change, then) in changes {
        let cache = cache();
        let (value, given) = oneshot::channel::<u64>();
        let mut old = Box::pin(cache.get_or_fetch_async(1, async move || given.await.unwrap()));
        assert!(poll(old.as_mut()).is_pending());
        change(&cache);
        // Whoever comes now does not get the old value.
        let new = at_once(cache.get_or_fetch_async(1, async || 60));
        assert_eq!(new, then.unwrap_or(60));
        value.send(10).unwrap();
        assert_eq!(at_once(old), 10);
        assert_eq!(cache.peek(&1), Some(new));
    }
}

/// L8, T25: a load that asks for its own key, at once or through another load, does not wait for itself.
#[test]
fn a_nested_load_does_not_wait_for_itself() {
    let cache = cache();
    let load = async || {
        let inner = cache.get_or_fetch_async(1, async || 5).await;
        // Through a load of another key, and by the blocking form.
        let through = cache
            .get_or_fetch_async(2, async || cache.get_or_fetch(1, || 6) + 10)
            .await;
        inner + through
    };
    assert_eq!(at_once(cache.get_or_fetch_async(1, load)), 21);
    assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(21), Some(16)));
}

/// L8: two tasks that load crosswise.
#[test]
fn crosswise_loads_do_not_deadlock() {
    for _ in 0..200 {
        let cache = cache();
        let cross = |own: u64, other: u64| {
            let cache = &cache;
            cache.get_or_fetch_async(own, move || async move {
                tokio::task::yield_now().await;
                cache.get_or_fetch_async(other, async || 1).await + 1
            })
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (a, b) = runtime.block_on(async { tokio::join!(cross(1, 2), cross(2, 1)) });
        assert!((2..=3).contains(&a) && (2..=3).contains(&b), "{a}, {b}");
    }
}

/// The leader is woken by its own loader, also when its future has moved on to another task.
#[test]
fn a_leader_may_move_to_another_task() {
    let (cache, runtime) = (cache(), threads());
    let (value, given) = oneshot::channel::<u64>();
    let moved = Arc::clone(&cache);
    let mut leader = Box::pin(async move {
        moved
            .get_or_fetch_async(1, async move || given.await.unwrap())
            .await
    });
    assert!(poll(leader.as_mut()).is_pending());
    let led = runtime.spawn(leader);
    let waits = {
        let cache = Arc::clone(&cache);
        runtime.spawn(async move { cache.get_or_fetch_async(1, async || 9).await })
    };
    value.send(1).unwrap();
    assert_eq!(runtime.block_on(led).unwrap(), 1);
    assert_eq!(runtime.block_on(waits).unwrap(), 1);
}

/// T22: one who has waited for loads that failed in another way than its own can does not queue up for ever.
#[test]
fn another_error_type_is_not_waited_for_for_ever() {
    let cache = cache();
    let lead = || {
        let (fail, failing) = oneshot::channel::<()>();
        let load = async move || {
            failing.await.unwrap();
            Err::<u64, _>(String::from("no"))
        };
        let mut leader = Box::pin(cache.try_get_or_fetch_async(1, load));
        assert!(poll(leader.as_mut()).is_pending());
        (fail, leader)
    };
    let (mut fail, mut leader) = lead();
    let waiter = cache.try_get_or_fetch_async(1, async || Err::<u64, u8>(7));
    let mut waiter = Box::pin(waiter);
    for _ in 0..2 {
        assert!(poll(waiter.as_mut()).is_pending());
        fail.send(()).unwrap();
        assert_eq!(*at_once(leader).unwrap_err(), "no");
        (fail, leader) = lead();
    }
    assert_eq!(*at_once(waiter).unwrap_err(), 7, "though somebody loads");
    drop((fail, leader));
}

/// A load that never ends holds up its own key alone.
#[test]
fn loads_of_other_keys_do_not_wait() {
    let cache = cache();
    let mut never = Box::pin(cache.get_or_fetch_async(1, pending::<u64>));
    assert!(poll(never.as_mut()).is_pending());
    for key in 2..50 {
        assert_eq!(at_once(cache.get_or_fetch_async(key, async || key)), key);
    }
    // Woken only when the load is over.
    let mut waits = Box::pin(cache.get_or_fetch_async(1, pending::<u64>));
    let polled = at_once(poll_fn(|cx| {
        Poll::Ready(waits.as_mut().poll(cx).is_pending())
    }));
    assert!(polled);
}

/// Each form takes a time to live from its loader.
#[test]
fn a_loader_may_say_how_long() {
    let ticker = ManualTicker::new();
    let cache: TtlCache<String, Option<u64>> = TtlCache::builder()
        .ttl(LONG)
        .max_size(100)
        .ticker(ticker.clone())
        .build()
        .unwrap();
    let short = Duration::from_secs(5);
    let absent = || Loaded::new(None).ttl(short);
    let key = |n: u8| n.to_string();
    assert_eq!(cache.get_or_fetch_with_ttl(key(0), absent), None);
    let fails = || Ok::<_, String>(absent());
    assert_eq!(cache.try_get_or_fetch_with_ttl(key(1), fails), Ok(None));
    assert_eq!(cache.get_or_fetch_by_ref("2", absent), None);
    assert_eq!(cache.try_get_or_fetch_by_ref("3", fails), Ok(None));
    assert_eq!(
        at_once(cache.get_or_fetch_async(key(4), async || absent())),
        None
    );
    assert_eq!(
        at_once(cache.try_get_or_fetch_async(key(5), async || fails())),
        Ok(None)
    );
    assert_eq!(
        at_once(cache.get_or_fetch_by_ref_async("6", async || absent())),
        None
    );
    let by_ref = cache.try_get_or_fetch_by_ref_async("7", async || fails());
    assert_eq!(at_once(by_ref), Ok(None));
    for n in 0..8 {
        assert_eq!(cache.remaining(&key(n)), Some(Remaining::For(short)), "{n}");
    }
    // Plain values live as long as the cache says.
    assert_eq!(cache.get_or_fetch_by_ref("8", || Some(8)), Some(8));
    assert_eq!(
        at_once(cache.get_or_fetch_async(key(9), async || Some(9))),
        Some(9)
    );
    for n in 8..10 {
        assert_eq!(cache.remaining(&key(n)), Some(Remaining::For(LONG)));
    }
    let forever = cache.get_or_fetch_with_ttl(key(10), || Loaded::new(Some(1)).forever());
    assert_eq!(forever, Some(1));
    assert_eq!(cache.remaining("10"), Some(Remaining::Forever));
    let unkept = cache.get_or_fetch_with_ttl(key(11), || Loaded::new(Some(2)).ttl(Duration::ZERO));
    assert_eq!((unkept, cache.peek("11")), (Some(2), None));
    ticker.advance(short + Duration::from_millis(1));
    assert_eq!(cache.len(), 3, "what was absent is asked for again");
    assert_eq!(cache.get_or_fetch_by_ref("0", || Some(1)), Some(1));
}

/// L2, L6: the sync form that shares its error goes on as it was.
#[test]
fn loaders_that_are_inferred_still_are() {
    let cache: TtlCache<u64, Vec<u8>> = TtlCache::new(LONG, 10);
    assert_eq!(cache.get_or_fetch(1, Default::default), Vec::<u8>::new());
    assert_eq!(cache.get_or_fetch(2, || "ab".into()), b"ab");
    assert_eq!(cache.get_or_fetch(2, || unreachable!("it is there")), b"ab");
    let text = cache.try_get_or_fetch(3, || "c".parse::<char>().map(|c| c.to_string().into()));
    assert_eq!(text.unwrap(), b"c");
    assert_eq!(cache.get_or_fetch(4, || (0..3).collect()), [0, 1, 2]);
}
