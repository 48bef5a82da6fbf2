//! The numbers: the visitor says what the counters say, the guide names all of them, and a dashboard asks for no other.

#[cfg(feature = "valkey")]
#[path = "metrics/dashboard.rs"]
mod dashboard;
#[cfg(feature = "valkey")]
#[path = "metrics/managers.rs"]
mod managers;
#[cfg(feature = "valkey")]
#[path = "metrics/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tux_cache::TtlCache;
use tux_cache::metrics::{DESCRIPTIONS, MetricKind, MetricSource, MetricValue, Sources};

/// The numbers by name and labels, `name{cache.layer=engine,…}`, but for histograms, of which the count is taken.
fn numbers(sources: &Sources) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    sources.for_each_metric(|name, labels, value| {
        let mut labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        labels.sort();
        let kind = DESCRIPTIONS
            .iter()
            .find(|known| known.name == name)
            .map(|known| known.kind);
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let (value, of) = match value {
            MetricValue::Counter(count) => (count as f64, MetricKind::Counter),
            MetricValue::Gauge(value) => (value, MetricKind::Gauge),
            MetricValue::Histogram(histogram) => (histogram.count() as f64, MetricKind::Histogram),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, Some(of), "{name} is not described so");
        let key = format!("{name}{{{}}}", labels.join(","));
        assert_eq!(found.insert(key.clone(), value), None, "{key} comes twice");
    });
    found
}

#[test]
fn a_cache_says_what_its_counters_say() {
    let cache = Arc::new(TtlCache::new(Duration::from_secs(300), 4));
    let sources = Sources::new().add("ranks", Arc::clone(&cache));
    for key in 0..6_u64 {
        cache.set(key, key);
        cache.set(key, key);
        cache.get(&key);
    }
    cache.get(&99);
    cache.invalidate(&5);
    let (stats, numbers) = (cache.stats(), numbers(&sources));
    let of = |name: &str, label: &str| {
        let label = if label.is_empty() {
            String::new()
        } else {
            format!(",{label}")
        };
        let mut labels = format!("cache.layer=engine,cache.name=ranks{label}")
            .split(',')
            .map(str::to_owned)
            .collect::<Vec<_>>();
        labels.sort();
        numbers[&format!("{name}{{{}}}", labels.join(","))]
    };
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    for (name, label, count) in [
        ("cache.requests", "cache.result=hit", stats.hits),
        ("cache.requests", "cache.result=miss", stats.misses),
        ("cache.writes", "cache.write=insert", stats.insertions),
        ("cache.writes", "cache.write=overwrite", stats.overwrites),
        ("cache.evictions", "cache.reason=size", stats.evictions),
        ("cache.evictions", "cache.reason=expired", stats.expirations),
        (
            "cache.invalidations",
            "cache.origin=call",
            stats.invalidations,
        ),
        ("cache.invalidations", "cache.origin=clear", stats.cleared),
        ("cache.loads", "cache.result=overtaken", stats.voided),
        ("cache.entries", "", cache.resident() as u64),
        ("cache.capacity", "", 4),
        ("cache.unreclaimed", "", stats.unreclaimed),
    ] {
        assert_eq!(of(name, label), count as f64, "{name} {label}");
    }
    assert!(
        stats.evictions > 0 && stats.invalidations == 1 && stats.misses > 0,
        "{stats:?}"
    );
}

#[test]
fn a_name_stands_for_one_source_and_names_of_parts_are_joined() {
    let cache = || Arc::new(TtlCache::<u64, u64>::new(Duration::from_secs(300), 4));
    let (old, new) = (cache(), cache());
    new.get(&1);
    let inner = Sources::new().add("a", old).add("a", new);
    let outer = Sources::new().add("inner", inner).add("b", cache());
    let numbers = numbers(&outer);
    assert_eq!(
        numbers["cache.requests{cache.layer=engine,cache.name=inner.a,cache.result=miss}"],
        1.0
    );
    assert_eq!(
        numbers["cache.requests{cache.layer=engine,cache.name=b,cache.result=miss}"],
        0.0
    );
}

/// A scrape costs what reading the counters costs, however much the caches hold.
#[test]
#[ignore = "long: cargo xtask long"]
fn long_a_scrape_costs_no_more_than_three_times_the_counters() {
    const FAMILIES: usize = 10;
    const ENTRIES: u64 = 100_000;
    const ROUNDS: u32 = 2_000;
    let caches: Vec<_> = (0..FAMILIES)
        .map(|_| Arc::new(TtlCache::new(Duration::from_secs(3_600), 100_000)))
        .collect();
    let mut sources = Sources::new();
    for (at, cache) in caches.iter().enumerate() {
        for key in 0..ENTRIES {
            cache.set(key, key);
        }
        sources = sources.add(format!("family {at}"), Arc::clone(cache));
    }
    // The same counters by hand: what a page of one's own would add up.
    let by_hand = || {
        for cache in &caches {
            std::hint::black_box((cache.stats(), cache.resident(), cache.max_size()));
        }
    };
    let visited = || {
        sources.for_each_metric(|name, labels, value| {
            std::hint::black_box((name, labels, value));
        })
    };
    let time = |work: &dyn Fn()| {
        let mut best = Duration::MAX;
        for _ in 0..7 {
            let begun = Instant::now();
            (0..ROUNDS).for_each(|_| work());
            best = best.min(begun.elapsed() / ROUNDS);
        }
        best
    };
    let (by_hand, visited) = (time(&by_hand), time(&visited));
    let ratio = visited.as_secs_f64() / by_hand.as_secs_f64();
    println!(
        "{FAMILIES} caches of {ENTRIES} entries: by hand {by_hand:?}, visited {visited:?}, {ratio:.2} times"
    );
    assert!(ratio <= 3.0, "{ratio}");
}

/// What is described is sound by itself.
#[test]
fn descriptions_are_unique_and_in_the_style_of_opentelemetry() {
    let mut names: Vec<&str> = DESCRIPTIONS.iter().map(|known| known.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DESCRIPTIONS.len());
    let fine = |c: char| c.is_ascii_lowercase() || c == '.' || c == '_';
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("cache.") && name.chars().all(fine)),
        "{names:?}"
    );
    let cache = TtlCache::<u64, u64>::unbounded(Duration::from_secs(1));
    let mut capacity = false;
    cache.for_each_metric("x", &mut |name, _, _| capacity |= name == "cache.capacity");
    assert!(!capacity, "an unbounded cache has none");
}
