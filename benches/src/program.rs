//! The one program: a subcommand for each kind of record.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser, error::ErrorKind};

#[cfg(feature = "valkey")]
use crate::managers;
use crate::{
    cost, hit_ratio, memory,
    out::{self, Failure},
    ratios, replay, summary, under_load,
};

/// Benchmarks of tux-cache. Each prints what it found and writes a dated record.
#[derive(Debug, Parser)]
#[command(
    name = "tux-cache-bench",
    bin_name = "cargo run --release -p tux-cache-bench --",
    version,
    propagate_version = true,
    max_term_width = 100
)]
enum Program {
    Ratios(ratios::Args),
    Cost(cost::Args),
    Latency(under_load::Args),
    Memory(memory::Args),
    #[cfg(feature = "valkey")]
    Managers(managers::Args),
    HitRatio(hit_ratio::Args),
    Replay(replay::Args),
    /// Writes the page over the newest records of this machine
    Summary,
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// `--help` or `--version`: print this and succeed.
    Show(String),
    /// One line that names the value and what would be right.
    Wrong(String),
}

/// Runs the program that the arguments name, the binary's own name first. Status 0, 1 if a limit is exceeded, or one
/// line on standard error and status 2 for bad input, 1 for what goes wrong later.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ended = match Program::read(arguments) {
        Ok(program) => program.run(),
        Err(Stop::Show(text)) => out::print(&text).map(|()| true).map_err(Failure::Run),
        Err(Stop::Wrong(line)) => Err(Failure::Input(line)),
    };
    let (line, status) = match ended {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => return ExitCode::FAILURE,
        Err(Failure::Input(line)) => (line, 2),
        Err(Failure::Run(line)) => (line, 1),
    };
    out::tell("error", &line);
    ExitCode::from(status)
}

impl Program {
    /// A `--` right behind `replay` is skipped: with the one of the cargo alias, `cargo replay -- --json` has two.
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Stop> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        if arguments.get(1).is_some_and(|name| name == "replay") {
            let separators = arguments[2..].iter().take_while(|text| *text == "--");
            let separators = separators.count();
            arguments.drain(2..2 + separators);
        }
        let program = Self::try_parse_from(arguments).map_err(|error| {
            let text = error.to_string();
            match error.kind() {
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Stop::Wrong(format!(
                    "nothing to run; expected one of {}",
                    Self::names().join(", ")
                )),
                _ if error.use_stderr() => Stop::Wrong(one_line(&text)),
                _ => Stop::Show(text),
            }
        })?;
        if let Self::Replay(args) = &program {
            args.consistent().map_err(Stop::Wrong)?;
        }
        Ok(program)
    }

    fn names() -> Vec<String> {
        let command = Self::command();
        let names = command.get_subcommands().map(|named| named.get_name());
        names.map(str::to_owned).collect()
    }

    /// Whether all limits hold that were asked for.
    fn run(&self) -> Result<bool, Failure> {
        let held = match self {
            Self::Ratios(args) => ratios::run(args)?,
            Self::Cost(args) => cost::run(args).map(|()| true)?,
            Self::Latency(args) => under_load::run(args).map(|()| true)?,
            Self::Memory(args) => memory::run(args)?,
            #[cfg(feature = "valkey")]
            Self::Managers(args) => managers::run(args)?,
            Self::HitRatio(args) => hit_ratio::run(args).map(|()| true)?,
            Self::Replay(args) => replay::run(args).map(|()| true)?,
            Self::Summary => summary::run().map(|()| true)?,
        };
        Ok(held)
    }
}

/// clap's first paragraph, without the usage and the hint at `--help` behind it.
fn one_line(text: &str) -> String {
    let end = ["\n\nUsage:", "\n\nFor more"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    let text = text[..end].strip_prefix("error: ").unwrap_or(&text[..end]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::trace::{Column, Format, Reading};

    fn read(line: &str) -> Result<replay::Args, Stop> {
        let words = ["tux-cache-bench", "replay"].into_iter();
        match Program::read(words.chain(line.split_whitespace()).map(Into::into))? {
            Program::Replay(args) => Ok(args),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn wrong(line: &str) -> String {
        match read(line) {
            Err(Stop::Wrong(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn all_together() {
        let args =
            read("--capacity 10,200 --peers --threads 4 --ttl 5m --seed 7 --duration 2s --json")
                .unwrap();
        assert_eq!(
            (args.capacity, args.threads, args.seed),
            (vec![10, 200], Some(4), 7)
        );
        assert_eq!(
            (args.ttl, args.duration),
            (Some(Duration::from_secs(300)), Some(Duration::from_secs(2)))
        );
        assert!(args.peers && args.json);
    }

    #[test]
    fn wrong_values_are_named_with_their_range_in_one_line() {
        for (line, value, range) in [
            ("--capacity 0", "'0'", "1 to 100000000"),
            ("--capacity 5,x", "'x'", "1 to 100000000"),
            ("--capacity -1", "-1", ""),
            (
                "--capacity 18446744073709551616",
                "'18446744073709551616'",
                "1 to 100000000",
            ),
            ("--threads 0", "'0'", "1 to 256"),
            ("--seed many", "'many'", "0 to 18446744073709551615"),
            ("--ttl 0s", "'0s'", "1ms to 365days"),
            ("--ttl soon", "'soon'", "1ms to 365days"),
            ("--duration 1y", "'1y'", "100ms to 1day"),
            ("--rounds 0", "'0'", "1 to 101"),
            ("--trace t.u64 --threads 2", "--threads 2", "expected 1"),
            ("--trace t.u64 --ttl 5s", "--ttl", "--trace"),
            ("--trace t.u64 --duration 5s", "--duration", "--trace"),
            ("--trace t.u64 --valkey valkey://h", "--valkey", "--trace"),
            ("--peers --valkey valkey://h", "--peers", "--valkey"),
            ("--column key", "--trace", ""),
            ("--format arc", "--trace", ""),
            (
                "--trace t.u64 --format vscsi",
                "'vscsi'",
                "oracleGeneral, csv",
            ),
            ("--trace t.u64 --column 0", "'0'", "from 1 on"),
            ("--unknown", "--unknown", ""),
            ("surplus", "'surplus'", ""),
        ] {
            let text = wrong(line);
            assert!(
                text.contains(value) && text.contains(range) && !text.contains('\n'),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn a_leading_separator_is_skipped() {
        assert!(matches!(read("-- --help"), Err(Stop::Show(_))));
        assert!(read("-- -- --json").unwrap().json);
        assert!(read("--").is_ok());
        assert!(wrong("--json -- x").contains("'x'"));
        let args = read("-- --trace a.csv --format ARC --column 2").unwrap();
        assert_eq!(
            args.reading(),
            Reading {
                format: Some(Format::Arc),
                column: Some(Column::Number(2))
            }
        );
    }

    #[test]
    fn help_is_no_error() {
        let shown =
            |line, part: &str| matches!(read(line), Err(Stop::Show(text)) if text.contains(part));
        assert!(shown("--help", "--capacity"));
        assert!(shown("--help", "cargo replay -- [OPTIONS]"));
        assert!(shown("--version", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn every_program_is_named() {
        let named = |arguments: &[&str]| match Program::read(arguments.iter().map(Into::into)) {
            Err(Stop::Wrong(text)) => text,
            other => panic!("{arguments:?}: {other:?}"),
        };
        for name in [
            "ratios",
            "cost",
            "latency",
            "memory",
            "hit-ratio",
            "replay",
            "summary",
        ] {
            assert!(named(&["bench"]).contains(name));
        }
        assert!(named(&["bench", "ratio"]).contains("'ratio'"));
    }
}
