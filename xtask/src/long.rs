//! `cargo xtask long`: the tests that take minutes. They are named `long_…` and marked `#[ignore]`, so nothing else runs them.
//!
//! Each is a step of its own, alone on the machine, and so has a time of its own in the summary. What they found is noted
//! by hand in `results/proof.md`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::report::{Expect, Report};
use crate::workspace::{FEATURES, cargo};
use crate::{Result, dependents, loom};

const PREFIX: &str = "long_";

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only this package; usually all but the loom models, whose long form is `loom --deep`
    #[arg(short, long)]
    package: Option<String>,
    /// Run only the tests whose name contains this; no match is an error
    filter: Option<String>,
}

/// A program full of tests.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    name: String,
    executable: PathBuf,
    /// Where cargo would start it.
    folder: PathBuf,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder);
        command.env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let programs = report.check("build, optimised", || build(args.package.as_deref()));
    let filter = args.filter.as_deref().unwrap_or_default();
    let mut found = 0;
    for program in programs.into_iter().flatten() {
        let output = program
            .command()
            .args(["--list", "--ignored", "--format", "terse"])
            .output()?;
        for test in listed(&String::from_utf8_lossy(&output.stdout), filter) {
            found += 1;
            let mut command = program.command();
            command.args(["--ignored", "--exact", &test, "--nocapture"]);
            report.run(
                &format!("{} {test}", program.name),
                &mut command,
                Expect::Tests,
            );
        }
    }
    if args.package.is_none() && "dependents".contains(filter) {
        found += 1;
        dependents::run(&dependents::Args { all: true }, report)?;
    }
    if found == 0 {
        return Err(
            format!("no ignored test is named `{PREFIX}…` and has `{filter}` in it").into(),
        );
    }
    Ok(())
}

/// Builds all test programs; which they are.
fn build(package: Option<&str>) -> Result<Vec<Program>> {
    let mut command = cargo();
    command.args([
        "test",
        "--release",
        "--no-run",
        "--lib",
        "--bins",
        "--tests",
    ]);
    match package {
        Some(package) => command.args(["--package", package]),
        None => command.args(["--workspace", "--exclude", loom::PACKAGE]),
    };
    // Another package has none of the library's features.
    if package.is_none_or(|package| package == "tux-cache") {
        command.arg(FEATURES);
    }
    command.args(["--message-format", "json-render-diagnostics"]);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    Ok(built(&String::from_utf8_lossy(&output.stdout)))
}

/// The test programs that cargo's messages name.
fn built(messages: &str) -> Vec<Program> {
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["profile"]["test"] != true {
            return None;
        }
        Some(Program {
            name: message["target"]["name"].as_str()?.to_owned(),
            executable: message["executable"].as_str()?.into(),
            folder: Path::new(message["manifest_path"].as_str()?)
                .parent()?
                .into(),
        })
    };
    messages.lines().filter_map(program).collect()
}

/// The long tests in what a test program lists.
fn listed(list: &str, filter: &str) -> Vec<String> {
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|path| {
            let name = path.rsplit("::").next().unwrap_or(path);
            name.starts_with(PREFIX) && path.contains(filter)
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tests_are_known_by_their_name() {
        let list = "long_a: test\nmodule::long_b: test\nlong_module::c: test\nbelong_d: test\nlong_e: benchmark\n";
        assert_eq!(listed(list, ""), ["long_a", "module::long_b"]);
        assert_eq!(listed(list, "_b"), ["module::long_b"]);
        assert!(listed(list, "c").is_empty());
    }

    #[test]
    fn test_programs_are_known_by_their_profile() {
        let messages = r#"
            {"reason":"compiler-artifact","profile":{"test":true},"target":{"name":"model"},"executable":"/t/model-1","manifest_path":"/w/Cargo.toml"}
            {"reason":"compiler-artifact","profile":{"test":true},"target":{"name":"lib"},"executable":null,"manifest_path":"/w/Cargo.toml"}
            {"reason":"compiler-artifact","profile":{"test":false},"target":{"name":"cost"},"executable":"/t/cost","manifest_path":"/w/Cargo.toml"}
            {"reason":"build-finished","success":true}
            what is no message
        "#;
        let model = Program {
            name: "model".into(),
            executable: "/t/model-1".into(),
            folder: "/w".into(),
        };
        assert_eq!(built(messages), [model]);
    }
}
