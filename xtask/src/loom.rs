//! `cargo xtask loom`: the models, optimised, since loom explores thousands of interleavings.

use crate::Result;
use crate::report::{Outcome, Report};
use crate::workspace::{Workspace, cargo};

/// The package that compiles the library's own files over loom's types.
pub(crate) const PACKAGE: &str = "tux-cache-loom";

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// One more preemption per model and no time limit: hours, not minutes
    #[arg(long)]
    deep: bool,
    /// Run only the models whose name contains this; no match is an error
    filter: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    if !Workspace::load()?.has_package(PACKAGE) {
        return Err(format!("the workspace has no package {PACKAGE}").into());
    }
    let outcome = models(args.deep, args.filter.as_deref(), report);
    match (&args.filter, outcome.counts.models) {
        (Some(filter), 0) => Err(format!("no loom model has `{filter}` in its name").into()),
        _ => Ok(()),
    }
}

/// Runs the models as one step. Without a filter at least one must have run.
pub(crate) fn models(deep: bool, filter: Option<&str>, report: &mut Report) -> Outcome {
    let mut command = cargo();
    // A profile of its own would rebuild the world; release is what the benches use anyway.
    command.args(["test", "--release", "-p", PACKAGE, "--no-fail-fast"]);
    if deep {
        command.env("TUX_LOOM_DEEP", "1");
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
