//! The numbers as a collector of the crate `prometheus-client`.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::describe::{DESCRIPTIONS, MetricKind};
use super::sources::{MetricValue, Sources};
use crate::histogram::Histogram;

/// [`Sources`] for a `prometheus_client` registry. Names and labels have underscores in place of dots, as Prometheus wants them.
///
/// ```
/// # use tux_cache::metrics::{Sources, SourcesCollector};
/// # let sources = Sources::new();
/// let mut registry = prometheus_client::registry::Registry::default();
/// registry.register_collector(Box::new(SourcesCollector::new(sources)));
/// let mut page = String::new();
/// prometheus_client::encoding::text::encode(&mut page, &registry).expect("a string takes all");
/// ```
#[derive(Clone, Debug)]
pub struct SourcesCollector(Sources);

impl SourcesCollector {
    /// Asks the sources at each scrape.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self(sources)
    }
}

/// What one source says under a name.
struct Sample {
    labels: Vec<(String, String)>,
    value: CollectedValue,
}

/// A value that outlives the visit.
enum CollectedValue {
    Counter(u64),
    Gauge(f64),
    Histogram(Histogram),
}

impl EncodeMetric for CollectedValue {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Counter(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Histogram(histogram) => {
                // The encoder adds the buckets up.
                let finite = Histogram::BOUNDS.into_iter().chain([f64::INFINITY]);
                let buckets: Vec<(f64, u64)> = finite.zip(histogram.counts).collect();
                let (sum, count) = (histogram.sum.as_secs_f64(), histogram.count());
                encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
            }
        }
    }

    fn metric_type(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::Histogram(_) => MetricType::Histogram,
        }
    }
}

impl Collector for SourcesCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut samples: BTreeMap<&'static str, Vec<Sample>> = BTreeMap::new();
        self.0.for_each_metric(|name, labels, value| {
            let labels = labels.iter();
            let labels = labels
                .map(|(key, value)| (plain(key), (*value).to_owned()))
                .collect();
            let value = match value {
                MetricValue::Counter(count) => CollectedValue::Counter(count),
                MetricValue::Gauge(value) => CollectedValue::Gauge(value),
                MetricValue::Histogram(histogram) => CollectedValue::Histogram(*histogram),
            };
            samples
                .entry(name)
                .or_default()
                .push(Sample { labels, value });
        });
        for metric in DESCRIPTIONS {
            let Some(samples) = samples.get(metric.name) else {
                continue;
            };
            let kind = match metric.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            let seconds = Unit::Seconds;
            let unit = (metric.unit == "s").then_some(&seconds);
            let name = plain(metric.name);
            let mut encoder = encoder.encode_descriptor(&name, metric.text, unit, kind)?;
            for sample in samples {
                let one = encoder.encode_family(&sample.labels)?;
                sample.value.encode(one)?;
            }
        }
        Ok(())
    }
}

fn plain(name: &str) -> String {
    name.replace('.', "_")
}
