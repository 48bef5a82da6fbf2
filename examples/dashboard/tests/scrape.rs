//! Each page is scraped over a socket, and says what the caches counted.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tux_cache::CacheSetup;
use tux_cache::backend::InMemoryBackend;
use tux_cache::metrics::Sources;
use tux_cache_dashboard::{facade, open_telemetry, prometheus, serve};

/// A bot that has looked some prefixes up.
async fn bot() -> CacheSetup {
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(100));
    let setup = CacheSetup::builder()
        .memory_only()
        .memory(memory)
        .leave_shared()
        .await;
    look_up(&setup, &[1, 2, 1, 1]).await;
    setup
}

async fn look_up(setup: &CacheSetup, guilds: &[u64]) {
    for guild in guilds {
        let load = async || Ok::<_, std::io::Error>("!".to_owned());
        setup
            .managers()
            .prefix
            .get_or_fetch(*guild, load)
            .await
            .unwrap();
    }
}

/// The page as a scraper gets it, by name with sorted labels.
async fn scrape(address: std::net::SocketAddr) -> BTreeMap<String, f64> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let lines = page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut found = BTreeMap::new();
    for line in lines {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
        labels.sort_unstable();
        let series = format!("{name}{{{}}}", labels.join(","));
        let value = value
            .parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(found.insert(series, value), None, "{line} comes twice");
    }
    found
}

async fn check<P>(page: impl FnOnce(Sources) -> P)
where
    P: Fn() -> String + Send + Sync + 'static,
{
    let setup = bot().await;
    let page = page(Sources::new().add("", setup.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, page));
    // The second scrape sees what has been counted since the first.
    for _ in 0..2 {
        let seen = scrape(address).await;
        let of = |name: &str, layer: &str, cache: &str, label: &str| {
            let mut labels = vec![
                format!("cache_layer=\"{layer}\""),
                format!("cache_name=\"{cache}\""),
            ];
            labels.extend((!label.is_empty()).then(|| label.to_owned()));
            labels.sort_unstable();
            let series = format!("{name}{{{}}}", labels.join(","));
            *seen
                .get(&series)
                .unwrap_or_else(|| panic!("no {series} in {:#?}", seen.keys()))
        };
        let stats = setup.managers().prefix.stats();
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        for (name, label, count) in [
            ("cache_requests_total", "cache_result=\"hit\"", stats.hits),
            (
                "cache_requests_total",
                "cache_result=\"miss\"",
                stats.misses,
            ),
            (
                "cache_requests_total",
                "cache_result=\"error\"",
                stats.unavailable,
            ),
            ("cache_loads_total", "cache_result=\"ok\"", stats.published),
        ] {
            assert_eq!(
                of(name, "manager", "prefix", label),
                count as f64,
                "{name} {label}"
            );
        }
        assert!(stats.hits >= 2 && stats.misses >= 2, "{stats:?}");
        assert_eq!(
            of("cache_entries", "engine", "backend", ""),
            setup.service().memory().len() as f64
        );
        assert_eq!(of("cache_capacity", "engine", "backend", ""), 100.0);
        let all = of(
            "cache_load_duration_seconds_bucket",
            "manager",
            "prefix",
            "le=\"+Inf\"",
        );
        assert_eq!(all, stats.loads as f64, "every load is in the last bucket");
        assert!(of("cache_load_duration_seconds_sum", "manager", "prefix", "") > 0.0);
        look_up(&setup, &[1, 3]).await;
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_facade() {
    check(facade::page).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_open_telemetry() {
    check(open_telemetry::page).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_prometheus_client() {
    check(prometheus::page).await;
}
