//! `cargo xtask mutants`: small changes to the code, one at a time, each of which a quick test must notice.
//!
//! Which tests, and what is left out, stands in `.cargo/mutants.toml`, so that plain `cargo mutants -f FILE` does the same.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, files};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The files to change, as paths from the root of the repository; all of `engine` and `load` take a night
    #[arg(default_values = ["src/engine/table.rs"])]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let known = files(&workspace.root.join("src"), "rs");
    for file in &args.files {
        if !known.contains(&workspace.root.join(file)) {
            let text = format!(
                "no source file {}; give one such as src/engine/table.rs",
                file.display()
            );
            return Err(text.into());
        }
    }
    let Some(tool) = tool(&workspace, report) else {
        return Err("cargo-mutants is not installed and could not be installed".into());
    };
    for file in &args.files {
        let mut command = Command::new(&tool);
        // As `cargo` calls its subcommands.
        command.args([
            "mutants",
            "--package",
            "tux-cache",
            "--no-shuffle",
            "--file",
        ]);
        command
            .arg(file)
            .arg("--output")
            .arg(workspace.target.join("mutants"));
        command.current_dir(&workspace.root);
        command.env("CARGO_TARGET_DIR", workspace.target.join("mutants/build"));
        report.run(
            &format!("mutants of {}", file.display()),
            &mut command,
            Expect::Success,
        );
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
