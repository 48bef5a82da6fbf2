//! `cargo xtask ci`: the whole check, going on after a failure so that one run reports them all.

use std::process::Command;

use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, cargo_of};
use crate::{Result, bench, dependents, faults, fuzz, names, sanitize, test};

/// The library's minimum supported Rust version, as `rust-version` in Cargo.toml says.
const MSRV: &str = "1.88";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to fuzz each target
    #[arg(long, default_value_t = 30)]
    fuzz_seconds: u64,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    if let Err(error) = test::run(&test::Args::default(), report) {
        report.problem(&error.to_string());
    }
    if let Err(error) = dependents::run(&dependents::Args::default(), report) {
        report.problem(&error.to_string());
    }
    report.check("names of types", || names::check(&workspace.root));
    step(report, "format", cargo().args(["fmt", "--all", "--check"]));
    let denied = ["--", "-D", "warnings"];
    let lints = ["clippy", "--workspace", "--all-targets", "--all-features"];
    step(
        report,
        "lints, everything",
        cargo().args(lints).args(denied),
    );
    let lints = ["clippy", "-p", "tux-cache", "--all-targets"];
    step(
        report,
        "lints, the engine alone",
        cargo().args(lints).args(denied),
    );
    let mut docs = cargo();
    docs.env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
    ]);
    step(report, "docs", &mut docs);

    match cargo_of(MSRV) {
        None => report.note(format!(
            "Rust {MSRV} is not installed: the MSRV was not checked here"
        )),
        Some(mut check) => {
            check.args(["check", "-p", "tux-cache", "--all-features", "--target-dir"]);
            step(report, "MSRV", check.arg(workspace.target.join("msrv")));
        }
    }
    if let Err(error) = faults::run(&faults::Args::default(), report) {
        report.problem(&error.to_string());
    }
    if fuzz::available() {
        let args = fuzz::Args {
            seconds: args.fuzz_seconds,
            runs: None,
            bare: false,
            filter: None,
        };
        if let Err(error) = fuzz::run(&args, report) {
            report.problem(&error.to_string());
        }
        drop_builds(&workspace, &["fuzz", "tools/build"]);
    } else {
        report.note(
            "no nightly toolchain: nothing was fuzzed; the tests replayed the committed corpora",
        );
    }
    if sanitize::available() {
        if let Err(error) = sanitize::run(&sanitize::Args::default(), report) {
            report.problem(&error.to_string());
        }
        drop_builds(&workspace, &["sanitize"]);
    } else {
        report.note("no nightly toolchain: nothing was run under a sanitizer");
    }
    if bench::has_gate(&workspace) {
        if let Err(error) = bench::run(&bench::Args::gate(), report) {
            report.problem(&error.to_string());
        }
    } else {
        report.note("no bench target named gate* in the workspace: no bench gate was run");
    }
    Ok(())
}

/// Removes build folders that no later step uses: together some gigabytes.
fn drop_builds(workspace: &Workspace, names: &[&str]) {
    for name in names {
        // What is not there, or cannot be removed, is no reason to fail.
        let _ = std::fs::remove_dir_all(workspace.target.join(name));
    }
}

/// A step that must succeed; it has no tests to count.
fn step(report: &mut Report, name: &str, command: &mut Command) {
    report.run(name, command, Expect::Success);
}
