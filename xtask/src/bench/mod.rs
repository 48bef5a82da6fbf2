//! `cargo xtask bench`: records and plots, gates, criterion benches.

mod instructions;
mod records;
mod tools;

use std::path::PathBuf;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only what fails when a bound is broken: instruction counts against their baseline, ratios against their limits
    #[arg(long)]
    gate: bool,
    /// Count instructions and atomic operations and make the counts the new baselines
    /// (benches/instructions/baseline.json, tests/watched/maxima.json)
    #[arg(long, conflicts_with_all = ["gate", "criterion", "filter"])]
    write_baseline: bool,
    /// The criterion benches instead of the records; what they find goes to target/criterion
    #[arg(long, conflicts_with = "gate")]
    criterion: bool,
    /// A minute in all instead of ten, into results/local/: to see that it works
    #[arg(long, conflicts_with_all = ["gate", "criterion"])]
    quick: bool,
    /// A folder of traces for the hit ratios; without it those are left out
    #[arg(long, value_name = "FOLDER")]
    traces: Option<PathBuf>,
    /// Only the records, gates or benches whose name contains this; no match is an error
    filter: Option<String>,
}

impl Args {
    /// Only the gates, all of them.
    pub(crate) fn gate() -> Self {
        Self {
            gate: true,
            ..Self::default()
        }
    }
}

/// The gate that has a baseline of its own.
const INSTRUCTIONS: &str = "gate_instructions";

/// Without a flag: all records and plots of this machine, and the page over them.
pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    if args.write_baseline {
        let mut maxima = cargo();
        maxima.args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "tux-cache-watched",
            "--",
        ]);
        report.run("atomic operations", maxima.arg("--write"), Expect::Success);
        return instructions::run(true, report);
    }
    if !args.gate && !args.criterion {
        let wanted = records::Wanted {
            quick: args.quick,
            traces: args.traces.as_ref(),
            filter: args.filter.as_deref(),
        };
        return records::run(&wanted, report);
    }
    let wanted = |name: &str| {
        args.gate == is_gate(name) && args.filter.as_deref().is_none_or(|f| name.contains(f))
    };
    let benches = targets(&Workspace::load()?, wanted);
    if benches.is_empty() {
        let what = if args.gate { "named gate* " } else { "" };
        let filter = args
            .filter
            .as_ref()
            .map_or_else(String::new, |f| format!("with `{f}` in its name "));
        return Err(format!("no bench target {what}{filter}in the workspace").into());
    }
    for (package, bench) in benches {
        if bench == INSTRUCTIONS {
            instructions::run(false, report)?;
            continue;
        }
        let mut command = cargo();
        command.args(["bench", "-p", &package, "--bench", &bench]);
        let outcome = report.run(&format!("bench {bench}"), &mut command, Expect::Success);
        if outcome.success && outcome.counts.passed == 0 {
            report.count(true);
        }
    }
    Ok(())
}

/// Whether the workspace has a gate to run.
pub(crate) fn has_gate(workspace: &Workspace) -> bool {
    !targets(workspace, is_gate).is_empty()
}

fn is_gate(name: &str) -> bool {
    name.starts_with("gate")
}

fn targets(workspace: &Workspace, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        for bench in package.benches.iter().filter(|name| wanted(name)) {
            found.push((package.name.clone(), bench.clone()));
        }
    }
    found
}
