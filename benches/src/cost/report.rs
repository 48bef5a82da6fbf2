//! Tables, record and plots.

use std::fmt::Write as _;

use serde::Serialize;

use super::model::Forecast;
use crate::{
    plot::{Plot, Series},
    ratios::{Rival, measure::Cell, scenario::Scenario},
    record::MachineCard,
};

/// The record of a run.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    what: &'static str,
    rounds: u32,
    /// Nanoseconds per operation; with several threads wall time over the operations of all.
    by_size: &'a [Cell],
    by_threads: &'a [Cell],
    /// Nanoseconds for a line to come from this machine's other core.
    transfer_here_ns: f64,
    model: &'static str,
    forecasts: &'a [Forecast],
    machine: &'a MachineCard,
}

pub(super) fn record<'a>(
    rounds: u32,
    by_size: &'a [Cell],
    by_threads: &'a [Cell],
    forecasts: &'a [Forecast],
    transfer_here_ns: f64,
    machine: &'a MachineCard,
) -> Record<'a> {
    Record {
        what: "cost by entries and threads",
        rounds,
        by_size,
        by_threads,
        transfer_here_ns,
        model: "ns(n) = ns(1) + (loads + updates transferred) × transfer_ns(n); throughput(n) = min(n / ns(n), 1 / (hottest × \
                transfer_ns(n))); transfers replayed from the library's own accesses; transfer_ns of a machine of two \
                EPYC 7R13 (github.com/nviennot/core-to-core-latency)",
        forecasts,
        machine,
    }
}

/// Nanoseconds per operation, a line each.
pub(super) fn sizes(cells: &[Cell]) -> String {
    let mut text = format!("{:<26} {:<20} {:>8}\n", "scenario", "", "ns");
    for cell in cells {
        let _ = writeln!(
            text,
            "{:<26} {:<20} {:>8.1}",
            cell.scenario,
            cell.rival.name(),
            cell.ns
        );
    }
    text + "\n"
}

/// What was measured with one and two threads, then what the model says.
pub(super) fn threads(cells: &[Cell], forecasts: &[Forecast]) -> String {
    let mut text = String::new();
    for cell in cells {
        let _ = writeln!(
            text,
            "{:<32} {:<14} {:>7.1} M op/s",
            cell.scenario,
            cell.rival.name(),
            1_000.0 / cell.ns
        );
    }
    for forecast in forecasts {
        let _ = writeln!(
            text,
            "\n{}: model over measurement with 2 threads {:.2}\n{:>8} {:>10} {:>10} {:>10} {:>9} {:>12} {:>9}",
            forecast.what,
            forecast.modelled_over_measured,
            "threads",
            "loads/op",
            "RMWs/op",
            "stores/op",
            "hottest",
            "transfer ns",
            "M op/s"
        );
        for point in &forecast.points {
            let found = point.transfers;
            let _ = writeln!(
                text,
                "{:>8} {:>10.3} {:>10.3} {:>10.3} {:>9.3} {:>12.0} {:>9.0}",
                point.threads,
                found.loads,
                found.updates,
                found.stores,
                found.hottest,
                point.transfer_ns,
                point.mops
            );
        }
    }
    text + "\n"
}

/// Cost of a hit and of an insert against entries, throughput against threads.
pub(super) fn plots(
    by_size: &[Cell],
    by_threads: &[Cell],
    forecasts: &[Forecast],
) -> Vec<(&'static str, Plot)> {
    let against_entries = |title: &str, size_of: fn(Scenario) -> Option<usize>| {
        let mut series: Vec<Series> = Vec::new();
        for cell in by_size {
            let Some(size) = size_of(cell.kind) else {
                continue;
            };
            let point = (size as f64, cell.ns);
            match series
                .iter_mut()
                .find(|line| line.label == short_name(cell.rival))
            {
                Some(line) => line.points.push(point),
                None => series.push(Series::new(short_name(cell.rival), vec![point])),
            }
        }
        Plot::logarithmic(
            title.to_owned(),
            "entries (log)",
            "ns per operation (log)",
            series,
        )
    };
    let hit = |scenario| match scenario {
        Scenario::Hit(size) => Some(size),
        _ => None,
    };
    let insert = |scenario| match scenario {
        Scenario::Insert(size) => Some(size),
        _ => None,
    };
    vec![
        ("hit", against_entries("Cost of a hit, one thread", hit)),
        (
            "insert",
            against_entries("Cost of an insert at capacity", insert),
        ),
        ("threads", against_threads(by_threads, forecasts)),
    ]
}

/// Dots are measured, the lines of tux-cache modelled.
fn against_threads(by_threads: &[Cell], forecasts: &[Forecast]) -> Plot {
    let mut series = Vec::new();
    for forecast in forecasts {
        let one = (1.0, 1_000.0 / forecast.one_thread_ns);
        let modelled = forecast
            .points
            .iter()
            .map(|point| (point.threads as f64, point.mops));
        let points = std::iter::once(one).chain(modelled).collect();
        let line = Series::new(format!("tux {}", forecast.what), points);
        series.push(line.with_dots(vec![one, (2.0, forecast.two_threads_mops)]));
    }
    for (what, is) in [
        (
            "hits",
            (|kind| matches!(kind, Scenario::Read(..))) as fn(Scenario) -> bool,
        ),
        ("80 % hits", |kind| matches!(kind, Scenario::Mixed(..))),
    ] {
        let points: Vec<(f64, f64)> = by_threads
            .iter()
            .filter(|cell| cell.rival == Rival::Quick && is(cell.kind))
            .map(|cell| (cell.kind.threads() as f64, 1_000.0 / cell.ns))
            .collect();
        // No model of it: no line.
        series.push(Series::new(format!("quick {what}"), Vec::new()).with_dots(points));
    }
    let plot = Plot::logarithmic(
        "Throughput: dots measured, lines modelled".to_owned(),
        "threads (log)",
        "million operations a second (log)",
        series,
    );
    plot.with_x_ticks(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 96.0])
}

const fn short_name(rival: Rival) -> &'static str {
    match rival {
        Rival::Papaya => "papaya",
        Rival::Hashbrown => "hashbrown",
        other => other.name(),
    }
}
