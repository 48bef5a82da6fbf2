//! The numbers of backends.

use super::sources::{Labelled, MetricSource, Visitor};
#[cfg(feature = "valkey")]
use super::sources::{MetricValue, amount};
use crate::backend::{Backend, InMemoryBackend};
#[cfg(feature = "valkey")]
use crate::backend::{BackendStats, MemoryUntilConnected, ValkeyBackend};

/// What every backend counts.
fn common(name: &str, undecodable: u64, visit: &mut Visitor<'_>) {
    let layer = "backend";
    let mut out = Labelled { name, layer, visit };
    out.counter("cache.undecodable", undecodable);
}

impl MetricSource for InMemoryBackend {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.cache().for_each_metric(name, visit);
        common(name, self.stats().undecodable, visit);
    }
}

#[cfg(feature = "valkey")]
impl MetricSource for ValkeyBackend {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        // All of them: a new counter has to be told, too.
        let BackendStats {
            undecodable,
            reconnects,
            // Both are among the errors.
            timeouts: _,
            refused: _,
            retries_queued,
            retries_done,
            retries_refused,
            retries_lost,
            retries_pending,
        } = self.stats();
        common(name, undecodable, visit);
        let layer = "backend";
        let mut out = Labelled { name, layer, visit };
        let connected = u8::from(self.is_connected());
        out.gauge("cache.backend.connected", f64::from(connected));
        out.counter("cache.backend.reconnects", reconnects);
        let trips = self.round_trips();
        let trips = MetricValue::Histogram(&trips);
        out.put("cache.backend.round_trip.duration", trips);
        // Every kind, or a dashboard would learn of one only when it happens.
        self.for_each_error(|kind, count| {
            out.counters("cache.backend.errors", "error.type", &[(kind, count)]);
        });
        let retries = [
            ("queued", retries_queued),
            ("done", retries_done),
            ("refused", retries_refused),
            ("lost", retries_lost),
        ];
        out.counters("cache.backend.retries", "cache.result", &retries);
        out.gauge("cache.backend.retry_queue", amount(retries_pending));
    }
}

/// Memory and server, under one name each: memory's is that of the backend with `.memory` behind it.
#[cfg(feature = "valkey")]
impl MetricSource for MemoryUntilConnected {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.valkey().for_each_metric(name, visit);
        self.memory_until_then()
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
            Self::Custom(_) => common(name, self.stats().undecodable, visit),
        }
    }
}
