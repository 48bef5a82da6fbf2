//! Why there is no connection: what the server said, or what is most likely wrong, in the first line.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tux_cache::backend::ValkeyBackend;
use tux_cache::{Error, ErrorKind};
use tux_cache_test_support::{TestCa, TlsProxy, ValkeyServer};

use crate::common::*;

async fn refused(url: &str) -> (Error, Duration) {
    install_provider();
    let settings = tux_cache::backend::ValkeySettings::from_url(url).unwrap();
    let (result, took) = timed(ValkeyBackend::connect(settings)).await;
    (result.expect_err("this must not connect"), took)
}

#[tokio::test]
async fn a_server_with_too_many_clients_says_so() {
    let server = ValkeyServer::builder()
        .config("maxclients", "2")
        .start()
        .unwrap();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(connect(&server.url()).await);
    }
    for _ in 0..10 {
        let settings = settings(&server.url()).connect_attempts(1);
        let error = ValkeyBackend::connect(settings)
            .await
            .expect_err("the third");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let text = error.to_string();
        assert!(text.contains("max number of clients"), "{text}");
    }
    drop(held);
    until("room", Duration::from_secs(2), async || {
        ValkeyBackend::connect(settings(&server.url()))
            .await
            .is_ok()
    })
    .await;
}

#[tokio::test]
async fn four_attempts_last_about_a_second() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (error, took) = refused(&format!("valkey://127.0.0.1:{port}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(took > Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_millis(2_000), "{took:?}");
}

#[tokio::test]
async fn tls_to_a_plain_server_and_plain_to_tls_say_so_at_once() {
    let server = server();
    let ca = TestCa::new("right");
    let proxy = TlsProxy::start(server.addr(), &ca).unwrap();
    for (url, hint) in [
        (format!("rediss://{}", server.addr()), "does not speak TLS"),
        (
            format!("valkeys://localhost:{}", server.port().unwrap()),
            "does not speak TLS",
        ),
        (proxy.url("valkey"), "speaks TLS"),
        (proxy.url("redis"), "speaks TLS"),
    ] {
        let (error, took) = refused(&url).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{url}: {error}");
        assert!(error.to_string().contains(hint), "{url}: {error}");
        assert!(took < Duration::from_secs(2), "{url}: {took:?}");
    }
    // A password is needed there: it still answers in plain.
    let locked = ValkeyServer::builder().requirepass("x").start().unwrap();
    let (error, took) = refused(&format!("rediss://:x@{}", locked.addr())).await;
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Answers every connection with these bytes and closes it, or never (`None`).
fn answering(bytes: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            match bytes {
                Some(bytes) => {
                    let _ = stream.read(&mut [0; 512]);
                    let _ = stream.write_all(bytes);
                }
                None => held.push(stream),
            }
        }
    });
    address
}

#[tokio::test]
async fn what_answers_in_another_protocol_or_not_at_all_is_told_apart() {
    for (bytes, kind, hint) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            ErrorKind::Config,
            "does not speak the protocol",
        ),
        (
            b"220 mail ready\r\n",
            ErrorKind::Config,
            "does not speak the protocol",
        ),
        (
            b"",
            ErrorKind::Unavailable,
            "closed the connection without an answer",
        ),
        (
            b"%2\r\n$4\r\nmo",
            ErrorKind::Unavailable,
            "closed the connection",
        ),
        (
            b"-DENIED protected mode\r\n",
            ErrorKind::Auth,
            "protected mode",
        ),
        (
            b"-ERR max number of clients reached\r\n",
            ErrorKind::Unavailable,
            "max number of clients",
        ),
        (
            b"-ERR unknown command `HELLO`\r\n",
            ErrorKind::Server,
            "unknown command",
        ),
    ] {
        let url = format!("valkey://{}", answering(Some(bytes)));
        let attempt = ValkeyBackend::connect(settings(&url).connect_attempts(1)).await;
        let error = attempt.expect_err("no server");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
    let silent = format!("{}", answering(None));
    for (scheme, hint) in [("valkey", "did not answer"), ("valkeys", "TLS")] {
        let url = format!("{scheme}://{silent}");
        let attempt = ValkeyBackend::connect(settings(&url).connect_attempts(1)).await;
        let error = attempt.expect_err("no server");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
    let url = "valkey://no-such-host.invalid";
    let attempt = ValkeyBackend::connect(settings(url).connect_attempts(1)).await;
    let error = attempt.expect_err("no host");
    assert!(error.to_string().contains("cannot be resolved"), "{error}");
}

#[tokio::test]
async fn an_untrusted_certificate_says_so() {
    let server = server();
    let (ca, other) = (TestCa::new("right"), TestCa::new("wrong"));
    let proxy = TlsProxy::start(server.addr(), &ca).unwrap();
    let trusting = settings(&proxy.url("valkeys")).ca_pem(other.pem());
    let (result, took) = timed(ValkeyBackend::connect(trusting)).await;
    let error = result.expect_err("another CA");
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    assert!(
        error.to_string().contains("certificate is not trusted"),
        "{error}"
    );
    assert!(took < SLACK, "tried again in vain: {took:?}");
}
