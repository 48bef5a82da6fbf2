//! One readable table.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::{latency::BATCH, run::Outcome};

/// The outcomes, grouped by capacity as they come. `optimum`: the best possible hit ratio by capacity, for a trace.
pub fn table(outcomes: &[Outcome], optimum: &[(usize, f64)], threads: u32) -> String {
    let mut head = vec!["capacity", "cache", "hit %"];
    if !optimum.is_empty() {
        head.push("Belady %");
    }
    head.extend([
        "p50 ns", "p99", "p99.9", "max", "M op/s", "evicted", "expired", "B/entry",
    ]);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    let mut last = None;
    for outcome in outcomes {
        let mut row = vec![
            if last == Some(outcome.capacity) {
                String::new()
            } else {
                grouped(outcome.capacity as u64)
            },
            outcome.cache.clone(),
            format!("{:.2}", outcome.hit_ratio() * 100.0),
        ];
        last = Some(outcome.capacity);
        if !optimum.is_empty() {
            let best = optimum
                .iter()
                .find(|(capacity, _)| *capacity == outcome.capacity);
            row.push(best.map_or_else(none, |(_, ratio)| format!("{:.2}", ratio * 100.0)));
        }
        let latency = outcome.latency.percentiles();
        let nanos = |value: Option<f64>| value.map_or_else(none, short);
        row.push(nanos(latency.map(|latency| latency.p50_ns)));
        row.push(nanos(latency.map(|latency| latency.p99_ns)));
        row.push(nanos(latency.map(|latency| latency.p999_ns)));
        row.push(nanos(latency.map(|latency| latency.max_ns)));
        row.push(format!("{:.1}", 1_000.0 / outcome.ns_per_op));
        row.push(
            outcome
                .counters
                .map_or_else(none, |counters| grouped(counters.evictions)),
        );
        row.push(
            outcome
                .counters
                .map_or_else(none, |counters| grouped(counters.expirations)),
        );
        row.push(
            outcome
                .bytes_per_entry
                .map_or_else(none, |bytes| format!("{bytes:.0}")),
        );
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index != 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let threads = if threads == 1 {
        "one thread".to_owned()
    } else {
        format!("each of {threads} threads")
    };
    format!(
        "{}\n\n\
         ns      the hit path after the run, in the order of its last requests: means of batches of {BATCH} look-ups\n\
         \x20       that all hit, the clock read once a batch (about 10 ns a batch, left in);\n\
         \x20       a bot shard's in a cache filled anew with these, since its answers expire within milliseconds\n\
         M op/s  requests per second of {threads}, misses and their inserts included\n\
         B/entry heap asked for beyond key and value by a full u64 → u64 cache of this capacity\n",
        table.trim_fmt()
    )
}

fn none() -> String {
    "–".to_owned()
}

/// Three figures.
fn short(nanos: f64) -> String {
    if nanos < 100.0 {
        format!("{nanos:.1}")
    } else {
        grouped(nanos.round() as u64)
    }
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{latency::Latency, peers::Counters};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn what_is_unknown_is_a_dash() {
        let outcome = Outcome {
            cache: "TinyUFO".into(),
            capacity: 1_024,
            hits: 1,
            requests: 4,
            max_len: None,
            ns_per_op: 50.0,
            latency: Latency::default(),
            counters: None,
            bytes_per_entry: None,
            raid: None,
        };
        let known = Outcome {
            counters: Some(Counters {
                evictions: 12_345,
                ..Counters::default()
            }),
            cache: "tux-cache".into(),
            ..outcome.clone()
        };
        let text = table(&[known, outcome], &[(1_024, 0.75)], 1);
        assert!(
            text.contains("25.00") && text.contains("75.00") && text.contains("20.0"),
            "{text}"
        );
        assert!(text.contains("12,345") && text.contains('–'), "{text}");
        assert_eq!(text.matches("1,024").count(), 1, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 140),
            "{text}"
        );
    }
}
