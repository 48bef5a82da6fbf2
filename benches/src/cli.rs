//! The arguments of `replay`, checked.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::trace::{Column, Format, Reading};

/// Plays a Discord bot shard, or a trace of real requests, against tux-cache.
///
/// Without --trace: about ten seconds of a shard of 2,000 guilds, at several capacities. A table goes to standard
/// output, a JSON record and SVG plots to results/local/.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "replay",
    bin_name = "cargo replay --",
    version,
    max_term_width = 100
)]
pub struct Args {
    /// A trace: .u64, .oracleGeneral[.bin], .csv, .tsv, .lis (ARC), .tr (LRB) or .txt (one key a line), each also with
    /// .zst or .gz behind it. It runs on one thread, without TTL
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// What the trace consists of, whatever its name: u64, oracleGeneral, csv (columns separated by comma, semicolon,
    /// tab or blanks), text (each line a key), lirs, arc (start count 0 n), address (l 0x1fffff50 4) or lrb (time id
    /// size). By default ending and header decide
    #[arg(long, value_name = "NAME", requires = "trace")]
    pub format: Option<Format>,

    /// The column of a trace that holds the key: its title, or its number from 1 on. By default one whose title is
    /// known for keys (key, obj_id, lbn, id …), else the first of a .csv
    #[arg(long, value_name = "NAME|N", requires = "trace")]
    pub column: Option<Column>,

    /// Entries the cache may hold: 1 to 100000000, several separated by commas. For a trace by default 0.1, 1, 5, 10
    /// and 25 % of its keys
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', value_parser = capacity)]
    pub capacity: Vec<usize>,

    /// Also play the published caches, interleaved, and with a trace the optimum of hindsight (Belady)
    #[arg(long)]
    pub peers: bool,

    /// Threads of the bot shard: 1 to 256
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<u32>,

    /// Keep every answer of the bot shard this long, for example 300s or 5m: 1ms to 365days. By default each kind
    /// has its own time, scaled as if the run were an hour
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    pub ttl: Option<Duration>,

    /// Decides the bot shard's events: a whole number from 0 to 18446744073709551615
    #[arg(long, value_name = "N", value_parser = seed, default_value = "1")]
    pub seed: u64,

    /// How long the bot shard plays, with --peers each cache: 100ms to 1day. By default 10s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// How often each cache plays at each capacity; medians are shown: 1 to 101. By default 3, for the bot shard
    /// without --peers 1
    #[arg(long, value_name = "N", value_parser = rounds)]
    pub rounds: Option<u32>,

    /// Play the bot shard through the Valkey backend at this address: `valkey://[user:password@]host:port/db`
    #[arg(long, value_name = "URL")]
    pub valkey: Option<String>,

    /// Print one JSON document and nothing else; write no files
    #[arg(long)]
    pub json: bool,
}

/// Why there are no arguments to run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// `--help` or `--version`: print this and succeed.
    Show(String),
    /// One line that names the value and what would be right.
    Wrong(String),
}

impl Args {
    /// Reads the arguments, the program's name first. A `--` behind it is skipped: with the one of the cargo alias,
    /// `cargo replay -- --json` has two.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn read(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, Stop> {
        let mut arguments = arguments.into_iter();
        let program = arguments.next();
        let options = arguments.skip_while(|argument| argument == "--");
        let args = Self::try_parse_from(program.into_iter().chain(options)).map_err(|error| {
            let text = error.to_string();
            if error.use_stderr() {
                Stop::Wrong(one_line(&text))
            } else {
                Stop::Show(text)
            }
        })?;
        args.consistent().map_err(Stop::Wrong)?;
        Ok(args)
    }

    /// How the trace is to be read.
    pub fn reading(&self) -> Reading {
        Reading {
            format: self.format,
            column: self.column.clone(),
        }
    }

    /// A trace is played as it is: what would change it is refused rather than ignored.
    fn consistent(&self) -> Result<(), String> {
        if self.trace.is_some() {
            let refuse =
                |flag: &str, why: &str| Err(format!("{flag} does not go with --trace: {why}"));
            match (self.threads, self.ttl, self.duration, &self.valkey) {
                (Some(threads), ..) if threads != 1 => refuse(
                    &format!("--threads {threads}"),
                    "a trace runs on one thread, expected 1",
                ),
                (_, Some(_), ..) => refuse("--ttl", "a trace runs without one"),
                (_, _, Some(_), _) => refuse("--duration", "a trace runs to its end"),
                (.., Some(_)) => refuse("--valkey", "a trace runs on the embedded engine"),
                _ => Ok(()),
            }
        } else if self.valkey.is_some() && self.peers {
            Err("--peers does not go with --valkey: the peers are embedded caches".into())
        } else {
            Ok(())
        }
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

fn whole(text: &str, from: u64, to: u64) -> Result<u64, String> {
    let wrong = || format!("expected a whole number from {from} to {to}");
    let number: u64 = text.trim().parse().map_err(|_| wrong())?;
    if (from..=to).contains(&number) {
        Ok(number)
    } else {
        Err(wrong())
    }
}

fn capacity(text: &str) -> Result<usize, String> {
    whole(text, 1, 100_000_000).map(|number| number as usize)
}

fn threads(text: &str) -> Result<u32, String> {
    whole(text, 1, 256).map(|number| number as u32)
}

fn rounds(text: &str) -> Result<u32, String> {
    whole(text, 1, 101).map(|number| number as u32)
}

fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

fn time(text: &str, from: Duration, to: Duration, range: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if (from..=to).contains(&time) => Ok(time),
        _ => Err(format!(
            "expected a time from {range}, for example 300s or 5m"
        )),
    }
}

const DAY: Duration = Duration::from_secs(86_400);

fn ttl(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(1), DAY * 365, "1ms to 365days")
}

fn duration(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), DAY, "100ms to 1day")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, Stop> {
        Args::read(
            std::iter::once("replay")
                .chain(line.split_whitespace())
                .map(Into::into),
        )
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
        assert!(matches!(read("--help"), Err(Stop::Show(text)) if text.contains("--capacity")));
    }
}
