//! Table, record and plots.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::{
    Args,
    scene::{CAPACITY, HOT, Recorded, SHORT_TTL, TTL, Times},
};
use crate::{
    plot::{Plot, Series},
    record::MachineCard,
};

/// One cache's figures.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    cache: &'static str,
    /// Look-ups that hit.
    hit: Figures,
    /// Writes, whether they inserted, overwrote or evicted.
    write: Figures,
    /// Look-ups that did not hit; they are in no figure.
    misses: u64,
}

/// Nanoseconds from when an operation was due to its end.
#[derive(Debug, Serialize)]
struct Figures {
    operations: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    p99_99: u64,
    max: u64,
    /// p99, p99.9, p99.99 and maximum of the median slice of a second: the median of each.
    median_slice: [u64; 4],
    /// Points (nanoseconds, share of the operations at most that).
    distribution: Vec<(f64, f64)>,
}

impl Figures {
    fn of(times: &Times) -> Self {
        let seen = &times.all;
        let at = |quantile| seen.value_at_quantile(quantile);
        let point = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (step.value_iterated_to() as f64, step.quantile_iterated_to())
        };
        Self {
            operations: seen.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: seen.max(),
            median_slice: times.of_the_median_slice(),
            distribution: seen.iter_quantiles(4).map(point).collect(),
        }
    }
}

impl Line {
    pub(super) fn new(cache: &'static str, recorded: &Recorded) -> Self {
        Self {
            cache,
            hit: Figures::of(&recorded.hits),
            write: Figures::of(&recorded.writes),
            misses: recorded.misses,
        }
    }
}

/// The record of a run.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    what: &'static str,
    unit: &'static str,
    seconds: u32,
    reads_per_second: u64,
    writes_per_second: u64,
    capacity: u64,
    keys_looked_up: u64,
    ttl_ms: u128,
    short_ttl_ms: u128,
    caches: &'a [Line],
    machine: &'a MachineCard,
}

pub(super) fn record<'a>(args: &Args, lines: &'a [Line], machine: &'a MachineCard) -> Record<'a> {
    Record {
        what: "latency under load, from when an operation was due to its end",
        unit: "ns",
        seconds: args.seconds,
        reads_per_second: args.reads,
        writes_per_second: args.writes,
        capacity: CAPACITY,
        keys_looked_up: HOT,
        ttl_ms: TTL.as_millis(),
        short_ttl_ms: SHORT_TTL.as_millis(),
        caches: lines,
        machine,
    }
}

/// Hits, then writes.
pub(super) fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    for (what, figures) in [("hit", hit as fn(&Line) -> &Figures), ("write", write)] {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        let head = [
            "ns from due to done",
            "p50",
            "p90",
            "p99",
            "p99.9",
            "p99.99",
            "max",
            "operations",
            "median s: p99",
            "p99.9",
            "p99.99",
        ];
        let head = head.map(|word| word.replace("ns from", &format!("{what}: ns from")));
        table.set_header(head.to_vec());
        for line in lines {
            let of = figures(line);
            let mut cells = vec![line.cache.to_owned()];
            cells.extend(
                [
                    of.p50,
                    of.p90,
                    of.p99,
                    of.p99_9,
                    of.p99_99,
                    of.max,
                    of.operations,
                    of.median_slice[0],
                    of.median_slice[1],
                    of.median_slice[2],
                ]
                .map(crate::table::grouped),
            );
            table.add_row(cells);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((2, 0));
            if index > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        text.push_str(&table.trim_fmt());
        text.push_str("\n\n");
    }
    text
}

fn hit(line: &Line) -> &Figures {
    &line.hit
}

fn write(line: &Line) -> &Figures {
    &line.write
}

/// One plot for hits, one for writes.
pub(super) fn plots(lines: &[Line]) -> [(&'static str, Plot); 2] {
    let plot = |title: &str, figures: fn(&Line) -> &Figures| {
        let series = |line: &Line| Series::new(line.cache, figures(line).distribution.clone());
        Plot::distribution(
            title.to_owned(),
            "ns from due to done (log)",
            lines.iter().map(series).collect(),
        )
    };
    [
        ("hit", plot("Latency of a hit under load", hit)),
        ("write", plot("Latency of a write under load", write)),
    ]
}
