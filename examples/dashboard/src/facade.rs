//! Feature `metrics`: whatever recorder the program has gets the numbers; here the one of `metrics-exporter-prometheus`.

use metrics_exporter_prometheus::PrometheusBuilder;
use tux_cache::metrics::Sources;

/// The page, made anew each time it is asked for.
pub fn page(sources: Sources) -> impl Fn() -> String + Send + Sync + 'static {
    // A program with one recorder for everything calls `install_recorder`, and then `describe_metrics` once.
    let recorder = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || sources.describe_metrics());
    move || {
        metrics::with_local_recorder(&recorder, || sources.record_metrics());
        handle.render()
    }
}
