//! The numbers as observable instruments of OpenTelemetry.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::describe::{DESCRIPTIONS, Description, MetricKind};
use super::sources::{MetricValue, Sources};

impl Sources {
    /// Makes an observable instrument of each name on `meter`. From then on a reader of its provider asks the sources at each collection; the
    /// provider keeps them alive.
    ///
    /// A histogram of ours is three instruments, as OpenTelemetry has no observable one: `….seconds.bucket` with the attribute `le`, `….seconds.count` and `….seconds.sum`.
    /// Each instrument asks all sources once, so a collection costs as many passes as there are [`DESCRIPTIONS`].
    ///
    /// ```
    /// # use opentelemetry::metrics::MeterProvider;
    /// # use tux_cache::metrics::Sources;
    /// # let (sources, provider) = (Sources::new(), opentelemetry::metrics::noop::NoopMeterProvider::new());
    /// sources.observe(&provider.meter("tux-cache"));
    /// ```
    pub fn observe(&self, meter: &Meter) {
        let sources = Arc::new(self.clone());
        for metric in DESCRIPTIONS {
            match metric.kind {
                MetricKind::Counter => counter(meter, &sources, metric),
                MetricKind::Gauge => gauge(meter, &sources, metric),
                MetricKind::Histogram => histogram(meter, &sources, metric),
            }
        }
    }

    fn of(&self, wanted: &str, mut visit: impl FnMut(&[(&'static str, &str)], MetricValue<'_>)) {
        self.for_each_metric(|name, labels, value| {
            if name == wanted {
                visit(labels, value);
            }
        });
    }
}

fn attributes(labels: &[(&'static str, &str)]) -> Vec<KeyValue> {
    let labels = labels.iter();
    labels
        .map(|(key, value)| KeyValue::new(*key, (*value).to_owned()))
        .collect()
}

fn counter(meter: &Meter, sources: &Arc<Sources>, metric: &'static Description) {
    let sources = Arc::clone(sources);
    let instrument = meter.u64_observable_counter(metric.name);
    let _ = instrument
        .with_description(metric.text)
        .with_unit(metric.unit)
        .with_callback(move |observer| {
            sources.of(metric.name, |labels, value| {
                if let MetricValue::Counter(count) = value {
                    observer.observe(count, &attributes(labels));
                }
            });
        })
        .build();
}

fn gauge(meter: &Meter, sources: &Arc<Sources>, metric: &'static Description) {
    let sources = Arc::clone(sources);
    let instrument = meter.f64_observable_gauge(metric.name);
    let _ = instrument
        .with_description(metric.text)
        .with_unit(metric.unit)
        .with_callback(move |observer| {
            sources.of(metric.name, |labels, value| {
                if let MetricValue::Gauge(value) = value {
                    observer.observe(value, &attributes(labels));
                }
            });
        })
        .build();
}

/// As the instrument wants it.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Up-down counters, since what adds up to a histogram is no counter of its own: Prometheus then appends no `_total`, and sees a histogram of
/// its own naming.
fn histogram(meter: &Meter, sources: &Arc<Sources>, metric: &'static Description) {
    let name = |part| format!("{}.seconds.{part}", metric.name);
    let buckets = Arc::clone(sources);
    let _ = meter
        .i64_observable_up_down_counter(name("bucket"))
        .with_description(metric.text)
        .with_callback(move |observer| {
            buckets.of(metric.name, |labels, value| {
                let MetricValue::Histogram(histogram) = value else {
                    return;
                };
                for (bound, below) in histogram.cumulative() {
                    let bound = match bound.is_finite() {
                        true => bound.to_string(),
                        false => "+Inf".to_owned(),
                    };
                    let mut attributes = attributes(labels);
                    attributes.push(KeyValue::new("le", bound));
                    observer.observe(whole(below), &attributes);
                }
            });
        })
        .build();
    let counts = Arc::clone(sources);
    let _ = meter
        .i64_observable_up_down_counter(name("count"))
        .with_description(metric.text)
        .with_callback(move |observer| {
            counts.of(metric.name, |labels, value| {
                if let MetricValue::Histogram(histogram) = value {
                    observer.observe(whole(histogram.count()), &attributes(labels));
                }
            });
        })
        .build();
    let sums = Arc::clone(sources);
    let _ = meter
        .f64_observable_up_down_counter(name("sum"))
        .with_description(metric.text)
        .with_callback(move |observer| {
            sums.of(metric.name, |labels, value| {
                if let MetricValue::Histogram(histogram) = value {
                    observer.observe(histogram.sum.as_secs_f64(), &attributes(labels));
                }
            });
        })
        .build();
}
