//! `cargo xtask fuzz`: every target of `fuzz/` for a while, on the nightly toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo_of, host};

const TOOLCHAIN: &str = "nightly";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to fuzz each target
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u64,
    /// Fuzz each target for this many inputs instead
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) runs: Option<u64>,
    /// Optimised and without address sanitizer: twenty times the inputs, for long runs
    #[arg(long)]
    pub(crate) bare: bool,
    /// Only the targets whose name contains this; no match is an error
    pub(crate) filter: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    if cargo_of(TOOLCHAIN).is_none() {
        return Err(format!(
            "fuzzing needs the {TOOLCHAIN} toolchain, which is not installed; \
             `cargo xtask test` replays the committed corpora on stable"
        )
        .into());
    }
    let Some(tool) = cargo_fuzz(&workspace, report) else {
        return Err("cargo-fuzz is not installed and could not be installed".into());
    };
    let fuzz_dir = workspace.root.join("fuzz");
    let all = targets(&fuzz_dir)?;
    let wanted = |name: &String| args.filter.as_deref().is_none_or(|f| name.contains(f));
    let targets: Vec<String> = all.iter().filter(|name| wanted(name)).cloned().collect();
    if targets.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(format!(
            "no fuzz target has `{filter}` in its name; there are {}",
            all.join(", ")
        )
        .into());
    }
    let builds = builds(&workspace, args.bare);
    let mut build = fuzz(&tool, &fuzz_dir, "build");
    if args.bare {
        // Coverage alone guides: to follow comparisons too would take a third of the time.
        build.args(["--release", "--sanitizer", "none", "--no-trace-compares"]);
    }
    build.env("CARGO_TARGET_DIR", &builds);
    let build = report.run("fuzz targets build", &mut build, Expect::Success);
    if !build.success {
        return Ok(());
    }
    for target in &targets {
        one(args, &workspace, &builds, target, report)?;
    }
    Ok(())
}

/// Fuzzes one target. What it finds goes to the build folder; the committed corpus is only read.
fn one(
    args: &Args,
    workspace: &Workspace,
    builds: &Path,
    target: &str,
    report: &mut Report,
) -> Result<()> {
    let fuzz_dir = workspace.root.join("fuzz");
    let grown = workspace.target.join("fuzz-corpus").join(target);
    std::fs::create_dir_all(&grown)?;
    let artifacts = fuzz_dir.join("artifacts").join(target);
    std::fs::create_dir_all(&artifacts)?;
    // The program itself: `cargo fuzz run` would ask cargo again whether it is up to date.
    let mut command = Command::new(program(builds, target)?);
    command.arg(&grown);
    let committed = fuzz_dir.join("corpus").join(target);
    if committed.is_dir() {
        command.arg(committed);
    }
    match args.runs {
        Some(runs) => command.arg(format!("-runs={runs}")),
        None => command.arg(format!("-max_total_time={}", args.seconds)),
    };
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    // Full length from the start: an input of operations is worth little before it has filled a cache.
    let length = match target {
        "traces" | "wire" => 1024,
        _ => 320,
    };
    command.arg(format!("-max_len={length}"));
    command.args(["-len_control=0", "-timeout=10", "-rss_limit_mb=4096"]);
    // Leaks are looked for when the process ends. After each input it would take most of the time, and a target counts the
    // values it makes.
    command.arg("-detect_leaks=0");
    command.args(["-print_final_stats=1", "-verbosity=1", "-reload=0"]);
    let outcome = report.run_if(&format!("fuzz {target}"), &mut command, |outcome| {
        match (outcome.success, outcome.counts.executions) {
            (false, _) => Err("failed: the input is in fuzz/artifacts".into()),
            (true, 0) => Err("executed no input".into()),
            (true, _) => Ok(()),
        }
    });
    let inputs = outcome.counts.executions;
    if outcome.success && inputs > 0 {
        report.count(true);
        report.note(format!("fuzz {target}: {inputs} inputs, no divergence"));
    }
    Ok(())
}

/// Where cargo-fuzz leaves a target's program in its build folder.
fn program(builds: &Path, target: &str) -> Result<PathBuf> {
    Ok(builds.join(host()?).join("release").join(target))
}

/// The build folder of the targets: other flags than the workspace's.
fn builds(workspace: &Workspace, bare: bool) -> PathBuf {
    workspace
        .target
        .join(if bare { "fuzz-bare" } else { "fuzz" })
}

/// Whether fuzzing can run here at all.
pub(crate) fn available() -> bool {
    cargo_of(TOOLCHAIN).is_some()
}

/// The installed cargo-fuzz, or one built under the target folder.
fn cargo_fuzz(workspace: &Workspace, report: &mut Report) -> Option<PathBuf> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/cargo-fuzz");
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|dir| dir.join("cargo-fuzz"))
            .find(|f| f.is_file())
    });
    if let Some(found) = on_path.or_else(|| own.is_file().then(|| own.clone())) {
        return Some(found);
    }
    let mut install = crate::workspace::cargo();
    install
        .args(["install", "cargo-fuzz", "--locked", "--root"])
        .arg(&tools);
    // Its build folder must not be ours: other flags, other lock.
    install.arg("--target-dir").arg(tools.join("build"));
    report.run("cargo-fuzz is installed", &mut install, Expect::Success);
    own.is_file().then_some(own)
}

fn fuzz(tool: &Path, fuzz_dir: &Path, verb: &str) -> Command {
    // cargo-fuzz calls `cargo` and `rustc` by name: let rustup answer with the nightly ones.
    let mut command = Command::new("rustup");
    command
        .args(["run", TOOLCHAIN])
        .arg(tool)
        .arg("fuzz")
        .arg(verb)
        .arg("--fuzz-dir")
        .arg(fuzz_dir);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

/// The names of the targets, from the files: every `fuzz_targets/*.rs` is one.
fn targets(fuzz_dir: &Path) -> Result<Vec<String>> {
    let files = crate::workspace::files(&fuzz_dir.join("fuzz_targets"), "rs");
    let names = files
        .iter()
        .filter_map(|file| file.file_stem()?.to_str().map(str::to_owned));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Err(format!("no fuzz target under {}", fuzz_dir.display()).into());
    }
    Ok(names)
}
