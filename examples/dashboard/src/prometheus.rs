//! Feature `prometheus-client`: a collector in the program's registry.

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tux_cache::metrics::{Sources, SourcesCollector};

/// The page, made anew each time it is asked for.
pub fn page(sources: Sources) -> impl Fn() -> String + Send + Sync + 'static {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(SourcesCollector::new(sources)));
    move || {
        let mut page = String::new();
        match text::encode(&mut page, &registry) {
            Ok(()) => page,
            Err(error) => format!("# {error}\n"),
        }
    }
}
