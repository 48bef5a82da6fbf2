//! The guide's table against what the visitor says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tux_cache::backend::{
    Backend, InMemoryBackend, MemoryUntilConnected, ValkeyBackend, ValkeySettings,
};
use tux_cache::managers::{CaseCache, Managers};
use tux_cache::metrics::{DESCRIPTIONS, MetricKind, Sources};

/// Sources that have every number there is; their server is not there.
pub(crate) fn everything() -> Sources {
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(100));
    let settings = ValkeySettings::from_url("valkey://127.0.0.1:1").unwrap();
    let valkey = ValkeyBackend::connect_in_background(settings).unwrap();
    let backend = Backend::from(MemoryUntilConnected::new(memory, valkey));
    Sources::new()
        .add("backend", backend.clone())
        .add("", Managers::new(backend.clone()))
        .add("cases", CaseCache::new(backend))
}

/// The values that labels have.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table of names: name, kind, unit, and the own labels with their values.
fn rows() -> BTreeMap<String, (String, String, Labels)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/11_metrics.md");
    let page = std::fs::read_to_string(path).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| `cache."));
    let rows = lines.filter(|line| line.split('|').count() == 7);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let quoted = |cell: &str| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut labels = BTreeMap::new();
        let mut words = quoted(cells[4]).into_iter();
        if let Some(label) = words.next() {
            labels.insert(label, words.collect());
        }
        let name = quoted(cells[1]).remove(0);
        (
            name,
            (cells[2].to_owned(), quoted(cells[3]).remove(0), labels),
        )
    })
    .collect()
}

#[tokio::test]
async fn the_table_is_what_the_visitor_says() {
    let rows = rows();
    let kind = |kind| match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        other => panic!("{other:?}"),
    };
    let described: BTreeMap<_, _> = DESCRIPTIONS
        .iter()
        .map(|known| {
            (
                known.name.to_owned(),
                (kind(known.kind).to_owned(), known.unit.to_owned()),
            )
        })
        .collect();
    let in_table: BTreeMap<_, _> = rows
        .iter()
        .map(|(name, (kind, unit, _))| (name.clone(), (kind.clone(), unit.clone())))
        .collect();
    assert_eq!(in_table, described);

    let mut said: BTreeMap<String, Labels> = BTreeMap::new();
    everything().for_each_metric(|name, labels, _| {
        let own = said.entry(name.to_owned()).or_default();
        for (label, value) in labels {
            match *label {
                "cache.name" => assert!(
                    !value.is_empty() && !value.contains(char::is_numeric),
                    "{value}"
                ),
                "cache.layer" => {
                    assert!(["engine", "manager", "backend"].contains(value), "{value}")
                }
                label => {
                    own.entry(label.to_owned())
                        .or_default()
                        .insert((*value).to_owned());
                }
            }
        }
    });
    for (name, (_, _, labels)) in &rows {
        let said = said
            .get(name)
            .unwrap_or_else(|| panic!("nothing says {name}"));
        let keys = |labels: &Labels| labels.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(said), keys(labels), "{name}");
        // (The kinds of errors are told in words.)
        if name != "cache.backend.errors" {
            assert_eq!(said, labels, "{name}");
        }
    }
    assert_eq!(said.len(), rows.len(), "{:?}", said.keys());
}
