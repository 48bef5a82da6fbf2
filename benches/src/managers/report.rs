//! Tables and the record.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::{Measured, valkey::Warm};
use crate::record::MachineCard;

/// The record of a run.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    pub(super) what: &'static str,
    pub(super) rounds: u32,
    pub(super) groups: &'a [Measured],
    pub(super) pre_warm: Option<Warm>,
    pub(super) machine: &'a MachineCard,
}

/// One group: each subject's time, and its ratios.
pub(super) fn section(measured: &Measured) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(vec!["", "ns", "middle half", "÷", "is", "goal", ""]);
    for cell in &measured.cells {
        let mut head = [
            cell.name.to_owned(),
            format!("{:.1}", cell.ns),
            format!("{:.1}–{:.1}", cell.low, cell.high),
        ];
        if cell.ratios.is_empty() {
            table.add_row(
                head.iter()
                    .cloned()
                    .chain(std::iter::repeat_n(String::new(), 4)),
            );
        }
        for ratio in &cell.ratios {
            let goal = ratio.goal.map(|goal| format!("≤ {goal}"));
            let word = match (ratio.goal, ratio.holds()) {
                (None, _) => "",
                (Some(_), true) => "holds",
                (Some(_), false) => "EXCEEDED",
            };
            let tail = [
                ratio.base.to_owned(),
                format!("{:.2}", ratio.ratio),
                goal.unwrap_or_default(),
                word.to_owned(),
            ];
            table.add_row(head.iter().cloned().chain(tail));
            head = Default::default();
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((2, 0));
        if [1, 2, 4].contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n{}\n\n", measured.name, table.trim_fmt())
}

/// Whether every ratio holds.
pub(super) fn holds(measured: &[Measured]) -> bool {
    measured
        .iter()
        .flat_map(|group| &group.cells)
        .flat_map(|cell| &cell.ratios)
        .all(super::timing::Ratio::holds)
}

/// What pre-warming took.
pub(super) fn warm(warm: &Warm) -> String {
    format!(
        "pre-warm on Valkey\n  {} guilds × {} commands in {:.2} s: {:.0} guilds/s, {:.0} entries/s, {} answers checked\n\n",
        warm.guilds,
        warm.commands,
        warm.seconds,
        warm.guilds as f64 / warm.seconds,
        warm.stored as f64 / warm.seconds,
        warm.checked
    )
}
