//! The numbers of managers.

use super::sources::{Labelled, MetricSource, MetricValue, Visitor, joined};
use crate::histogram::Histogram;
use crate::managers::{
    CaseCache, GuildConfigCacheManager, JailStatusCache, ManagerStats, Managers, PermissionCache,
    PrefixCache,
};

fn visit_stats(name: &str, stats: &ManagerStats, loads: &Histogram, visit: &mut Visitor<'_>) {
    let mut out = Labelled {
        name,
        layer: "manager",
        visit,
    };
    let requests = [
        ("hit", stats.hits),
        ("miss", stats.misses),
        ("error", stats.unavailable),
        ("stale", stats.stale_answers),
    ];
    out.counters("cache.requests", "cache.result", &requests);
    out.counters("cache.writes", "cache.write", &[("set", stats.sets)]);
    out.counters(
        "cache.invalidations",
        "cache.origin",
        &[("call", stats.invalidations)],
    );
    let outcomes = [
        ("ok", stats.published),
        ("overtaken", stats.overtaken),
        ("unstored", stats.publish_errors),
        ("error", stats.load_errors),
        ("timeout", stats.load_timeouts),
    ];
    out.counters("cache.loads", "cache.result", &outcomes);
    out.put("cache.load.duration", MetricValue::Histogram(loads));
    out.counter("cache.undecodable", stats.undecodable);
}

macro_rules! sources {
    ($($manager:ty,)*) => {$(
        impl MetricSource for $manager {
            fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
                visit_stats(name, &self.stats(), &self.load_times(), visit);
            }
        }
    )*};
}

sources! { GuildConfigCacheManager, JailStatusCache, PrefixCache, PermissionCache, CaseCache, }

/// Each manager under its own name: `guild_config`, `jail_status`, `prefix`, `permissions`.
impl MetricSource for Managers {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.guild_config
            .for_each_metric(&joined(name, "guild_config"), visit);
        self.jail_status
            .for_each_metric(&joined(name, "jail_status"), visit);
        self.prefix.for_each_metric(&joined(name, "prefix"), visit);
        self.permissions
            .for_each_metric(&joined(name, "permissions"), visit);
    }
}
