//! What has numbers, and several of them under their names.

use std::fmt;
use std::sync::Arc;

use crate::histogram::Histogram;

/// A number. Counters only grow, for as long as their source lives.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue<'a> {
    /// How often something has happened.
    Counter(u64),
    /// How much there is now.
    Gauge(f64),
    /// How long something took, each time.
    Histogram(&'a Histogram),
}

/// What is called with each number: its name, its labels, its value. Name and labels together come once.
pub type Visitor<'v> = dyn FnMut(&'static str, &[(&'static str, &str)], MetricValue<'_>) + 'v;

/// Something that counts: a [`TtlCache`](crate::TtlCache), a backend, a manager, a whole set-up.
pub trait MetricSource: Send + Sync {
    /// Calls `visit` with each number; `name` becomes the label `cache.name`, or the beginning of it where a source consists of
    /// several. Reads counters only: waits for nobody, and takes no entry's lock.
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>);
}

impl<S: MetricSource + ?Sized> MetricSource for Arc<S> {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        (**self).for_each_metric(name, visit);
    }
}

/// Several sources under their names. Clones share the sources; adding to one adds to none of the others.
#[derive(Clone, Default)]
pub struct Sources {
    list: Vec<(Arc<str>, Arc<dyn MetricSource>)>,
}

impl Sources {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With another one. A name stands for one source: the newer replaces the older. A source that consists of several (a set-up) may have
    /// an empty name: its parts then have only their own.
    #[must_use]
    pub fn add(mut self, name: impl Into<Arc<str>>, source: impl MetricSource + 'static) -> Self {
        let name = name.into();
        self.list.retain(|(known, _)| *known != name);
        self.list.push((name, Arc::new(source)));
        self
    }

    /// Calls `visit` with each number of each source: `(name, labels, value)`. O(sources); a cache costs one pass over the counters of the
    /// threads that have used it, whatever it holds.
    pub fn for_each_metric(
        &self,
        mut visit: impl FnMut(&'static str, &[(&'static str, &str)], MetricValue<'_>),
    ) {
        for (name, source) in &self.list {
            source.for_each_metric(name, &mut visit);
        }
    }
}

impl MetricSource for Sources {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        for (own, source) in &self.list {
            source.for_each_metric(&joined(name, own), visit);
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.list.iter().map(|(name, _)| name))
            .finish()
    }
}

/// The name of a part.
pub(super) fn joined(name: &str, own: &str) -> String {
    match name {
        "" => own.to_owned(),
        _ => format!("{name}.{own}"),
    }
}

/// Hands on numbers that share two labels.
pub(super) struct Labelled<'a, 'v> {
    /// The value of `cache.name`.
    pub(super) name: &'a str,
    /// The value of `cache.layer`.
    pub(super) layer: &'static str,
    pub(super) visit: &'a mut Visitor<'v>,
}

impl Labelled<'_, '_> {
    /// A number without a label of its own.
    pub(super) fn put(&mut self, metric: &'static str, value: MetricValue<'_>) {
        let labels = [("cache.name", self.name), ("cache.layer", self.layer)];
        (self.visit)(metric, &labels, value);
    }

    /// A counter with one label of its own, for each of its values.
    pub(super) fn counters(
        &mut self,
        metric: &'static str,
        label: &'static str,
        counts: &[(&str, u64)],
    ) {
        for (value, count) in counts {
            let labels = [
                ("cache.name", self.name),
                ("cache.layer", self.layer),
                (label, *value),
            ];
            (self.visit)(metric, &labels, MetricValue::Counter(*count));
        }
    }

    #[cfg(feature = "backend")]
    pub(super) fn counter(&mut self, metric: &'static str, count: u64) {
        self.put(metric, MetricValue::Counter(count));
    }

    pub(super) fn gauge(&mut self, metric: &'static str, value: f64) {
        self.put(metric, MetricValue::Gauge(value));
    }
}

/// A number of things as a gauge.
#[expect(clippy::cast_precision_loss, reason = "no cache holds 2^53 entries")]
pub(super) fn amount(count: u64) -> f64 {
    count as f64
}
