//! The server is there and says no.

use std::time::Duration;

use tux_cache::backend::{Backend, CacheBackend, Undecodable, ValkeyBackend, ValkeySettings};
use tux_cache::{Error, ErrorKind};
use tux_cache_test_support::json;
use tux_cache_test_support::{TestCa, TlsProxy, ValkeyServer};

use crate::common::*;

async fn refused(settings: ValkeySettings) -> Error {
    ValkeyBackend::connect(settings)
        .await
        .expect_err("this must not connect")
}

#[tokio::test]
async fn a_wrong_password_is_auth_at_once_and_is_never_shown() {
    let server = ValkeyServer::builder()
        .requirepass("right")
        .start()
        .unwrap();
    let addr = server.addr();
    for url in [
        format!("valkey://:hunter2@{addr}"),
        format!("valkey://nobody:hunter2@{addr}"),
        format!("valkey://{addr}"),
    ] {
        let (error, took) = timed(refused(settings(&url))).await;
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        let shown = format!("{error} {error:?} {:?}", settings(&url));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(
            took < Duration::from_millis(900),
            "retried in vain: {took:?}"
        );
    }
    let b = backend(&server.url()).await;
    b.set("k", 1, None).await.unwrap();
    assert!(!format!("{b:?}").contains("right"));
}

#[tokio::test]
async fn a_user_without_a_password_is_that_user() {
    let server = ValkeyServer::builder()
        .acl("guest on nopass ~tux:k +@all")
        .start()
        .unwrap();
    let b = backend(&format!("valkey://guest@{}", server.addr())).await;
    b.set("k", 1, None).await.unwrap();
    let error = b.set("l", 1, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
}

#[tokio::test]
async fn an_acl_without_the_key_pattern_is_auth() {
    let server = ValkeyServer::builder()
        .acl("bot on >pw ~other:* +@all")
        .start()
        .unwrap();
    let b = backend(&format!("valkey://bot:pw@{}", server.addr())).await;
    for error in [
        b.get("k").await.unwrap_err(),
        b.set("k", 1, None).await.unwrap_err(),
        b.delete("k").await.unwrap_err(),
        b.get_many(&["k"]).await.unwrap_err(),
        b.set_many(&[("k", json!(1), None)]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    }
    assert_eq!(
        b.stats().retries_pending,
        1,
        "the key's removal is owed until the permission is there"
    );
}

#[tokio::test]
async fn tls_needs_the_right_ca() {
    let server = server();
    let (ca, other) = (TestCa::new("right"), TestCa::new("wrong"));
    let proxy = TlsProxy::start(server.addr(), &ca).unwrap();
    for scheme in ["valkeys", "rediss"] {
        let url = proxy.url(scheme);
        let valkey = ValkeyBackend::connect(settings(&url).ca_pem(ca.pem()))
            .await
            .expect("the right CA");
        CacheBackend::set(&valkey, "k", json!(1), None)
            .await
            .unwrap();
        let error = refused(settings(&url).ca_pem(other.pem()).connect_attempts(1)).await;
        assert!(
            error.is_unavailable() || error.kind() == ErrorKind::Auth,
            "{error:?}"
        );
        // Trusting the system's CAs does not help either.
        refused(settings(&url).connect_attempts(1)).await;
    }
    let error = refused(settings("valkeys://localhost:1").ca_pem("no pem")).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    // Plain TCP against TLS, and TLS against plain TCP.
    refused(settings(&proxy.url("valkey")).connect_attempts(1)).await;
    let plain = format!("valkeys://{}", server.addr());
    refused(settings(&plain).ca_pem(ca.pem()).connect_attempts(1)).await;
}

#[tokio::test]
async fn the_ca_can_come_from_the_url() {
    let server = server();
    let ca = TestCa::new("right");
    let proxy = TlsProxy::start(server.addr(), &ca).unwrap();
    let dir = std::env::temp_dir().join(format!("tux-cache-ca-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("ca.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    let url = format!("{}?ssl_ca_certs={}", proxy.url("rediss"), file.display());
    let connected = ValkeyBackend::connect(settings(&url)).await;
    std::fs::remove_dir_all(&dir).unwrap();
    connected.expect("the CA of the URL");
    let error = refused(settings(&url)).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn a_full_server_is_out_of_memory_and_still_reads_and_deletes() {
    let server = ValkeyServer::builder()
        .maxmemory("3mb", "noeviction")
        .start()
        .unwrap();
    let b = backend(&server.url()).await;
    let value = "x".repeat(64 * 1024);
    let mut stored = 0;
    let error = loop {
        match b.set(&format!("k{stored}"), value.as_str(), None).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1_000, "the server is never full");
    };
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    let many = [("a", json!(value), None), ("b", json!(1), None)];
    assert_eq!(
        b.set_many(&many).await.unwrap_err().kind(),
        ErrorKind::OutOfMemory
    );
    assert_eq!(b.get("k0").await.unwrap(), Some(json!(value)));
    assert!(b.delete("k0").await.unwrap());
}

#[tokio::test]
async fn a_replica_is_read_only_and_what_fails_there_is_retried() {
    let primary = server();
    let replica = ValkeyServer::builder().replicaof(&primary).start().unwrap();
    let b = backend(&replica.url()).await;
    primary.command(&["SET", "tux:k", "1"]).unwrap();
    until("replication", Duration::from_secs(10), async || {
        matches!(b.get("k").await, Ok(Some(_)))
    })
    .await;
    assert_eq!(
        b.set("k", 2, None).await.unwrap_err().kind(),
        ErrorKind::ReadOnly
    );
    assert_eq!(b.delete("k").await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(
        (1..=2).contains(&b.stats().retries_pending),
        "queued, or being tried"
    );
    // Promoted: the invalidation gets through by itself.
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    until("the retry", Duration::from_secs(3), async || {
        raw(&replica, "tux:k").is_none()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_loads_is_unavailable_until_it_has_loaded() {
    let server = ValkeyServer::builder()
        .config("key-load-delay", "2000")
        .config("loading-process-events-interval-bytes", "1024")
        .config("rdbcompression", "no")
        .start()
        .unwrap();
    let valkey = connect(&server.url()).await;
    let b = Backend::from(valkey.clone());
    let value = "x".repeat(200);
    let entries: Vec<_> = (0..500)
        .map(|i| (format!("k{i}"), json!(value), None))
        .collect();
    b.set_many(&entries).await.unwrap();
    server.command(&["SAVE"]).unwrap();
    server.kill9();
    server.restart_without_waiting().unwrap();
    let mut loading = 0;
    until("loaded", Duration::from_secs(10), async || {
        match b.get("k499").await {
            Ok(found) => {
                assert_eq!(
                    found,
                    Some(json!(value)),
                    "an answer out of a half-loaded server"
                );
                true
            }
            Err(error) => {
                assert!(error.is_unavailable(), "{error:?}");
                loading += u32::from(
                    error.to_string().contains("LOADING") || error.to_string().contains("oading"),
                );
                false
            }
        }
    })
    .await;
    assert!(
        loading > 0,
        "LOADING was never seen: the test shows nothing"
    );
}

#[tokio::test]
async fn a_wrong_type_under_a_key_says_so() {
    let server = server();
    let b = backend(&server.url()).await;
    server.command(&["LPUSH", "tux:list", "x"]).unwrap();
    b.set("k", 1, None).await.unwrap();
    assert_eq!(
        b.get("list").await.unwrap_err().kind(),
        ErrorKind::WrongType
    );
    let key = tux_cache::backend::Key::parse("list");
    let error = b
        .update(key.as_key_ref(), None, |_| json!(1).into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
    assert_eq!(
        b.get_many(&["list", "k"]).await.unwrap(),
        [None, Some(json!(1))]
    );
    assert!(b.exists("list").await.unwrap());
    b.set("list", 2, None).await.unwrap();
    assert_eq!(b.get("list").await.unwrap(), Some(json!(2)));
}

#[tokio::test]
async fn databases_are_apart() {
    let server = server();
    let at = |db: u32| format!("valkey://{}/{db}", server.addr());
    let (zero, three) = (backend(&at(0)).await, backend(&at(3)).await);
    zero.set("k", 0, None).await.unwrap();
    three.set("k", 3, None).await.unwrap();
    assert_eq!(zero.get("k").await.unwrap(), Some(json!(0)));
    assert_eq!(three.delete_prefix("").await.unwrap(), 1);
    assert_eq!(zero.get("k").await.unwrap(), Some(json!(0)));
    let error = refused(settings(&at(9_999)).connect_attempts(1)).await;
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    // The database is chosen again after a reconnection.
    three.set("k", 3, None).await.unwrap();
    server
        .command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .unwrap();
    until("a success", Duration::from_secs(1), async || {
        three.get("k").await.is_ok()
    })
    .await;
    assert_eq!(three.get("k").await.unwrap(), Some(json!(3)));
}

#[tokio::test]
async fn a_unix_socket_serves_as_well() {
    let server = ValkeyServer::builder().unix_socket().start().unwrap();
    let b = backend(&server.url()).await;
    b.set("k", 1, None).await.unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(json!(1)));
}

#[tokio::test]
async fn a_value_over_the_limit_is_refused_and_the_old_one_stays() {
    let server = server();
    let valkey = ValkeyBackend::connect(settings(&server.url()).max_value_bytes(100)).await;
    let b = Backend::from(valkey.unwrap());
    b.set("k", "x".repeat(98), None).await.unwrap();
    for error in [
        b.set("k", "x".repeat(99), None).await.unwrap_err(),
        b.set_many(&[("j", json!(1), None), ("k", json!("x".repeat(99)), None)])
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("100"), "{error}");
    }
    assert_eq!(b.get("k").await.unwrap(), Some(json!("x".repeat(98))));
    assert_eq!(b.get("j").await.unwrap(), None);
}

#[tokio::test]
async fn t33_undecodable_values_are_text_or_by_option_removed() {
    let server = server();
    let b = backend(&server.url()).await;
    server.command(&["SET", "tux:k", "plain text"]).unwrap();
    server
        .command(&[&b"SET"[..], b"tux:bytes", b"\xff\xfe"])
        .unwrap();
    assert_eq!(b.get("k").await.unwrap(), Some(json!("plain text")));
    assert_eq!(b.get("bytes").await.unwrap(), None);
    assert_eq!(b.stats().undecodable, 1);
    assert!(
        raw(&server, "tux:bytes").is_some(),
        "not ours to remove by default"
    );

    let strict = settings(&server.url()).undecodable(Undecodable::DeleteAndMiss);
    let strict = Backend::from(ValkeyBackend::connect(strict).await.unwrap());
    assert_eq!(strict.get("k").await.unwrap(), None);
    assert_eq!(strict.get_many(&["bytes"]).await.unwrap(), [None]);
    assert_eq!(strict.stats().undecodable, 2);
    assert_eq!(
        (raw(&server, "tux:k"), raw(&server, "tux:bytes")),
        (None, None)
    );
}
