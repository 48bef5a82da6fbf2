//! `cargo xtask sanitize`: unit and stress tests of the engine under address and leak sanitizer, on the nightly toolchain.
//!
//! Thread sanitizer and miri need parts (`rust-src`, `miri`) that a plain nightly lacks; the GitHub workflow has them.

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo_of, host};

const TOOLCHAIN: &str = "nightly";

/// What is not ours to mend: papaya forgets a new entry's memory (not what is in it) when a key's `eq` panics in `compute`.
const NOT_OURS: &str = "leak:papaya::raw::LazyEntry\n";

/// The tests with threads, unlinked entries and panics; the others add nothing that the allocator could see.
const TESTS: [&str; 5] = ["engine", "model", "single_flight", "stops", "stress"];

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only the tests whose name contains this; no match is an error
    filter: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let Some(mut command) = cargo_of(TOOLCHAIN) else {
        return Err(
            format!("sanitizers need the {TOOLCHAIN} toolchain, which is not installed").into(),
        );
    };
    command.args(["test", "-p", "tux-cache", "--lib"]);
    for test in TESTS {
        command.args(["--test", test]);
    }
    // With a target named, build scripts and macros stay without sanitizer.
    command.arg("--target").arg(host()?);
    command
        .arg("--target-dir")
        .arg(workspace.target.join("sanitize"));
    command.args(["--no-fail-fast"]).args(&args.filter);
    // `tux_sanitize`: each entry comes from the allocator and goes back at once, so that the sanitizer sees its end.
    command.env(
        "RUSTFLAGS",
        "-Zsanitizer=address -Cforce-frame-pointers=yes --cfg tux_sanitize",
    );
    command.env("ASAN_OPTIONS", "detect_leaks=1");
    let folder = workspace.target.join("sanitize");
    std::fs::create_dir_all(&folder)?;
    let suppressions = folder.join("suppressions.txt");
    std::fs::write(&suppressions, NOT_OURS)?;
    command.env(
        "LSAN_OPTIONS",
        format!(
            "print_suppressions=0:suppressions={}",
            suppressions.display()
        ),
    );
    report.run(
        "engine under address and leak sanitizer",
        &mut command,
        Expect::Tests,
    );
    Ok(())
}

/// Whether it can run here.
pub(crate) fn available() -> bool {
    cargo_of(TOOLCHAIN).is_some()
}
