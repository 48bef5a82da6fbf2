//! The proxies against a plain echo server.
#![cfg(feature = "net")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use tux_cache_test_support::{Fault, FaultProxy, TestCa, TlsProxy};

/// Echoes what it receives; its threads end with the process.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = client.try_clone().unwrap();
                let mut writer = client;
                let _ = std::io::copy(&mut reader, &mut writer);
            });
        }
    });
    address
}

fn client(proxy: &FaultProxy) -> TcpStream {
    let client = TcpStream::connect(proxy.addr()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
}

fn echo(client: &mut TcpStream, text: &str) -> std::io::Result<String> {
    client.write_all(text.as_bytes())?;
    let mut reply = vec![0; text.len()];
    client.read_exact(&mut reply)?;
    Ok(String::from_utf8(reply).unwrap())
}

#[test]
fn bytes_pass_both_ways_and_connections_are_counted() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let (mut a, mut b) = (client(&proxy), client(&proxy));
    assert_eq!(echo(&mut a, "one").unwrap(), "one");
    assert_eq!(echo(&mut b, "two").unwrap(), "two");
    assert_eq!((proxy.accepted(), proxy.open()), (2, 2));
}

#[test]
fn a_delay_holds_each_direction_back_and_can_be_lifted() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut client = client(&proxy);
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    let start = Instant::now();
    echo(&mut client, "slow").unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
    proxy.set(Fault::Pass);
    assert_eq!(echo(&mut client, "fast").unwrap(), "fast");
}

#[test]
fn a_cut_resets_after_the_given_number_of_reply_bytes() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut client = client(&proxy);
    assert_eq!(echo(&mut client, "before").unwrap(), "before");
    proxy.set(Fault::CutAfter(5));
    assert_eq!(echo(&mut client, "abc").unwrap(), "abc");
    client.write_all(b"defg").unwrap();
    let mut rest = Vec::new();
    let error = client.read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(rest.len() <= 2, "{rest:?}");
}

#[test]
fn a_cut_of_requests_keeps_the_rest_from_the_server() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut client = client(&proxy);
    proxy.set(Fault::CutRequestsAfter(3));
    let error = echo(&mut client, "abcdef").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_truncated_reply_ends_in_good_order() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut client = client(&proxy);
    proxy.set(Fault::Truncate(4));
    client.write_all(b"abcdef").unwrap();
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"abcd");
}

#[test]
fn half_open_is_silent_and_stays_so_for_what_lost_bytes() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut old = client(&proxy);
    echo(&mut old, "alive").unwrap();
    proxy.set(Fault::HalfOpen);
    old.set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let silent =
        |error: std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    assert!(silent(echo(&mut old, "lost").unwrap_err()));
    proxy.set(Fault::Pass);
    assert!(silent(echo(&mut old, "still").unwrap_err()));
    assert_eq!(echo(&mut client(&proxy), "new").unwrap(), "new");
}

#[test]
fn refusing_closes_old_connections_and_resets_new_ones() {
    let proxy = FaultProxy::start(echo_server()).unwrap();
    let mut old = client(&proxy);
    echo(&mut old, "alive").unwrap();
    proxy.set(Fault::Refuse);
    assert!(old.read(&mut [0; 1]).is_err());
    assert!(echo(&mut client(&proxy), "no").is_err());
    proxy.set(Fault::Pass);
    assert_eq!(echo(&mut client(&proxy), "yes").unwrap(), "yes");
    proxy.cut_all();
    assert_eq!(echo(&mut client(&proxy), "again").unwrap(), "again");
}

#[test]
fn proxies_start_and_end_inside_a_tests_own_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let proxy = FaultProxy::start(echo_server()).unwrap();
        assert_eq!(echo(&mut client(&proxy), "in").unwrap(), "in");
    });
}

fn tls_echo(proxy: &TlsProxy, trusted: &TestCa) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(proxy.addr())?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = Stream::new(&mut session, &mut socket);
    stream.write_all(b"hidden")?;
    let mut reply = [0; 6];
    stream.read_exact(&mut reply)?;
    Ok(String::from_utf8(reply.into()).unwrap())
}

#[test]
fn tls_is_accepted_under_the_right_authority_only() {
    let (right, wrong) = (TestCa::new("right"), TestCa::new("wrong"));
    let proxy = TlsProxy::start(echo_server(), &right).unwrap();
    assert_eq!(tls_echo(&proxy, &right).unwrap(), "hidden");
    let refused = tls_echo(&proxy, &wrong).unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}
