//! The service and the setup: which backend, why, and what is said about it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tux_cache::backend::{Backend, InMemoryBackend, KeyRef, ValkeySettings};
use tux_cache::{CacheService, CacheSetup, ErrorKind, get_cache_backend};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy, ValkeyServer};

use crate::common::*;

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    /// Has every log line ask anew who listens: one that another thread met first, while this log was being set up,
    /// may believe that nobody does.
    pub(crate) fn listen_anew(&self) {
        drop(tracing::Dispatch::new(self.clone()));
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock().unwrap(), " {field}={value:?}");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target().starts_with("tux_cache") {
            let _ = write!(self.0.lock().unwrap(), "\n{}", event.metadata().level());
            event.record(&mut self.clone());
        }
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_service_that_is_not_connected_answers_everything() {
    let service = CacheService::new();
    assert!(!service.is_connected());
    assert!(!service.ping().await);
    service.close().await;
    service.close().await;
    let (one, two) = (
        get_cache_backend(&service),
        get_cache_backend(&service.clone()),
    );
    assert_eq!(one.name(), "memory");
    one.set("k", 1, None).await.unwrap();
    assert_eq!(
        two.get("k").await.unwrap(),
        Some(json!(1)),
        "one shared memory"
    );
}

#[tokio::test]
async fn a_service_connects_pings_and_closes() {
    let server = server();
    let service = CacheService::new();
    service.connect(&server.url()).await.unwrap();
    assert!(service.is_connected() && service.ping().await);
    let b = get_cache_backend(&service);
    assert_eq!(b.name(), "valkey");
    b.set("k", 1, None).await.unwrap();
    assert_eq!(raw(&server, "tux:k"), Some(b"1".to_vec()));
    service.close().await;
    service.close().await;
    assert!(!service.is_connected() && !service.ping().await);
    assert_eq!(b.get("k").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(get_cache_backend(&service).name(), "memory");
    // And once more.
    service.connect(&server.url()).await.unwrap();
    assert_eq!(
        get_cache_backend(&service).get("k").await.unwrap(),
        Some(json!(1))
    );
}

#[tokio::test]
async fn connect_says_what_is_wrong_and_leaves_the_service_usable() {
    let service = CacheService::new();
    let error = service.connect("valkey://host:port").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let (error, took) = timed(service.connect("valkey://127.0.0.1:1")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(
        took > Duration::from_millis(25),
        "no second attempt was made"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(get_cache_backend(&service).name(), "memory");
}

#[tokio::test]
async fn a_setup_without_a_server_is_memory_and_says_so() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let setup = CacheSetup::builder().memory_only().await;
    assert_eq!(setup.backend().name(), "memory");
    drop(guard);
    assert_eq!(
        log.text().matches("cache backend chosen").count(),
        1,
        "{}",
        log.text()
    );
    let error = CacheSetup::builder()
        .memory_only()
        .require_valkey()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(setup.require_valkey().is_err());
}

#[tokio::test]
async fn a_setup_with_a_server_takes_it_and_shows_no_password() {
    let server = ValkeyServer::builder()
        .requirepass("hunter2")
        .start()
        .unwrap();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let setup = CacheSetup::builder().url(&server.url()).await;
    assert_eq!(setup.backend().name(), "valkey");
    let strict = CacheSetup::builder()
        .url(&server.url())
        .require_valkey()
        .await
        .unwrap();
    assert!(strict.is_connected());
    setup.require_valkey().unwrap().close().await;
    drop(guard);
    let text = log.text();
    assert_eq!(text.matches("cache backend chosen").count(), 2, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_malformed_url_is_an_error_in_the_log_and_memory() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let setup = CacheSetup::builder().url("valkey://u:hunter2@h:port").await;
    assert_eq!(setup.backend().name(), "memory");
    let strict = CacheSetup::builder()
        .url("http://u:hunter2@h")
        .require_valkey()
        .await;
    assert_eq!(strict.unwrap_err().kind(), ErrorKind::Config);
    drop(guard);
    let text = log.text();
    assert_eq!(text.matches("\nERROR").count(), 2, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t38_a_server_reached_late_takes_everyone_over_and_memory_is_dropped() {
    let server = server();
    server.command(&["SET", "tux:k", "\"old\""]).unwrap();
    server
        .command(&["SET", "tux:jail_status:1:2", "true"])
        .unwrap();
    server.command(&["SET", "tux:other", "1"]).unwrap();
    let proxy = FaultProxy::start(&server).unwrap();
    proxy.set(Fault::Refuse);
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(100));
    let settings: ValkeySettings = settings(&proxy.url("valkey")).connect_attempts(1);
    let setup = CacheSetup::builder()
        .settings(settings)
        .memory(memory.clone())
        .await;
    let (b, early) = (setup.backend(), get_cache_backend(setup.service()));
    assert_eq!((b.name(), setup.is_connected()), ("memory", false));
    assert!(matches!(b, Backend::UntilConnected(_)));
    b.set("k", "local", None).await.unwrap();
    b.remove(KeyRef::JailStatus { guild: 1, user: 2 })
        .await
        .unwrap();
    assert_eq!(
        early.get("k").await.unwrap(),
        Some(json!("local")),
        "one memory for all"
    );
    let lease = b.lease(KeyRef::Prefix { guild: 1 });

    proxy.set(Fault::Pass);
    until("the move", Duration::from_secs(2), async || {
        b.name() == "valkey"
    })
    .await;
    assert_eq!(early.name(), "valkey", "every consumer moves");
    assert!(
        memory.is_empty(),
        "memory's truth must not outlive the outage"
    );
    assert_eq!(
        b.get("k").await.unwrap(),
        None,
        "neither the local value nor the old one"
    );
    assert_eq!(
        b.get("jail_status:1:2").await.unwrap(),
        None,
        "invalidated meanwhile"
    );
    assert_eq!(b.get("other").await.unwrap(), Some(json!(1)));
    let key = KeyRef::Prefix { guild: 1 };
    let late = b
        .put_leased(lease, key, json!("x").into(), None)
        .await
        .unwrap();
    assert!(!late, "a load begun in memory was published to the server");
    assert!(setup.is_connected());
    setup.require_valkey().unwrap();
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_when_it_is_required() {
    let settings = settings("valkey://127.0.0.1:1").connect_attempts(1);
    let error = CacheSetup::builder()
        .settings(settings)
        .require_valkey()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_guild_that_leaves_is_forgotten_in_every_family() {
    let server = server();
    let setup = CacheSetup::builder().url(&server.url()).await;
    let b = setup.backend();
    let of_guild = [
        "guild_config:1",
        "jail_status:1:2",
        "prefix:1",
        "perm:permission_ranks:1",
        "perm:permission_assignments:1",
        "perm:user_permission_rank:1:2:(5,)",
        "perm:command_permission:1:ban",
        "perm:command_permission_fallback:1:ban",
    ];
    for key in of_guild {
        b.set(key, 1, None).await.unwrap();
        b.set(&key.replace(":1", ":12"), 1, None).await.unwrap();
    }
    assert_eq!(setup.invalidate_guild(1_u64).await.unwrap(), of_guild.len());
    for key in of_guild {
        assert!(!b.exists(key).await.unwrap(), "{key}");
        assert!(b.exists(&key.replace(":1", ":12")).await.unwrap(), "{key}");
    }
}
