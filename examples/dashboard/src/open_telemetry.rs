//! Feature `opentelemetry`: observable instruments on the program's meter. A program pushes them with an exporter of its own; here one keeps
//! the last collection as text.

use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use tux_cache::metrics::Sources;

/// The page, collected anew each time it is asked for.
pub fn page(sources: Sources) -> impl Fn() -> String + Send + Sync + 'static {
    let last = LastCollection::default();
    let reader = PeriodicReader::builder(last.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    sources.observe(&provider.meter("tux-cache"));
    move || match provider.force_flush() {
        Ok(()) => last.text(),
        Err(error) => format!("# {error}\n"),
    }
}

/// Exports to a string.
#[derive(Clone, Debug, Default)]
struct LastCollection(Arc<Mutex<String>>);

impl LastCollection {
    fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl PushMetricExporter for LastCollection {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut text = String::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            write_metric(&mut text, metric);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn write_metric(text: &mut String, metric: &Metric) {
    match metric.data() {
        AggregatedMetrics::F64(data) => write_points(text, metric.name(), data),
        AggregatedMetrics::U64(data) => write_points(text, metric.name(), data),
        AggregatedMetrics::I64(data) => write_points(text, metric.name(), data),
    }
}

fn write_points<T: Copy + Display>(text: &mut String, name: &str, data: &MetricData<T>) {
    match data {
        MetricData::Gauge(gauge) => {
            for point in gauge.data_points() {
                write_line(text, name, "", point.attributes(), point.value());
            }
        }
        MetricData::Sum(sum) => {
            let suffix = if sum.is_monotonic() { "_total" } else { "" };
            for point in sum.data_points() {
                write_line(text, name, suffix, point.attributes(), point.value());
            }
        }
        _ => {}
    }
}

fn write_line<'a>(
    text: &mut String,
    name: &str,
    suffix: &str,
    attributes: impl Iterator<Item = &'a KeyValue>,
    value: impl Display,
) {
    let plain = |name: &str| name.replace('.', "_");
    let labels: Vec<String> = attributes
        .map(|label| format!("{}=\"{}\"", plain(label.key.as_str()), label.value))
        .collect();
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "{}{suffix}{{{}}} {value}",
        plain(name),
        labels.join(",")
    );
}
