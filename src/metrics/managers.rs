//! The numbers of managers and of typed caches.

use super::sources::{Labelled, MetricSource, MetricValue, Visitor, joined};
use crate::histogram::Histogram;
use crate::managers::{
    CaseCache, GuildConfigCacheManager, JailStatusCache, ManagerStats, Managers, PermissionCache,
    PrefixCache,
};
use crate::{Family, TypedCache};

fn visit_stats(name: &str, stats: ManagerStats, took: &Histogram, visit: &mut Visitor<'_>) {
    // All of them: a new counter has to be told, too.
    let ManagerStats {
        hits,
        misses,
        unavailable,
        undecodable,
        loads,
        load_errors,
        load_timeouts,
        published,
        overtaken,
        publish_errors,
        sets,
        invalidations,
        stale_answers,
        refreshes,
        refresh_errors,
        throttled,
        soft_timeouts,
    } = stats;
    let layer = "manager";
    let mut out = Labelled { name, layer, visit };
    let requests = [
        ("hit", hits),
        ("miss", misses),
        ("error", unavailable),
        ("stale", stale_answers),
    ];
    out.counters("cache.requests", "cache.result", &requests);
    out.counters("cache.writes", "cache.write", &[("set", sets)]);
    let removed = [("call", invalidations)];
    out.counters("cache.invalidations", "cache.origin", &removed);
    out.counter("cache.load.started", loads);
    let outcomes = [
        ("ok", published),
        ("overtaken", overtaken),
        ("unstored", publish_errors),
        ("error", load_errors),
        ("timeout", load_timeouts),
    ];
    out.counters("cache.loads", "cache.result", &outcomes);
    out.put("cache.load.duration", MetricValue::Histogram(took));
    let refreshed = [("begun", refreshes), ("error", refresh_errors)];
    out.counters("cache.refreshes", "cache.result", &refreshed);
    out.counter("cache.loads.throttled", throttled);
    out.counter("cache.soft_timeouts", soft_timeouts);
    out.counter("cache.undecodable", undecodable);
}

macro_rules! sources {
    ($($manager:ty,)*) => {$(
        impl MetricSource for $manager {
            fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
                visit_stats(name, self.stats(), &self.load_times(), visit);
            }
        }
    )*};
}

sources! { GuildConfigCacheManager, JailStatusCache, PrefixCache, PermissionCache, CaseCache, }

/// Those of one family.
impl<F: Family> MetricSource for TypedCache<F> {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        visit_stats(name, self.stats(), &self.load_times(), visit);
    }
}

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
