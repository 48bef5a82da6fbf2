//! The numbers of backends.

use super::sources::{Labelled, MetricSource, Visitor};
#[cfg(feature = "valkey")]
use super::sources::{MetricValue, amount};
use crate::backend::{Backend, BackendStats, InMemoryBackend};
#[cfg(feature = "valkey")]
use crate::backend::{MemoryUntilConnected, ValkeyBackend};

/// What every backend counts.
fn common(name: &str, stats: &BackendStats, visit: &mut Visitor<'_>) {
    let mut out = Labelled {
        name,
        layer: "backend",
        visit,
    };
    out.counter("cache.undecodable", stats.undecodable);
}

impl MetricSource for InMemoryBackend {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.cache().for_each_metric(name, visit);
        common(name, &self.stats(), visit);
    }
}

#[cfg(feature = "valkey")]
impl MetricSource for ValkeyBackend {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        let stats = self.stats();
        common(name, &stats, visit);
        let mut out = Labelled {
            name,
            layer: "backend",
            visit,
        };
        out.gauge(
            "cache.backend.connected",
            f64::from(u8::from(self.is_connected())),
        );
        out.counter("cache.backend.reconnects", stats.reconnects);
        let trips = self.round_trips();
        out.put(
            "cache.backend.round_trip.duration",
            MetricValue::Histogram(&trips),
        );
        // Every kind, or a dashboard would learn of one only when it happens.
        self.for_each_error(|kind, count| {
            out.counters("cache.backend.errors", "error.type", &[(kind, count)]);
        });
        let retries = [
            ("queued", stats.retries_queued),
            ("done", stats.retries_done),
            ("refused", stats.retries_refused),
            ("lost", stats.retries_lost),
        ];
        out.counters("cache.backend.retries", "cache.result", &retries);
        out.gauge("cache.backend.retry_queue", amount(stats.retries_pending));
    }
}

/// Memory and server, under one name each: memory's is that of the backend with `.memory` behind it.
#[cfg(feature = "valkey")]
impl MetricSource for MemoryUntilConnected {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.valkey().for_each_metric(name, visit);
        self.memory()
            .for_each_metric(&super::sources::joined(name, "memory"), visit);
    }
}

impl MetricSource for Backend {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        match self {
            Self::Memory(memory) => memory.for_each_metric(name, visit),
            #[cfg(feature = "valkey")]
            Self::Valkey(valkey) => valkey.for_each_metric(name, visit),
            #[cfg(feature = "valkey")]
            Self::UntilConnected(both) => both.for_each_metric(name, visit),
            Self::Custom(_) => common(name, &self.stats(), visit),
        }
    }
}
