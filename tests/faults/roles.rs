//! What the server is: a primary, a replica, one that loads, a sentinel, a node of a cluster.

use std::time::Duration;

use tux_cache::backend::{Backend, KeyRef, ValkeyBackend};
use tux_cache::{CacheSetup, ErrorKind};
use tux_cache_test_support::json;
use tux_cache_test_support::{FaultProxy, ValkeyServer};

use crate::common::*;

/// A replica and its primary, in step.
async fn pair() -> (ValkeyServer, ValkeyServer) {
    let primary = server();
    primary.command(&["SET", "tux:k", "1"]).unwrap();
    let replica = ValkeyServer::builder().replicaof(&primary).start().unwrap();
    until("replication", Duration::from_secs(10), async || {
        raw(&replica, "tux:k").is_some()
    })
    .await;
    (primary, replica)
}

/// A planned failover: the connection stays up, and every write is refused. It is given up, and the next one waits for a
/// server that takes writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_became_a_replica_is_given_up() {
    let (other, server) = (server(), server());
    let valkey = connect(&server.url()).await;
    let b = Backend::from(valkey.clone());
    b.set("k", 1, None).await.unwrap();
    let port = other.port().unwrap().to_string();
    server.command(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    let key = KeyRef::GuildConfig { guild: 1 };
    let refused = [
        b.set("k", 2, None).await.unwrap_err(),
        b.delete("k").await.unwrap_err(),
        b.set_many(&[("k", json!(1), None)]).await.unwrap_err(),
        b.delete_prefix("k").await.unwrap_err(),
        b.put_leased(b.lease(key), key, json!(1).into(), None)
            .await
            .unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        assert!(error.to_string().contains("READONLY"), "{error}");
    }
    assert!(!valkey.is_connected(), "every write would be refused");
    let error = b.get("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // Still a replica: not taken for healthy however often it is asked.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!valkey.is_connected());
    let error = b.set("k", 2, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert!(error.to_string().contains("is a replica"), "{error}");
    // Promoted again.
    server.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    until("writes", Duration::from_secs(2), async || {
        b.set("k", 3, None).await.is_ok()
    })
    .await;
    until("nothing is owed", Duration::from_secs(2), async || {
        valkey.stats().retries_pending == 0
    })
    .await;
}

/// The name stands for the new primary from now on: each kind of write finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_primary_is_found_by_its_name() {
    let (primary, replica) = pair().await;
    // Both behind one address, as a name or a service would be.
    let proxy = FaultProxy::start(&primary).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    proxy.lead_to(&replica);
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let port = replica.port().unwrap().to_string();
    primary.command(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    let key = KeyRef::GuildConfig { guild: 1 };
    assert!(valkey.is_connected());
    let error = b.update(key, None, |_| json!({}).into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    until("writes", Duration::from_secs(2), async || {
        b.set("k", 3, None).await.is_ok()
    })
    .await;
    assert_eq!(raw(&replica, "tux:k"), Some(b"3".to_vec()));
    assert_eq!(valkey.stats().reconnects, 1);
}

/// A replica without its primary that does not serve old data.
#[tokio::test]
async fn masterdown_gives_the_link_up() {
    let (primary, replica) = pair().await;
    let valkey = connect(&replica.url()).await;
    let b = Backend::from(valkey.clone());
    assert_eq!(b.get("k").await.unwrap(), Some(json!(1)));
    replica
        .command(&["CONFIG", "SET", "replica-serve-stale-data", "no"])
        .unwrap();
    primary.kill9();
    let mut last = None;
    until("MASTERDOWN", Duration::from_secs(3), async || {
        last = b.get("k").await.err();
        last.is_some()
    })
    .await;
    let error = last.unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("MASTERDOWN"), "{error}");
    assert!(!valkey.is_connected());
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    until("an answer", Duration::from_secs(2), async || {
        b.get("k").await.is_ok()
    })
    .await;
}

/// LOADING: one connection, asked again and again, and the answer is that nothing is known.
#[tokio::test]
async fn a_server_that_loads_is_asked_again_on_the_same_connection() {
    let server = ValkeyServer::builder()
        .config("key-load-delay", "2000")
        .config("loading-process-events-interval-bytes", "1024")
        .config("rdbcompression", "no")
        .start()
        .unwrap();
    let proxy = FaultProxy::start(&server).unwrap();
    // Timeouts that a busy machine keeps: an attempt that fails by one would be followed by another.
    let patient = settings(&proxy.url("valkey"))
        .response_timeout(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(5));
    let valkey = ValkeyBackend::connect(patient).await.unwrap();
    let b = Backend::from(valkey.clone());
    let value = "x".repeat(200);
    let entries: Vec<_> = (0..500)
        .map(|i| (format!("k{i}"), json!(value), None))
        .collect();
    b.set_many(&entries).await.unwrap();
    server.command(&["SAVE"]).unwrap();
    server.kill9();
    server.restart_without_waiting().unwrap();
    let mut told = 0;
    let mut accepted = 0;
    until("loaded", Duration::from_secs(10), async || {
        match b.get("k499").await {
            Ok(found) => {
                assert_eq!(found, Some(json!(value)));
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                if error.to_string().contains("LOADING") {
                    if told == 0 {
                        accepted = proxy.accepted();
                    }
                    told += 1;
                }
                false
            }
        }
    })
    .await;
    assert!(told > 0, "LOADING was never seen: the test shows nothing");
    // Attempts overlap, so two more may have been under way.
    let more = proxy.accepted() - accepted;
    assert!(more <= 2, "{more} new connections while it was loading");
}

#[tokio::test]
async fn a_sentinel_and_a_cluster_node_are_refused_as_settings_that_cannot_work() {
    let sentinel = ValkeyServer::builder().sentinel().start().unwrap();
    let node = ValkeyServer::builder()
        .config("cluster-enabled", "yes")
        .start()
        .unwrap();
    for (server, word) in [(sentinel, "sentinel"), (node, "cluster")] {
        for url in [server.url(), format!("valkey://{}/3", server.addr())] {
            let (result, took) = timed(ValkeyBackend::connect(settings(&url))).await;
            let error = result.expect_err(word);
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(error.to_string().contains(word), "{error}");
            assert!(took < SLACK, "{word}: tried again in vain, {took:?}");
            let strict = CacheSetup::builder()
                .settings(settings(&url))
                .leave_shared()
                .require_valkey()
                .await;
            assert_eq!(strict.unwrap_err().kind(), ErrorKind::Config);
        }
    }
}
