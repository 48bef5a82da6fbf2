//! The numbers of a cache.

use std::hash::{BuildHasher, Hash};

use super::sources::{Labelled, MetricSource, Visitor, amount};
use crate::engine::{Stats, TtlCache};

impl<K, V, S> MetricSource for TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        // All of them: a new counter has to be told, too.
        let Stats {
            hits,
            misses,
            insertions,
            overwrites,
            evictions,
            expirations,
            invalidations,
            cleared,
            voided,
            unreclaimed,
            ticker_lag,
        } = self.stats();
        let layer = "engine";
        let mut out = Labelled { name, layer, visit };
        let requests = [("hit", hits), ("miss", misses)];
        out.counters("cache.requests", "cache.result", &requests);
        let writes = [("insert", insertions), ("overwrite", overwrites)];
        out.counters("cache.writes", "cache.write", &writes);
        let left = [("size", evictions), ("expired", expirations)];
        out.counters("cache.evictions", "cache.reason", &left);
        let removed = [("call", invalidations), ("clear", cleared)];
        out.counters("cache.invalidations", "cache.origin", &removed);
        out.counters("cache.loads", "cache.result", &[("overtaken", voided)]);
        out.gauge("cache.entries", amount(self.resident() as u64));
        if let Some(capacity) = self.max_size() {
            out.gauge("cache.capacity", amount(capacity as u64));
        }
        out.gauge("cache.unreclaimed", amount(unreclaimed));
        out.gauge("cache.ticker.lag", ticker_lag.as_secs_f64());
    }
}
