//! `cargo xtask mutants`: small changes to the code, one at a time, each of which a quick test must notice.
//!
//! How that is done stands in `xtask/mutants`; the results are in `mutants/results.tsv` below the build folder.

use std::path::PathBuf;

use tux_cache_mutants::Run;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, files};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The files to change, as paths from the root of the repository; all of `engine` and `single_flight` take some hours
    #[arg(default_values = ["src/engine/table/mod.rs"])]
    files: Vec<String>,
    /// Only what survived the last run, as `results.tsv` has it
    #[arg(long)]
    survivors: bool,
    /// The constant numbers of these files instead: each once one larger and once halved, built anew each time
    #[arg(long)]
    constants: bool,
    /// How many mutants are tried at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let known = files(&workspace.root.join("src"), "rs");
    for file in &args.files {
        if !known.contains(&workspace.root.join(file)) {
            let text = format!("no source file {file}; give one such as src/engine/table/mod.rs");
            return Err(text.into());
        }
    }
    let Some(tool) = tool(&workspace, report) else {
        return Err("cargo-mutants is not installed and could not be installed".into());
    };
    let run = Run {
        root: &workspace.root,
        folder: &workspace.target.join("mutants"),
        tool: &tool,
        cargo,
        files: &args.files,
        survivors: args.survivors,
        constants: args.constants,
        jobs: args.jobs,
    };
    for (file, verdict) in run.run()? {
        let text = verdict.clone().unwrap_or_else(|text| text);
        report.check(&format!("mutants of {file}"), || Ok(verdict?));
        println!("{text}");
        report.note(format!("{file}: {text}"));
    }
    Ok(())
}

/// The installed cargo-mutants, or one built under the target folder.
fn tool(workspace: &Workspace, report: &mut Report) -> Option<PathBuf> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/cargo-mutants");
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|dir| dir.join("cargo-mutants"))
            .find(|f| f.is_file())
    });
    if let Some(found) = on_path.or_else(|| own.is_file().then(|| own.clone())) {
        return Some(found);
    }
    let mut install = cargo();
    install
        .args(["install", "cargo-mutants", "--locked", "--root"])
        .arg(&tools);
    // Its build folder must not be ours: other flags, other lock.
    install.arg("--target-dir").arg(tools.join("build"));
    report.run("cargo-mutants is installed", &mut install, Expect::Success);
    own.is_file().then_some(own)
}
