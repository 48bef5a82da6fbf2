//! `cargo xtask loom`: the models, optimised, since loom explores thousands of interleavings.

use crate::Result;
use crate::report::{Outcome, Report};
use crate::workspace::{Workspace, cargo};

/// The package that compiles the library's own files over loom's types.
pub(crate) const PACKAGE: &str = "tux-cache-loom";

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// One more preemption per model and no time limit: days for the largest ones, unless there is --seconds
    #[arg(long)]
    pub(crate) deep: bool,
    /// How long a model may explore with each number of preemptions; usually 8 seconds
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Run only the models whose name contains this; no match is an error
    pub(crate) filter: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    if !Workspace::load()?.has_package(PACKAGE) {
        return Err(format!("the workspace has no package {PACKAGE}").into());
    }
    let outcome = models(args, report);
    match (&args.filter, outcome.counts.models) {
        (Some(filter), 0) => Err(format!("no loom model has `{filter}` in its name").into()),
        _ => Ok(()),
    }
}

/// Runs the models as one step. Without a filter at least one must have run.
pub(crate) fn models(args: &Args, report: &mut Report) -> Outcome {
    let (deep, filter) = (args.deep, args.filter.as_deref());
    let mut command = cargo();
    // A profile of its own would rebuild the world; release is what the benches use anyway.
    command.args(["test", "--release", "-p", PACKAGE, "--no-fail-fast"]);
    if deep {
        command.env("TUX_LOOM_DEEP", "1");
    }
    if let Some(seconds) = args.seconds {
        command.env("TUX_LOOM_SECONDS", seconds.to_string());
    }
    // Each model prints how many interleavings it explored.
    command.args(filter).args(["--", "--nocapture"]);
    let name = if deep {
        "loom models, deep"
    } else {
        "loom models"
    };
    report.run_if(name, &mut command, |outcome| {
        if !outcome.success {
            Err("failed".into())
        } else if filter.is_none() && outcome.counts.models == 0 {
            Err("explored no model".into())
        } else {
            Ok(())
        }
    })
}
