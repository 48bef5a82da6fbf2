//! The chores of `tux-cache`.
//!
//! Every task prints the commands it runs and how long each step took, and ends with one line
//! `N passed, M failed` that sums the tests which really ran. Nothing here passes by not running:
//! a step without tests, a filter that matches none, a list that is empty are failures.

mod bench;
mod ci;
mod dependents;
mod faults;
mod fuzz;
mod long;
mod loom;
mod mutants;
mod names;
mod output;
mod python;
mod report;
mod sanitize;
mod test;
mod valkey;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::report::Report;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The chores of tux-cache"
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that runs on stable: unit, property, stress, contract, fault and doc tests, loom models, corpora
    Test(test::Args),
    /// What .ci/run does once its tools are there: test, format, lints, docs, seeded faults, fuzzing, bench gate
    Ci(ci::Args),
    /// Find a Valkey server, or unpack one under target/ without changing the system
    Valkey(valkey::Args),
    /// The loom models, on the library's own source files
    Loom(loom::Args),
    /// Crates of others answer the same with and without tux-cache in the program (part of ci; --all is part of long)
    Dependents(dependents::Args),
    /// Fuzz every target for a while (needs a nightly toolchain; installs cargo-fuzz under target/)
    Fuzz(fuzz::Args),
    /// Switch on each seeded fault in turn and show that its model or test catches it
    Faults(faults::Args),
    /// Change the code in small ways and show that quick tests notice each (installs cargo-mutants under target/; slow)
    Mutants(mutants::Args),
    /// The tests that take minutes, which are named `long_…` and ignored everywhere else; each one's time is shown
    Long(long::Args),
    /// Unit and stress tests of the engine under address and leak sanitizer (needs a nightly toolchain)
    Sanitize(sanitize::Args),
    /// All records and plots of this machine; with --gate only the checks that can fail; with --criterion those benches
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let mut report = Report::new();
    let done = match Cli::parse().task {
        Task::Valkey(args) => {
            return match valkey::run(&args) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("error: {error}");
                    ExitCode::FAILURE
                }
            };
        }
        Task::Test(args) => test::run(&args, &mut report),
        Task::Ci(args) => ci::run(&args, &mut report),
        Task::Loom(args) => loom::run(&args, &mut report),
        Task::Dependents(args) => dependents::run(&args, &mut report),
        Task::Fuzz(args) => fuzz::run(&args, &mut report),
        Task::Faults(args) => faults::run(&args, &mut report),
        Task::Mutants(args) => mutants::run(&args, &mut report),
        Task::Long(args) => long::run(&args, &mut report),
        Task::Sanitize(args) => sanitize::run(&args, &mut report),
        Task::Bench(args) => bench::run(&args, &mut report),
    };
    if let Err(error) = done {
        report.problem(&error.to_string());
    }
    report.finish()
}
