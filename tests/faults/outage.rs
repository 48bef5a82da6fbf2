//! The server is gone, stopped, cut off or half-open.

use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, CacheBackend};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy};

use crate::common::*;

/// Every operation of the text face, with its error.
async fn every_operation(b: &Backend) -> Vec<(&'static str, tux_cache::Error, Duration)> {
    let mut failures = Vec::new();
    macro_rules! must_fail {
        ($($name:literal: $call:expr),* $(,)?) => {$(
            let (result, took) = timed($call).await;
            match result {
                Err(error) => failures.push(($name, error, took)),
                Ok(value) => panic!("{} answered {value:?} without a server", $name),
            }
        )*};
    }
    must_fail![
        "get": b.get("k"),
        "set": b.set("k", 1, None),
        "delete": b.delete("k"),
        "exists": b.exists("k"),
        "get_many": b.get_many(&["k", "l"]),
        "set_many": b.set_many(&[("k", json!(1), None)]),
        "delete_prefix": b.delete_prefix("k"),
    ];
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_kill_9_is_unavailable_at_once_and_heals_within_a_second() {
    let server = server();
    let valkey = connect(&server.url()).await;
    let b = Backend::from(valkey.clone());
    b.set("k", 1, None).await.unwrap();
    assert!(valkey.is_connected());

    server.kill9();
    until("the loss is noticed", SLACK, async || {
        !valkey.is_connected()
    })
    .await;
    for (name, error, took) in every_operation(&b).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error}");
        assert!(took < AT_ONCE, "{name} took {took:?} with the circuit open");
    }
    assert!(valkey.ping().await.is_err());

    server.restart().expect("a restart");
    let took = until("a success", Duration::from_secs(1), async || {
        b.get("k").await.is_ok()
    })
    .await;
    println!("first success {took:?} after the server's return");
    assert!(valkey.is_connected());
    assert_eq!(
        b.get("k").await.unwrap(),
        None,
        "the server came back empty"
    );
    assert_eq!(valkey.stats().reconnects, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_when_the_server_dies_fail_and_do_not_hang() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    let calls: Vec<_> = (0..200)
        .map(|i| {
            let b = b.clone();
            tokio::spawn(async move { b.set(&format!("k{i}"), i, None).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.kill9();
    for call in calls {
        let (result, took) = timed(call).await;
        let error = result.unwrap().expect_err("no reply can have come");
        assert!(error.is_unavailable(), "{error}");
        assert!(took < TIMEOUT + SLACK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigstop_times_out_then_opens_the_circuit_and_sigcont_heals() {
    let server = server();
    let valkey = connect(&server.url()).await;
    let b = Backend::from(valkey.clone());
    b.set("k", 1, None).await.unwrap();

    server.sigstop();
    let (result, took) = timed(b.get("k")).await;
    let error = result.expect_err("a stopped server answers nothing");
    assert!(error.is_unavailable(), "{error}");
    assert!(took < TIMEOUT + SLACK, "{took:?}");
    until("the circuit opens", TIMEOUT + SLACK, async || {
        !valkey.is_connected()
    })
    .await;
    for (name, error, took) in every_operation(&b).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error}");
        assert!(took < AT_ONCE, "{name} took {took:?} with the circuit open");
    }

    server.sigcont();
    let took = until("a success", Duration::from_secs(1), async || {
        b.get("l").await.is_ok()
    })
    .await;
    println!("first success {took:?} after SIGCONT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t10_a_half_open_connection_is_found_by_ping_without_traffic() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    proxy.set(Fault::HalfOpen);
    // Ping interval and response timeout, documented as the bound.
    let bound = Duration::from_millis(200) + TIMEOUT + SLACK;
    until("the silence is noticed", bound, async || {
        !valkey.is_connected()
    })
    .await;
    proxy.set(Fault::Pass);
    until("a success", Duration::from_secs(1), async || {
        CacheBackend::get(&valkey, "k").await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_times_out_and_is_not_taken_for_dead() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    proxy.set(Fault::Delay(TIMEOUT / 4));
    let (result, took) = timed(b.get("k")).await;
    assert_eq!(result.unwrap(), None);
    assert!(took >= TIMEOUT / 4, "the delay was not there: {took:?}");
    proxy.set(Fault::Delay(TIMEOUT * 2));
    let (result, took) = timed(b.get("k")).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < TIMEOUT + SLACK, "{took:?}");
    assert!(valkey.stats().timeouts >= 1);
    proxy.set(Fault::Pass);
    until("a success", Duration::from_secs(3), async || {
        b.get("k").await.is_ok()
    })
    .await;
}

/// A reply that ends early, at every byte of it, is an error and never a value or a miss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_cut_short_is_never_an_answer() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    b.set("k", "value", None).await.unwrap();
    // "$7\r\n\"value\"\r\n" has 13 bytes.
    for fault in [Fault::Truncate, Fault::CutAfter] {
        for bytes in 0..13 {
            until("a connection", Duration::from_secs(3), async || {
                b.get("k").await.is_ok()
            })
            .await;
            proxy.set(fault(bytes));
            match b.get("k").await {
                Err(error) => assert!(
                    error.is_unavailable() || error.kind() == ErrorKind::Protocol,
                    "after {bytes} bytes: {error:?}"
                ),
                // A PING of the supervisor may have used the bytes up, and a new connection answered.
                Ok(value) => assert_eq!(value, Some(json!("value")), "after {bytes} bytes"),
            }
            proxy.set(Fault::Pass);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_sent_twice() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    let before = calls(&server, "set");
    let mut sent = 0;
    for round in 0..10 {
        proxy.set(Fault::CutAfter(100 * round));
        let tasks: Vec<_> = (0..50)
            .map(|i| {
                let b = b.clone();
                tokio::spawn(async move { b.set(&format!("k{i}"), i, None).await })
            })
            .collect();
        sent += tasks.len() as u64;
        for task in tasks {
            let _ = task.await.unwrap();
        }
        proxy.set(Fault::Pass);
        until("a connection", Duration::from_secs(3), async || {
            b.exists("k").await.is_ok()
        })
        .await;
    }
    let carried_out = calls(&server, "set") - before;
    assert!(carried_out <= sent, "{carried_out} SETs for {sent} calls");
    assert!(
        carried_out > 0,
        "nothing got through: the test shows nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_kill_under_load_gives_errors_and_right_answers_only() {
    let server = server();
    let b = backend(&server.url()).await;
    for i in 0..64 {
        b.set(&format!("k{i}"), i, None).await.unwrap();
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..64)
        .map(|i| {
            let (b, stop) = (b.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut right, mut failed) = (0_u64, 0_u64);
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    match b.get(&format!("k{i}")).await {
                        Ok(value) => {
                            assert_eq!(value, Some(json!(i)), "another key's value, or a miss");
                            right += 1;
                        }
                        Err(error) => {
                            assert!(error.is_unavailable(), "{error:?}");
                            failed += 1;
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                (right, failed)
            })
        })
        .collect();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server
            .command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut right, mut failed) = (0, 0);
    for reader in readers {
        let (r, f) = reader.await.unwrap();
        assert!(r > 0, "a reader never got an answer");
        right += r;
        failed += f;
    }
    println!("20 CLIENT KILLs: {right} right answers, {failed} errors");
    assert!(failed > 0, "no kill was felt: the test shows nothing");
}

/// The backend outlives the runtime on which it was connected.
#[test]
fn a_backend_goes_on_living_on_another_runtime() {
    let server = server();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let b = first.block_on(backend(&server.url()));
    first.block_on(b.set("k", 1, None)).unwrap();
    drop(first);
    runtime().block_on(async {
        until(
            "a success on the second runtime",
            Duration::from_secs(1),
            async || b.get("k").await.is_ok(),
        )
        .await;
        assert_eq!(b.get("k").await.unwrap(), Some(json!(1)));
    });
}
