//! `cargo xtask faults`: each seeded fault is switched on alone and must be caught by the model or test named for it.
//!
//! A fault is a piece of code behind `cfg!(tux_fault = "name")`. `loom-tests/faults.tsv` names for each the
//! test that must fail with it: `name TAB test`, or `name TAB test TAB package` outside the loom package.
//! The loom package asks `$TUX_FAULT` at run time, so it is built once; elsewhere `RUSTFLAGS` sets the cfg, in a
//! build folder of its own. That the same tests pass without a fault is what `cargo xtask test` shows.

use std::collections::BTreeSet;
use std::path::Path;

use crate::report::{Outcome, Report};
use crate::workspace::{Workspace, cargo, files};
use crate::{Result, loom};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only the faults whose name contains this; no match is an error
    filter: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    name: String,
    test: String,
    package: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let list = workspace.root.join("loom-tests/faults.tsv");
    let text = std::fs::read_to_string(&list)
        .map_err(|error| format!("no list of faults: {}: {error}", list.display()))?;
    let faults = parse(&text)?;
    agree(&faults, &seeded(&workspace.root.join("src")))?;
    let wanted = |fault: &&Fault| {
        args.filter
            .as_deref()
            .is_none_or(|f| fault.name.contains(f))
    };
    let faults: Vec<&Fault> = faults.iter().filter(wanted).collect();
    if faults.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(format!("no fault has `{filter}` in its name").into());
    }
    for fault in faults {
        let mut command = cargo();
        command.args(["test", "--release", "-p", &fault.package, "--lib"]);
        if fault.package == loom::PACKAGE {
            command.env("TUX_FAULT", &fault.name);
        } else {
            command.env("RUSTFLAGS", format!("--cfg tux_fault=\"{}\"", fault.name));
            command
                .arg("--target-dir")
                .arg(workspace.target.join("faults"));
        }
        // It is meant to fail: where exactly is of no interest.
        command.env("RUST_BACKTRACE", "0");
        command.args([&fault.test, "--", "--exact"]);
        let caught = report.expect_failure(&format!("fault {}", fault.name), &mut command, caught);
        report.count(caught);
    }
    Ok(())
}

/// A fault is caught when the named test started and did not pass: it failed, or took the process with it
/// (a model that deadlocks while it unwinds aborts). Not when nothing was built or nothing matched.
fn caught(outcome: &Outcome) -> std::result::Result<(), String> {
    let counts = outcome.counts;
    match (counts.announced, counts.passed) {
        (0, _) => Err("the test did not run".into()),
        (_, 1..) => Err("NOT caught".into()),
        (_, 0) if outcome.success => Err("NOT caught".into()),
        (_, 0) => Ok(()),
    }
}

fn parse(text: &str) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<&str> = line.split('\t').map(str::trim).collect();
        let (name, test, package) = match parts[..] {
            [name, test] => (name, test, loom::PACKAGE),
            [name, test, package] => (name, test, package),
            _ => return Err(format!("faults.tsv:{}: expected `name TAB test`", at + 1).into()),
        };
        let [name, test, package] = [name, test, package].map(str::to_owned);
        faults.push(Fault {
            name,
            test,
            package,
        });
    }
    if faults.is_empty() {
        return Err("faults.tsv lists no fault".into());
    }
    Ok(faults)
}

/// The names in `tux_fault = "…"` in the sources.
fn seeded(src: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(src, "rs") {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for part in text.split("tux_fault = \"").skip(1) {
            // Prose may say `tux_fault = "…"`.
            let name = part.split('"').next().unwrap_or_default();
            if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// Every fault in the sources is in the list, and every one in the list is in the sources.
fn agree(faults: &[Fault], seeded: &BTreeSet<String>) -> Result<()> {
    let listed: BTreeSet<String> = faults.iter().map(|fault| fault.name.clone()).collect();
    let odd: Vec<_> = listed.symmetric_difference(seeded).cloned().collect();
    if odd.is_empty() {
        return Ok(());
    }
    Err(format!(
        "in faults.tsv or in the sources, but not in both: {}",
        odd.join(", ")
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Counts;

    #[test]
    fn the_list_is_read_and_compared_with_the_sources() {
        let faults = parse("# comment\n\nweak-store\tmodels::table::insert\n").unwrap();
        assert_eq!(faults[0].test, "models::table::insert");
        assert_eq!(faults[0].package, loom::PACKAGE);
        assert!(agree(&faults, &["weak-store".to_owned()].into()).is_ok());
        let odd = agree(&faults, &["other".to_owned()].into())
            .unwrap_err()
            .to_string();
        assert!(odd.contains("other, weak-store"), "{odd}");
        assert!(parse("weak-store tux-cache-loom").is_err());
        assert!(parse("# nothing\n").is_err());
    }

    #[test]
    fn only_a_failed_test_catches_a_fault() {
        let outcome = |announced, passed, failed| Outcome {
            success: announced == passed,
            counts: Counts {
                announced,
                passed,
                failed,
                ..Counts::default()
            },
        };
        assert!(caught(&outcome(1, 0, 1)).is_ok());
        assert!(caught(&outcome(1, 0, 0)).is_ok(), "aborted");
        assert!(caught(&outcome(1, 1, 0)).is_err());
        assert!(caught(&outcome(0, 0, 0)).is_err());
    }
}
