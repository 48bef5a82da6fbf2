//! The numbers through the facade of the crate `metrics`.

use ::metrics::{Key, Label, Level, Metadata, Recorder, Unit};

use super::describe::{DESCRIPTIONS, MetricKind};
use super::sources::{MetricValue, Sources, amount};

const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

impl Sources {
    /// Describes all names to the recorder of the crate `metrics` that is installed. Once, after it was.
    ///
    /// A histogram of ours is three numbers there, as no recorder takes durations that were counted before: `….seconds.bucket` with the label `le`,
    /// `….seconds.count` and `….seconds.sum`.
    pub fn describe_metrics(&self) {
        ::metrics::with_recorder(|recorder| {
            for metric in DESCRIPTIONS {
                let unit = match metric.unit {
                    "s" => Some(Unit::Seconds),
                    _ => None,
                };
                let (name, text) = (metric.name, metric.text);
                match metric.kind {
                    MetricKind::Counter => {
                        recorder.describe_counter(name.into(), unit, text.into())
                    }
                    MetricKind::Gauge => recorder.describe_gauge(name.into(), unit, text.into()),
                    MetricKind::Histogram => {
                        let [bucket, count, sum] = parts(name);
                        recorder.describe_gauge(bucket.into(), None, text.into());
                        recorder.describe_gauge(count.into(), None, text.into());
                        recorder.describe_gauge(sum.into(), None, text.into());
                    }
                }
            }
        });
    }

    /// Hands every number to the recorder of the crate `metrics` that is installed, or to
    /// [`with_local_recorder`](::metrics::with_local_recorder)'s: counters with what they stand at. Call it before each scrape, or every few
    /// seconds. It allocates, and waits for nobody but the recorder.
    ///
    /// ```
    /// # use tux_cache::metrics::Sources;
    /// # let sources = Sources::new();
    /// // After the program installed a recorder, an exporter's for one:
    /// sources.describe_metrics();
    /// sources.record_metrics(); // before each scrape
    /// ```
    pub fn record_metrics(&self) {
        ::metrics::with_recorder(|recorder| {
            self.for_each_metric(|name, labels, value| {
                let labels = labels.iter();
                let labels = labels.map(|(key, value)| Label::new(*key, (*value).to_owned()));
                let labels: Vec<Label> = labels.collect();
                record(recorder, name, labels, value);
            });
        });
    }
}

fn record(recorder: &dyn Recorder, name: &'static str, labels: Vec<Label>, value: MetricValue<'_>) {
    let counter = |name: String, labels: Vec<Label>, count| {
        let key = Key::from_parts(name, labels);
        recorder.register_counter(&key, &METADATA).absolute(count);
    };
    let gauge = |name: String, labels: Vec<Label>, value| {
        let key = Key::from_parts(name, labels);
        recorder.register_gauge(&key, &METADATA).set(value);
    };
    match value {
        MetricValue::Counter(count) => counter(name.to_owned(), labels, count),
        MetricValue::Gauge(value) => gauge(name.to_owned(), labels, value),
        MetricValue::Histogram(histogram) => {
            let [bucket, count, sum] = parts(name);
            for (bound, below) in histogram.cumulative() {
                let bound = match bound.is_finite() {
                    true => bound.to_string(),
                    false => "+Inf".to_owned(),
                };
                let mut labels = labels.clone();
                labels.push(Label::new("le", bound));
                gauge(bucket.clone(), labels, amount(below));
            }
            gauge(count, labels.clone(), amount(histogram.count()));
            gauge(sum, labels, histogram.sum.as_secs_f64());
        }
    }
}

/// The names that a histogram's numbers have: with the unit in them, so that Prometheus sees a histogram of its own naming.
fn parts(name: &str) -> [String; 3] {
    ["bucket", "count", "sum"].map(|part| format!("{name}.seconds.{part}"))
}
