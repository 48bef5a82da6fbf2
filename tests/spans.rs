//! Loads and round trips are spans that say what they came to; what hits is none.
//!
//! A program of its own: where the first thread to meet a span has no subscriber, `tracing` takes the span for unwanted on all threads.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tux_cache::CacheService;
use tux_cache::backend::InMemoryBackend;
use tux_cache::managers::{ManagerOptions, PrefixCache};
use tux_cache_test_support::ValkeyServer;

/// A span's name and fields.
type Span = (&'static str, BTreeMap<&'static str, String>);

/// Keeps every span of the library.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Span>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").expect("a string takes all");
        self.0.insert(field.name(), text);
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tux_cache") && metadata.is_span()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let mut spans = self.0.lock().unwrap();
        spans.push((attributes.metadata().name(), fields));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let at = usize::try_from(span.into_u64()).expect("few spans") - 1;
        values.record(&mut Fields(&mut self.0.lock().unwrap()[at].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Recorder {
    fn take(&self) -> Vec<Span> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What a load's span says.
fn load(spans: &[Span]) -> (&str, &str) {
    let loads: Vec<_> = spans
        .iter()
        .filter(|(name, _)| *name == "cache.load")
        .collect();
    let [(_, fields)] = loads[..] else {
        panic!("{spans:?}")
    };
    assert!(
        fields["seconds"].parse::<f64>().unwrap() >= 0.0,
        "{fields:?}"
    );
    (&fields["family"], &fields["outcome"])
}

// On one thread, so that the tasks which load have the subscriber, too.
#[tokio::test(flavor = "current_thread")]
async fn a_load_says_its_family_and_outcome_and_a_hit_is_silent() {
    let spans = Recorder::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(100));
    let options = ManagerOptions::new().load_timeout(Duration::from_millis(20));
    let prefixes = PrefixCache::with_options(memory, options);

    let fine = async || Ok::<_, std::io::Error>("!".to_owned());
    prefixes.get_or_fetch(1_u64, fine).await.unwrap();
    assert_eq!(load(&spans.take()), ("prefixes", "ok"));

    let fails = async || Err::<String, _>(std::io::Error::other("no"));
    prefixes.get_or_fetch(2_u64, fails).await.unwrap_err();
    assert_eq!(load(&spans.take()), ("prefixes", "error"));

    let hangs = async || {
        std::future::pending::<()>().await;
        Ok::<_, std::io::Error>(String::new())
    };
    prefixes.get_or_fetch(3_u64, hangs).await.unwrap_err();
    assert_eq!(load(&spans.take()), ("prefixes", "timeout"));

    prefixes.get_or_fetch(1_u64, fine).await.unwrap();
    prefixes.get(1_u64).await.unwrap();
    prefixes.get(4_u64).await.unwrap();
    assert_eq!(spans.take(), [], "neither a hit nor a miss in memory");
}

#[tokio::test(flavor = "current_thread")]
async fn a_round_trip_says_the_command_and_no_secret() {
    let spans = Recorder::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let server = ValkeyServer::builder()
        .requirepass("s3cret")
        .start()
        .expect("a Valkey server");
    let service = CacheService::new();
    service.connect(&server.url()).await.unwrap();
    let prefixes = PrefixCache::new(service.backend());
    spans.take();
    prefixes.get(1_u64).await.unwrap();
    let seen = spans.take();
    let trips: Vec<_> = seen
        .iter()
        .filter(|(name, _)| *name == "cache.round_trip")
        .collect();
    let [(_, fields)] = trips[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (fields["command"].as_str(), fields["outcome"].as_str()),
        ("GET", "answered")
    );
    assert_eq!(fields["commands"], "1");
    assert!(
        fields["seconds"].parse::<f64>().unwrap() > 0.0,
        "{fields:?}"
    );
    prefixes.set(1_u64, "!").await.unwrap();
    service.close().await;
    let all = format!("{seen:?}{:?}", spans.take());
    assert!(
        !all.contains("s3cret") && !all.contains("prefix:1"),
        "{all}"
    );
}
