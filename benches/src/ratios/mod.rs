//! Ratios between tux-cache and what it is held against, from one interleaved run.
//!
//! Every scenario is built once for every cache; then each round times all caches one after another, beginning with
//! another one each time, so that a slow moment of the machine hits all. Shown are medians over the rounds and the
//! spread (the middle half), and ratios of medians. Every timed loop checks every answer it gets.
//!
//! Who is timed second finds the processor's caches full of the first one's memory. Each timing therefore begins with
//! ten times as many operations of the same kind that are not timed (`measure/keys.rs`): what is compared is each rival in
//! its own steady state.

mod limits;
pub(crate) mod measure;
mod report;
mod rival;
pub(crate) mod scenario;

use crate::{
    out,
    record::{MachineCard, Place},
};
pub(crate) use rival::Rival;
use scenario::Scenario;

/// Times tux-cache and its rivals side by side and prints ratios of medians.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only scenarios whose name contains this: hit, pin, insert, overwrite, mixed, read
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,

    /// Entries, several separated by commas: 100 to 10000000
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',',
          value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    sizes: Vec<u64>,

    /// Rounds: 1 to 1001
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1_001))]
    rounds: u32,

    /// Time only what has a limit, and end with status 1 if a limit is exceeded
    #[arg(long)]
    gate: bool,

    /// Write the record to results/MACHINE/, to be committed, instead of results/local/
    #[arg(long)]
    keep: bool,

    /// What cargo adds when it runs a bench target
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether all limits hold.
pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let sizes: Vec<usize> = match (args.sizes.as_slice(), args.gate) {
        ([], true) => vec![1_000, 100_000],
        ([], false) => vec![1_000, 10_000, 100_000, 1_000_000],
        (sizes, _) => sizes.iter().map(|&size| size as usize).collect(),
    };
    let scenarios: Vec<Scenario> = Scenario::all(&sizes)
        .into_iter()
        .filter(|scenario| {
            args.only.is_empty() || args.only.iter().any(|text| scenario.name().contains(text))
        })
        .collect();
    if scenarios.is_empty() {
        let names: Vec<String> = Scenario::all(&sizes).iter().map(Scenario::name).collect();
        return Err(format!(
            "--only {}: no such scenario, expected part of one of {}",
            args.only.join(", "),
            names.join(", ")
        ));
    }
    let card = MachineCard::take();
    let mut cells = Vec::new();
    for scenario in scenarios {
        let rivals: Vec<Rival> = scenario
            .rivals()
            .into_iter()
            .filter(|rival| !args.gate || limits::names(*rival))
            .collect();
        let measured = measure::rounds(scenario, &rivals, args.rounds)?;
        out::print(&report::section(scenario, &measured))?;
        cells.extend(measured);
    }
    let verdicts = limits::verdicts(&cells);
    out::print(&report::verdicts(&verdicts))?;
    let record = report::Record {
        what: "ratios",
        rounds: args.rounds,
        cells: &cells,
        verdicts: &verdicts,
        machine: &card,
    };
    out::print(&Place::new(&card, "ratios", args.keep)?.record(&record)?)?;
    Ok(!args.gate || verdicts.iter().all(|verdict| verdict.holds))
}
