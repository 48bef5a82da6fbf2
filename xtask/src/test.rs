//! `cargo xtask test`: everything that runs on stable.

use std::process::Command;

use crate::report::{Expect, Report};
use crate::workspace::{FEATURES, Workspace, cargo};
use crate::{Result, loom, python, valkey};

/// The tests that talk to a real server.
const SERVER_SUITES: [&str; 4] = ["backend_contract", "faults", "interop", "managers"];

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only the tests whose name contains this; no match is an error
    pub(crate) filter: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    for version in ["9.1", "8.0"] {
        report.check(&format!("valkey-server {version}"), || {
            let server = valkey::ensure(Some(version))?;
            println!("{}", server.display());
            Ok(())
        });
    }
    report.check("Python package of the interop tests", python::ensure);
    let before = report.tests();
    let filter = args.filter.as_deref();
    // With a filter a step may well match nothing; without one every step must have tests.
    let expect = if filter.is_some() {
        Expect::Counted
    } else {
        Expect::Tests
    };

    // The loom models come last and optimised; the committed fuzz corpora are replayed by an ordinary test.
    report.run(
        "tests, whole workspace",
        tests(FEATURES).args(filter),
        expect,
    );

    // The suite above talks to the newest server there is. (Of the whole workspace here and below: else cargo would build
    // most of it once more, with the features that these programs need alone.)
    if let Ok(server) = valkey::ensure(Some("8.0")) {
        let mut older = tests(FEATURES);
        for suite in SERVER_SUITES {
            older.args(["--test", suite]);
        }
        older.env("TUX_VALKEY_SERVER", server);
        report.run("server suites on 8.0", older.args(filter), expect);
    }

    // Without these features, as above, a program installs a provider of its own.
    for feature in ["tls-ring", "tls-aws-lc"] {
        let mut tls = tests(&format!("{FEATURES},tux-cache/{feature}"));
        tls.args(["--test", "tls"]);
        report.run(&format!("TLS with {feature}"), tls.args(filter), expect);
    }

    // The engine alone is what one gets who asks for nothing.
    let mut engine = cargo();
    engine.args(["test", "-p", "tux-cache", "--no-fail-fast"]);
    report.run("tests, the engine alone", engine.args(filter), expect);

    if filter.is_none() {
        let mut examples = cargo();
        examples.args(["build", "--workspace", "--examples", FEATURES]);
        report.run("examples", &mut examples, Expect::Success);
    }
    if workspace.has_package(loom::PACKAGE) {
        let args = loom::Args {
            filter: filter.map(str::to_owned),
            ..loom::Args::default()
        };
        loom::models(&args, report);
    }
    match filter {
        Some(filter) if report.tests() == before => {
            Err(format!("no test has `{filter}` in its name").into())
        }
        _ => Ok(()),
    }
}

/// The tests of the workspace but for the loom models, with these features of the library.
fn tests(features: &str) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--exclude", loom::PACKAGE]);
    command.args(["--no-fail-fast", features]);
    command
}
