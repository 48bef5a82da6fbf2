//! Numbers for a dashboard: every counter of caches, backends and managers, through one visitor.
//!
//! Nothing is pushed: whoever reads asks, and a hit pays nothing for it. A source is asked by itself
//! ([`MetricSource::for_each_metric`]), or several under their names ([`Sources`]):
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tux_cache::TtlCache;
//! use tux_cache::metrics::{MetricValue, Sources};
//!
//! let ranks = Arc::new(TtlCache::new(Duration::from_secs(300), 10_000));
//! let sources = Sources::new().add("ranks", Arc::clone(&ranks));
//! ranks.set(1_u64, 7);
//! ranks.get(&1);
//! let mut hits = 0;
//! sources.for_each_metric(|name, labels, value| {
//!     if name == "cache.requests" && labels.contains(&("cache.result", "hit")) {
//!         assert!(labels.contains(&("cache.name", "ranks")));
//!         if let MetricValue::Counter(count) = value {
//!             hits = count;
//!         }
//!     }
//! });
//! assert_eq!(hits, 1);
//! ```
//!
//! The features `metrics`, `opentelemetry` and `prometheus-client` hand the same numbers to the crates of these names. Each name is described in
//! the [guide](crate::guide) and in [`DESCRIPTIONS`].

#[cfg(feature = "backend")]
mod backend;
mod describe;
mod engine;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "backend")]
mod managers;
#[cfg(feature = "opentelemetry")]
mod open_telemetry;
#[cfg(feature = "prometheus-client")]
mod prometheus;
#[cfg(feature = "valkey")]
mod setup;
mod sources;

pub use crate::histogram::Histogram;
pub use describe::{DESCRIPTIONS, Description, MetricKind};
#[cfg(feature = "prometheus-client")]
pub use prometheus::SourcesCollector;
pub use sources::{MetricSource, MetricValue, Sources, Visitor};
