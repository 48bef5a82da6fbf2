//! The server harness against real servers.

use std::time::{Duration, Instant};

use tux_cache_test_support::{Reply, StartError, ValkeyServer, find_valkey_version};

fn ok() -> Reply {
    Reply::Status("OK".into())
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(Some(text.as_bytes().to_vec()))
}

#[test]
fn a_server_starts_answers_and_is_gone_after_the_drop() {
    let server = ValkeyServer::start().unwrap();
    assert_eq!(server.command(&["SET", "k", "v"]).unwrap(), ok());
    assert_eq!(server.command(&["GET", "k"]).unwrap(), bulk("v"));
    assert_eq!(
        server.url(),
        format!("valkey://127.0.0.1:{}/0", server.port().unwrap())
    );
    assert!(std::net::TcpStream::connect(server.addr()).is_ok());
    assert!(server.rss_bytes().unwrap() > 1 << 20);

    let (address, pid) = (server.addr(), server.pid().unwrap());
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn kill_and_restart_keep_the_port_and_lose_the_data() {
    let server = ValkeyServer::start().unwrap();
    let (address, pid) = (server.addr(), server.pid());
    server.command(&["SET", "k", "v"]).unwrap();
    server.kill9();
    assert_eq!(server.pid(), None);
    assert!(server.command(&["PING"]).is_err());
    assert!(std::net::TcpStream::connect(address).is_err());

    server.restart().unwrap();
    assert_eq!(server.addr(), address);
    assert_ne!(server.pid(), pid);
    assert_eq!(server.command(&["GET", "k"]).unwrap(), Reply::Bulk(None));
}

#[test]
fn a_stopped_server_is_silent_until_it_goes_on() {
    use std::io::{Read, Write};
    let server = ValkeyServer::start().unwrap();
    server.sigstop();
    let mut client = std::net::TcpStream::connect(server.addr()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    assert!(client.read_exact(&mut reply).is_err());

    server.sigcont();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
}

#[test]
fn passwords_and_acl_rules_bind_everyone_but_the_harness() {
    let server = ValkeyServer::builder()
        .requirepass("p@ss \"word\"")
        .acl("alice on >secret ~tux:* +@all")
        .start()
        .unwrap();
    assert!(
        server.url().contains("://:p%40ss%20%22word%22@127.0.0.1:"),
        "{}",
        server.url()
    );
    assert_eq!(
        server
            .command(&["AUTH", "default", "p@ss \"word\""])
            .unwrap(),
        ok()
    );
    let Reply::Error(text) = server.command(&["AUTH", "default", "wrong"]).unwrap() else {
        panic!("a wrong password was taken");
    };
    assert!(text.starts_with("WRONGPASS"), "{text}");
    let dry_run = server
        .command(&["ACL", "DRYRUN", "alice", "GET", "other"])
        .unwrap();
    assert!(
        dry_run.text().unwrap().contains("no permissions"),
        "{dry_run:?}"
    );
    assert_eq!(
        server
            .command(&["ACL", "DRYRUN", "alice", "GET", "tux:a"])
            .unwrap(),
        ok()
    );
}

#[test]
fn memory_bounds_and_unix_sockets() {
    let server = ValkeyServer::builder()
        .unix_socket()
        .maxmemory("3mb", "noeviction")
        .start()
        .unwrap();
    assert_eq!(server.port(), None);
    assert_eq!(
        server.url(),
        format!("unix://{}", server.socket().display())
    );
    let big = "x".repeat(100_000);
    let refusal = (0..100).find_map(|n| match server.command(&["SET", &n.to_string(), &big]) {
        Ok(Reply::Error(text)) => Some(text),
        other => {
            assert_eq!(other.unwrap(), ok());
            None
        }
    });
    let text = refusal.expect("ten megabytes fitted into three");
    assert!(text.starts_with("OOM"), "{text}");
}

#[test]
fn a_replica_follows_and_refuses_writes() {
    let primary = ValkeyServer::builder()
        .requirepass("secret")
        .start()
        .unwrap();
    let replica = ValkeyServer::builder().replicaof(&primary).start().unwrap();
    primary.command(&["SET", "k", "v"]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while replica.command(&["GET", "k"]).unwrap() != bulk("v") {
        assert!(
            Instant::now() < deadline,
            "no replication: {}",
            replica.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let Reply::Error(text) = replica.command(&["SET", "k", "w"]).unwrap() else {
        panic!("a replica took a write");
    };
    assert!(text.starts_with("READONLY"), "{text}");
}

#[test]
fn a_wrong_option_is_reported_with_the_servers_own_words() {
    let error = ValkeyServer::builder()
        .config("no-such-option", "1")
        .start()
        .unwrap_err();
    let StartError::Failed(log) = &error else {
        panic!("{error}")
    };
    assert!(log.contains("no-such-option"), "{log}");
}

#[test]
fn a_taken_port_is_an_error_when_it_was_asked_for() {
    let first = ValkeyServer::start().unwrap();
    let second = ValkeyServer::builder().port(first.port().unwrap()).start();
    assert!(
        matches!(second, Err(StartError::Failed(log)) if log.contains("Address already in use"))
    );
}

#[test]
fn the_server_dies_with_its_process() {
    // This very test, run again as a child that starts a server, says where, and aborts.
    const CHILD: &str = "TUX_SUPPORT_ABORT_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let server = ValkeyServer::start().unwrap();
        println!("pid={}", server.pid().unwrap());
        std::process::abort();
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_server_dies_with_its_process", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("pid=").expect("the child started a server");
    let pid: u32 = rest.lines().next().unwrap().parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    // Zombies of a dead parent may linger where nobody reaps them: look at the command line, which they lack.
    while std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
        assert!(
            Instant::now() < deadline,
            "server {pid} outlived the process that started it"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(feature = "net")]
#[test]
fn a_server_built_with_tls_takes_our_certificates() {
    use tux_cache_test_support::TestCa;
    // Only the 8.0 that `cargo xtask valkey --version 8.0` unpacks speaks TLS; `cargo xtask test` fetches it.
    let binary = find_valkey_version("8.0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key, ca) = TestCa::new("right").write_files(dir.path()).unwrap();
    let server = ValkeyServer::builder()
        .binary(binary)
        .tls(certificate, key, ca)
        .start()
        .unwrap();
    assert!(
        server.url().starts_with("valkeys://127.0.0.1:"),
        "{}",
        server.url()
    );
    assert!(std::net::TcpStream::connect(server.addr()).is_ok());
}
