//! Tables and the record.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::{limits::Verdict, measure::Cell, scenario::Scenario};
use crate::record::MachineCard;

/// The record of a run.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    pub(super) what: &'static str,
    pub(super) rounds: u32,
    pub(super) cells: &'a [Cell],
    pub(super) verdicts: &'a [Verdict],
    pub(super) machine: &'a MachineCard,
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.to_vec());
    table
}

fn aligned(mut table: Table, left: usize) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((2, 0));
        if index >= left {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// One scenario: each rival's time, and tux-cache's in parts of it.
pub(super) fn section(scenario: Scenario, cells: &[Cell]) -> String {
    let Some(tux) = cells.first() else {
        return String::new();
    };
    let mut table = table(&["", "ns", "middle half", "M op/s", "tux ÷ it"]);
    for cell in cells {
        table.add_row([
            cell.rival.name().to_owned(),
            format!("{:.1}", cell.ns),
            format!("{:.1}–{:.1}", cell.low, cell.high),
            format!("{:.1}", 1_000.0 / cell.ns),
            format!("{:.2}", tux.ns / cell.ns),
        ]);
    }
    format!("{}\n{}\n\n", scenario.name(), aligned(table, 1))
}

/// The ratios that have a goal.
pub(super) fn verdicts(verdicts: &[Verdict]) -> String {
    let mut table = table(&[
        "ratio of medians",
        "scenario",
        "is",
        "goal",
        "floor",
        "gate",
        "",
    ]);
    for verdict in verdicts {
        let than = if verdict.throughput { "≥" } else { "≤" };
        let meets = |limit: f64| {
            if verdict.throughput {
                verdict.ratio >= limit
            } else {
                verdict.ratio <= limit
            }
        };
        let word = match (meets(verdict.goal), meets(verdict.floor), verdict.holds) {
            (true, ..) => "goal",
            (_, true, _) => "floor",
            (.., true) => "gate only",
            _ => "EXCEEDED",
        };
        table.add_row([
            verdict.what.to_owned(),
            verdict.scenario.clone(),
            format!("{:.2}", verdict.ratio),
            format!("{than} {}", verdict.goal),
            format!("{than} {}", verdict.floor),
            format!("{than} {}", verdict.gate),
            word.to_owned(),
        ]);
    }
    format!("{}\n\n", aligned(table, 2))
}
