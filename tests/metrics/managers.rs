//! What managers and a server say.

use std::sync::Arc;
use std::time::Duration;

use tux_cache::CacheService;
use tux_cache::backend::{Backend, InMemoryBackend};
use tux_cache::managers::{ManagerOptions, Managers, PrefixCache};
use tux_cache::metrics::Sources;
use tux_cache_test_support::ValkeyServer;

use crate::numbers;

fn memory() -> Backend {
    InMemoryBackend::new(Duration::from_secs(300), Some(100)).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_load_is_no_load() {
    let prefixes = PrefixCache::new(memory());
    let sources = Sources::new().add("prefix", prefixes.clone());
    let gate = Arc::new(tokio::sync::Notify::new());
    let asks: Vec<_> = (0..16)
        .map(|_| {
            let (prefixes, gate) = (prefixes.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                let load = async move || {
                    gate.notified().await;
                    Ok::<_, std::io::Error>("!".to_owned())
                };
                prefixes.get_or_fetch(1_u64, load).await.unwrap()
            })
        })
        .collect();
    // All of them have asked, and found nothing.
    while prefixes.stats().misses < 16 {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    for ask in asks {
        assert_eq!(ask.await.unwrap().as_str(), "!");
    }
    let numbers = numbers(&sources);
    let of = |name: &str, label: &str| {
        numbers[&format!("{name}{{cache.layer=manager,cache.name=prefix{label}}}")]
    };
    assert_eq!(of("cache.loads", ",cache.result=ok"), 1.0);
    assert_eq!(of("cache.load.duration", ""), 1.0);
    assert_eq!(of("cache.requests", ",cache.result=miss"), 16.0);
    assert_eq!(of("cache.requests", ",cache.result=error"), 0.0);
}

#[tokio::test]
async fn a_load_that_fails_or_takes_too_long_is_told_apart() {
    let options = ManagerOptions::new().load_timeout(Duration::from_millis(20));
    let prefixes = PrefixCache::with_options(memory(), options);
    let sources = Sources::new().add("prefix", prefixes.clone());
    let fails = async || Err::<String, _>(std::io::Error::other("no"));
    prefixes.get_or_fetch(1_u64, fails).await.unwrap_err();
    let hangs = async || {
        std::future::pending::<()>().await;
        Ok::<_, std::io::Error>(String::new())
    };
    prefixes.get_or_fetch(2_u64, hangs).await.unwrap_err();
    let numbers = numbers(&sources);
    let of = |result: &str| {
        numbers
            [&format!("cache.loads{{cache.layer=manager,cache.name=prefix,cache.result={result}}}")]
    };
    assert_eq!(
        ["ok", "error", "timeout", "overtaken", "unstored"].map(of),
        [0.0, 1.0, 1.0, 0.0, 0.0]
    );
    assert_eq!(
        numbers["cache.load.duration{cache.layer=manager,cache.name=prefix}"],
        2.0
    );
    assert!(prefixes.load_times().sum >= Duration::from_millis(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_counts_round_trips_and_its_end_counts_errors_and_no_misses() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let service = CacheService::new();
    service.connect(&server.url()).await.unwrap();
    let backend = service.backend();
    let managers = Managers::new(backend.clone());
    let sources = Sources::new()
        .add("", managers.clone())
        .add("server", backend);
    let of = |name: &str, label: &str| {
        numbers(&sources)[&format!("{name}{{cache.layer=backend,cache.name=server{label}}}")]
    };
    assert_eq!(of("cache.backend.connected", ""), 1.0);
    let before = of("cache.backend.round_trip.duration", "");
    managers.prefix.set(1_u64, "!").await.unwrap();
    assert_eq!(
        managers.prefix.get(1_u64).await.unwrap().as_deref(),
        Some("!")
    );
    let after = of("cache.backend.round_trip.duration", "");
    assert!(after >= before + 2.0, "{before} {after}");
    assert_eq!(of("cache.backend.errors", ",error.type=unavailable"), 0.0);

    server.kill9();
    let mut failed = 0.0;
    while failed < 3.0 {
        managers.prefix.get(1_u64).await.unwrap_err();
        failed += 1.0;
    }
    let kinds = ["unavailable", "timeout", "closed"]
        .map(|kind| of("cache.backend.errors", &format!(",error.type={kind}")));
    assert!(kinds.iter().sum::<f64>() >= failed, "{kinds:?}");
    let of = |result: &str| {
        numbers(&sources)[&format!(
            "cache.requests{{cache.layer=manager,cache.name=prefix,cache.result={result}}}"
        )]
    };
    assert_eq!(
        ["hit", "miss", "error", "stale"].map(of),
        [1.0, 0.0, failed, 0.0]
    );
}
