//! The dashboard and the alert rules ask for names, labels and values that there are, and leave no name out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tux_cache::metrics::{DESCRIPTIONS, Description, MetricKind};

use crate::table::everything;

fn read(name: &str) -> String {
    let path = format!("{}/docs/grafana/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// How Prometheus spells a name.
fn spelled(metric: &Description) -> Vec<String> {
    let unit = if metric.unit == "s" { "_seconds" } else { "" };
    let name = format!("{}{unit}", metric.name.replace('.', "_"));
    match metric.kind {
        MetricKind::Counter => vec![format!("{name}_total")],
        MetricKind::Histogram => ["bucket", "count", "sum"]
            .map(|part| format!("{name}_{part}"))
            .into(),
        _ => vec![name],
    }
}

/// What a query may say: names, and the values of each label.
struct Known {
    names: BTreeMap<String, &'static str>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn new() -> Self {
        let names = DESCRIPTIONS.iter().flat_map(|metric| {
            let spellings = spelled(metric).into_iter();
            spellings.map(|spelling| (spelling, metric.name))
        });
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        everything().for_each_metric(|_, said, _| {
            for (label, value) in said {
                labels
                    .entry(label.replace('.', "_"))
                    .or_default()
                    .insert((*value).to_owned());
            }
        });
        Self {
            names: names.collect(),
            labels,
        }
    }

    /// The names a query asks for, or what is wrong with it.
    fn asked(&self, query: &str) -> Result<BTreeSet<&'static str>, String> {
        let outside = query.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut asked = BTreeSet::new();
        for word in words.filter(|word| word.starts_with("cache_") || word.starts_with("error_")) {
            match self.names.get(word) {
                Some(name) => {
                    asked.insert(*name);
                }
                None if self.labels.contains_key(word) => {}
                None => return Err(format!("{word} in {query}")),
            }
        }
        // `label="value"` or `label=~"one|other"`.
        let parts: Vec<&str> = query.split('"').collect();
        for pair in parts.chunks_exact(2) {
            let label = pair[0].trim_end_matches(['=', '~']);
            let label = label.rsplit(['{', ',', ' ']).next().unwrap_or_default();
            let values = self
                .labels
                .get(label)
                .ok_or_else(|| format!("{label} in {query}"))?;
            if let Some(value) = pair[1].split('|').find(|value| !values.contains(*value)) {
                return Err(format!("{label}={value} in {query}"));
            }
        }
        match asked.is_empty() {
            true => Err(format!("nothing in {query}")),
            false => Ok(asked),
        }
    }
}

#[tokio::test]
async fn the_dashboard_asks_for_every_number_there_is_and_for_no_other() {
    let known = Known::new();
    let dashboard: Value = serde_json::from_str(&read("tux-cache.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut asked, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(
            ids.insert(panel["id"].as_u64().expect("a number")),
            "{}",
            panel["id"]
        );
        assert!(
            panel["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            asked.extend(known.asked(query).unwrap_or_else(|wrong| panic!("{wrong}")));
        }
    }
    let all: BTreeSet<&str> = DESCRIPTIONS.iter().map(|metric| metric.name).collect();
    assert_eq!(asked, all, "each is on some panel");
    // The page on troubleshooting asks these.
    let guide = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/guide/05_troubleshooting.md"
    ))
    .unwrap();
    for row in ["Something is stale", "Few hits", "Much memory"] {
        assert!(guide.contains(&format!("**{row}.**")), "{row}");
        assert!(panels.iter().any(|panel| panel["title"] == row), "{row}");
    }
}

#[tokio::test]
async fn the_alerts_ask_for_numbers_there_are() {
    let known = Known::new();
    let rules = read("alerts.yaml");
    let alerts: Vec<&str> = rules.split("      - alert: ").skip(1).collect();
    assert!(alerts.len() >= 8, "{}", alerts.len());
    let mut names = BTreeSet::new();
    for alert in alerts {
        let field = |name: &str| {
            let lines = alert.lines().map(str::trim);
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let value = values
                .next()
                .unwrap_or_else(|| panic!("no {name}: {alert}"));
            assert_eq!(values.next(), None, "{name} twice: {alert}");
            value.to_owned()
        };
        let name = alert.lines().next().expect("a name");
        assert!(names.insert(name), "{name} twice");
        known
            .asked(&field("expr"))
            .unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert!(field("for").ends_with(['m', 'h']), "{name}");
        assert!(
            ["warning", "critical"].contains(&field("severity").as_str()),
            "{name}"
        );
        assert!(field("summary").starts_with('"'), "{name}");
    }
}

#[tokio::test]
async fn a_wrong_query_is_found() {
    let known = Known::new();
    for wrong in [
        "rate(cache_hits_total[5m])",
        "cache_requests_total{cache_result=\"hits\"}",
        "cache_requests_total{cache_guild=\"1\"}",
        "sum by (cache_guild) (cache_entries)",
        "cache_requests",
        "up",
    ] {
        assert!(known.asked(wrong).is_err(), "{wrong}");
    }
    let fine = "sum by (cache_name) (rate(cache_requests_total{cache_layer=\"manager\",cache_result=~\"hit|miss\"}[5m])) > 0";
    assert_eq!(known.asked(fine), Ok(["cache.requests"].into()));
}
