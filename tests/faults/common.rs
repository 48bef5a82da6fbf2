//! What the tests of faults share.

use std::future::Future;
use std::time::{Duration, Instant};

use tux_cache::backend::{Backend, ValkeyBackend, ValkeySettings};
use tux_cache_test_support::{Reply, ValkeyServer};

/// The response timeout that the tests choose.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);
/// What a busy machine may add to it.
pub(crate) const SLACK: Duration = Duration::from_millis(700);
/// "At once", on a busy machine.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(100);

pub(crate) fn server() -> ValkeyServer {
    ValkeyServer::start().expect("a Valkey server")
}

/// Makes this program one that has installed a provider for TLS. (`tests/tls.rs` is one that has not.)
pub(crate) fn install_provider() {
    // Refused once there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn settings(url: &str) -> ValkeySettings {
    install_provider();
    ValkeySettings::from_url(url)
        .expect("a good URL")
        .response_timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(1))
        .ping_interval(Duration::from_millis(200))
}

pub(crate) async fn connect(url: &str) -> ValkeyBackend {
    ValkeyBackend::connect(settings(url))
        .await
        .expect("a connection")
}

pub(crate) async fn backend(url: &str) -> Backend {
    connect(url).await.into()
}

/// The result and how long it took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    (work.await, start.elapsed())
}

/// Asks until it holds; how long that took. Fails after `limit`.
pub(crate) async fn until(
    what: &str,
    limit: Duration,
    mut holds: impl AsyncFnMut() -> bool,
) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

/// The bytes under a key, asked past the backend.
pub(crate) fn raw(server: &ValkeyServer, key: &str) -> Option<Vec<u8>> {
    match server.command(&["GET", key]).expect("the server answers") {
        Reply::Bulk(bytes) => bytes,
        other => panic!("GET was answered with {other:?}"),
    }
}

/// How often the server has carried out a command.
pub(crate) fn calls(server: &ValkeyServer, command: &str) -> u64 {
    let reply = server
        .command(&["INFO", "commandstats"])
        .expect("the server answers");
    let Reply::Bulk(Some(text)) = reply else {
        panic!("INFO was answered with {reply:?}");
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}
