//! Failed invalidations are carried out later (T37).

use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, CacheBackend, KeyFamily, KeySet, ValkeyBackend};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy};

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t37_a_failed_invalidation_reaches_the_server_before_anybody_reads_again() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    for key in ["a", "b", "jail_status:1:2", "jail_status:1:3", "keep"] {
        b.set(key, 1, None).await.unwrap();
    }
    proxy.set(Fault::Refuse);
    until("the loss is noticed", SLACK, async || {
        !valkey.is_connected()
    })
    .await;
    for _ in 0..50 {
        assert!(b.delete("a").await.unwrap_err().is_unavailable());
        assert!(b.delete("b").await.unwrap_err().is_unavailable());
        let jail = KeySet::Guild(KeyFamily::JailStatus, 1);
        assert!(b.remove_set(&jail).await.unwrap_err().is_unavailable());
    }
    assert_eq!(valkey.stats().retries_pending, 3, "one per key");
    assert!(raw(&server, "tux:a").is_some());

    proxy.set(Fault::Pass);
    let mut first = None;
    until("a success", Duration::from_secs(3), async || {
        first = b
            .get_many(&["a", "b", "jail_status:1:2", "jail_status:1:3", "keep"])
            .await
            .ok();
        first.is_some()
    })
    .await;
    let first = first.unwrap();
    assert_eq!(
        first,
        [None, None, None, None, Some(json!(1))],
        "a stale value was read"
    );
    until("all are carried out", Duration::from_secs(2), async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    let stats = valkey.stats();
    assert_eq!(
        (
            stats.retries_pending,
            stats.retries_done,
            stats.retries_lost
        ),
        (0, 3, 0)
    );
}

/// "Jailed" could not be written: the "not jailed" of before must not be read as if nothing had happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t37_a_failed_write_does_not_leave_the_outdated_value() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    for key in ["jail_status:1:2", "jail_status:1:3", "guild_config:1"] {
        b.set(key, false, None).await.unwrap();
    }
    proxy.set(Fault::Refuse);
    until("the loss is noticed", SLACK, async || {
        !valkey.is_connected()
    })
    .await;
    b.set("jail_status:1:2", true, None).await.unwrap_err();
    b.set_many(&[("jail_status:1:3", json!(true), None)])
        .await
        .unwrap_err();
    let config = tux_cache::backend::KeyRef::GuildConfig { guild: 1 };
    let snapshot = b.snapshot(config).await;
    assert!(snapshot.unwrap_err().is_unavailable());
    proxy.set(Fault::Pass);
    let keys = ["jail_status:1:2", "jail_status:1:3", "guild_config:1"];
    let mut found = Vec::new();
    until("a success", Duration::from_secs(3), async || {
        match b.get_many(&keys).await {
            Ok(values) => {
                found = values;
                true
            }
            Err(_) => false,
        }
    })
    .await;
    assert_eq!(found, [None, None, Some(json!(false))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t37_the_queue_is_bounded_and_what_is_lost_is_counted() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = ValkeyBackend::connect(settings(&proxy.url("valkey")).retry_limit(10))
        .await
        .unwrap();
    proxy.set(Fault::Refuse);
    until("the loss is noticed", SLACK, async || {
        !valkey.is_connected()
    })
    .await;
    for i in 0..100 {
        CacheBackend::delete(&valkey, &format!("k{i}"))
            .await
            .unwrap_err();
    }
    let stats = valkey.stats();
    assert_eq!((stats.retries_pending, stats.retries_lost), (10, 90));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t37_an_invalidation_whose_future_is_dropped_is_carried_out() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    b.set("k", 1, None).await.unwrap();
    // The request itself vanishes on the way, and the caller gives up at once.
    proxy.set(Fault::HalfOpen);
    let gave_up = tokio::time::timeout(Duration::from_millis(20), b.delete("k")).await;
    assert!(gave_up.is_err());
    proxy.set(Fault::Pass);
    until("the removal", Duration::from_secs(4), async || {
        raw(&server, "tux:k").is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_after_a_failed_invalidation_is_not_undone_by_its_retry() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    proxy.set(Fault::Delay(TIMEOUT * 2));
    let error = b.delete("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    proxy.set(Fault::Pass);
    until("the queue is empty", Duration::from_secs(4), async || {
        valkey.is_connected() && valkey.stats().retries_done == 1
    })
    .await;
    b.set("k", 2, None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(b.get("k").await.unwrap(), Some(json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_carries_out_what_waits_and_is_idempotent() {
    let primary = server();
    let replica = tux_cache_test_support::ValkeyServer::builder()
        .replicaof(&primary)
        .start()
        .unwrap();
    // A ping interval this long leaves the work to `close`.
    let settings = settings(&replica.url()).ping_interval(Duration::from_secs(60));
    let valkey = ValkeyBackend::connect(settings).await.unwrap();
    primary.command(&["SET", "tux:k", "1"]).unwrap();
    until("replication", Duration::from_secs(10), async || {
        raw(&replica, "tux:k").is_some()
    })
    .await;
    let error = CacheBackend::delete(&valkey, "k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    valkey.close(Duration::from_secs(2)).await;
    assert_eq!(raw(&replica, "tux:k"), None);
    let ((), took) = timed(valkey.close(Duration::from_secs(2))).await;
    assert!(took < AT_ONCE);
    let error = CacheBackend::get(&valkey, "k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(!valkey.is_connected());
}
