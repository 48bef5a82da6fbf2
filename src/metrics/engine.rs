//! The numbers of a cache.

use std::hash::{BuildHasher, Hash};

use super::sources::{Labelled, MetricSource, Visitor, amount};
use crate::engine::TtlCache;

impl<K, V, S> MetricSource for TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        let stats = self.stats();
        let mut out = Labelled {
            name,
            layer: "engine",
            visit,
        };
        out.counters(
            "cache.requests",
            "cache.result",
            &[("hit", stats.hits), ("miss", stats.misses)],
        );
        let writes = [
            ("insert", stats.insertions),
            ("overwrite", stats.overwrites),
        ];
        out.counters("cache.writes", "cache.write", &writes);
        let evictions = [("size", stats.evictions), ("expired", stats.expirations)];
        out.counters("cache.evictions", "cache.reason", &evictions);
        let invalidations = [("call", stats.invalidations), ("clear", stats.cleared)];
        out.counters("cache.invalidations", "cache.origin", &invalidations);
        out.counters(
            "cache.loads",
            "cache.result",
            &[("overtaken", stats.voided)],
        );
        out.gauge("cache.entries", amount(self.resident() as u64));
        if let Some(capacity) = self.max_size() {
            out.gauge("cache.capacity", amount(capacity as u64));
        }
        out.gauge("cache.unreclaimed", amount(stats.unreclaimed));
        out.gauge("cache.ticker.lag", stats.ticker_lag.as_secs_f64());
    }
}
