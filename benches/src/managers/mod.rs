//! What the layers above the engine cost: ratios from one interleaved run.
//!
//! In memory: every manager's typed hit, and `get_or_fetch` on a hit, beside a hit of the engine with as many entries
//! and the same keys. On a private Valkey server: a `get` beside the raw multiplexed call of the `redis` crate, sixty
//! permissions by `get_many` beside one raw `MGET`, and pre-warming. Every timed loop checks every answer it gets.

mod keys;
mod memory;
mod report;
mod timing;
mod valkey;

use std::time::Duration;

use crate::{
    out,
    record::{MachineCard, Place},
};
use timing::{Group, Measured};

/// Times the managers beside the engine, and the Valkey backend beside the raw client.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only subjects whose group or name contains this; what they are held against is timed too
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,

    /// Entries in memory, several separated by commas: 100 to 1000000
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000],
          value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    sizes: Vec<u64>,

    /// Rounds: 1 to 1001
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1_001))]
    rounds: u32,

    /// Leave out what needs a Valkey server
    #[arg(long)]
    memory_only: bool,

    /// Guilds to pre-warm on Valkey, 60 commands each: 1 to 100000
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    guilds: u64,

    /// End with status 1 if a limit is exceeded
    #[arg(long)]
    gate: bool,

    /// Write the record to results/MACHINE, where committed ones lie, instead of results/local
    #[arg(long)]
    keep: bool,
}

/// Subjects that are timed beside one another, for the criterion bench.
#[derive(Debug)]
pub struct Passes {
    /// What they have in common.
    pub group: String,
    /// Operations of one pass.
    pub operations: u64,
    /// Each with its name.
    pub subjects: Vec<(&'static str, Pass)>,
}

/// One subject. A pass compares every answer it gets.
pub struct Pass(timing::Timing);

impl Pass {
    /// The time of one pass over its operations.
    ///
    /// # Errors
    /// One line that says what was answered wrongly.
    pub fn run(&mut self, operations: u64) -> Result<Duration, String> {
        let ns = (self.0)()? * operations as f64;
        Ok(Duration::from_nanos(ns as u64))
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}

impl From<Group> for Passes {
    fn from(group: Group) -> Self {
        let subjects = group.subjects.into_iter();
        Self {
            group: group.name,
            operations: group.operations,
            subjects: subjects
                .map(|subject| (subject.name, Pass(subject.timing)))
                .collect(),
        }
    }
}

/// Every manager's hit in memory with so many entries; with a private Valkey server, what is read from it, while the
/// second part of the answer lives.
///
/// # Errors
/// One line that says why the caches could not be filled, or the server not be started.
pub fn passes(size: usize) -> Result<(Vec<Passes>, impl Sized), String> {
    let valkey = valkey::Bench::start()?;
    let groups = [
        memory::group(size)?,
        valkey.one_get()?,
        valkey.concurrent_gets()?,
        valkey.sixty_permissions()?,
        valkey.sixty_of_a_family()?,
    ];
    Ok((groups.map(Passes::from).into(), valkey))
}

/// Whether all limits hold, where they are asked for.
pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let card = MachineCard::take();
    let wanted = |group: &str, name: &str| {
        let has = |text: &String| group.contains(text.as_str()) || name.contains(text.as_str());
        args.only.is_empty() || args.only.iter().any(has)
    };
    let mut measured = Vec::new();
    let mut take = |mut group: Group| -> Result<(), String> {
        group.keep(&wanted);
        if group.subjects.is_empty() {
            return Ok(());
        }
        let found = timing::rounds(group, args.rounds)?;
        out::print(&report::section(&found))?;
        measured.push(found);
        Ok(())
    };
    for &size in &args.sizes {
        take(memory::group(size as usize)?)?;
    }
    let warm = if args.memory_only {
        None
    } else {
        let bench = valkey::Bench::start()?;
        take(bench.one_get()?)?;
        take(bench.concurrent_gets()?)?;
        take(bench.sixty_permissions()?)?;
        take(bench.sixty_of_a_family()?)?;
        wanted("pre-warm", "pre-warm")
            .then(|| bench.pre_warm(args.guilds))
            .transpose()?
    };
    if measured.is_empty() && warm.is_none() {
        return Err(format!(
            "--only {}: no such subject; without it all are listed",
            args.only.join(", ")
        ));
    }
    if let Some(warm) = &warm {
        out::print(&report::warm(warm))?;
    }
    let holds = report::holds(&measured);
    let record = report::Record {
        what: "managers",
        rounds: args.rounds,
        groups: &measured,
        pre_warm: warm,
        machine: &card,
    };
    out::print(&Place::new(&card, "managers", args.keep)?.record(&record)?)?;
    Ok(!args.gate || holds)
}
