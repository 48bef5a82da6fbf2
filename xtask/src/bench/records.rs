//! Every record and plot, by the program of `benches/`.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::cargo;

const PACKAGE: &str = "tux-cache-bench";

/// A subcommand that writes a record, and what makes it short.
struct Program {
    name: &'static str,
    quick: &'static [&'static str],
    /// Needs a folder of traces.
    traces: bool,
    /// Needs a `valkey-server`, which is fetched.
    server: bool,
}

const PROGRAMS: [Program; 6] = [
    Program {
        name: "ratios",
        quick: &["--rounds", "3", "--sizes", "1000,100000"],
        traces: false,
        server: false,
    },
    Program {
        name: "cost",
        quick: &["--rounds", "3", "--sizes", "1000,10000,100000"],
        traces: false,
        server: false,
    },
    Program {
        name: "latency",
        quick: &["--seconds", "1"],
        traces: false,
        server: false,
    },
    Program {
        name: "memory",
        quick: &["--churn", "10s", "--stall", "2s"],
        traces: false,
        server: false,
    },
    Program {
        name: "managers",
        quick: &["--rounds", "3", "--sizes", "1000", "--guilds", "200"],
        traces: false,
        server: true,
    },
    Program {
        name: "hit-ratio",
        quick: &[],
        traces: true,
        server: false,
    },
];

/// What of it is wanted.
pub(super) struct Wanted<'a> {
    pub(super) quick: bool,
    pub(super) traces: Option<&'a PathBuf>,
    pub(super) filter: Option<&'a str>,
}

pub(super) fn run(wanted: &Wanted<'_>, report: &mut Report) -> Result<()> {
    let named = |program: &&Program| wanted.filter.is_none_or(|f| program.name.contains(f));
    let programs: Vec<&Program> = PROGRAMS.iter().filter(named).collect();
    if programs.is_empty() {
        let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        return Err(format!(
            "no record has `{}` in its name; there are {}",
            wanted.filter.unwrap_or_default(),
            names.join(", ")
        )
        .into());
    }
    for program in programs {
        let mut command = start(program.name);
        match (program.traces, wanted.traces) {
            (true, None) => {
                report.note(format!(
                    "{}: not run, it needs traces: --traces FOLDER",
                    program.name
                ));
                continue;
            }
            (true, Some(folder)) => {
                command.arg("--traces").arg(std::path::absolute(folder)?);
            }
            (false, _) => {}
        }
        if program.server {
            let fetched = report.check("valkey-server", || crate::valkey::ensure(None));
            if fetched.is_none() {
                continue;
            }
        }
        command.args(if wanted.quick {
            program.quick
        } else {
            &["--keep"]
        });
        step(program.name, &mut command, report);
    }
    if !wanted.quick {
        step("summary", &mut start("summary"), report);
    }
    Ok(())
}

fn start(name: &str) -> Command {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "-p", PACKAGE, "--", name]);
    command
}

fn step(name: &str, command: &mut Command, report: &mut Report) {
    if report.run(name, command, Expect::Success).success {
        report.count(true);
    }
}
