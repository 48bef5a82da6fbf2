//! The arguments of `replay`, checked.

use std::{path::PathBuf, time::Duration};

use crate::trace::{Column, Format, Reading};

/// Plays a Discord bot shard, or a trace of real requests, against tux-cache.
///
/// Without --trace: about ten seconds of a shard of 2,000 guilds, at several capacities. A table goes to standard
/// output, a JSON record and SVG plots to results/local/.
#[derive(Debug, Clone, clap::Args)]
#[command(override_usage = "cargo replay -- [OPTIONS]")]
pub(crate) struct Args {
    /// A trace: .u64, .oracleGeneral[.bin], .csv, .tsv, .lis (ARC), .tr (LRB) or .txt (one key a line), each also with
    /// .zst or .gz behind it. It runs on one thread, without TTL
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// What the trace consists of, whatever its name: u64, oracleGeneral, csv (columns separated by comma, semicolon,
    /// tab or blanks), text (each line a key), lirs, arc (start count 0 n), address (l 0x1fffff50 4) or lrb (time id
    /// size). By default ending and header decide
    #[arg(long, value_name = "NAME", requires = "trace")]
    pub(crate) format: Option<Format>,

    /// The column of a trace that holds the key: its title, or its number from 1 on. By default one whose title is
    /// known for keys (key, obj_id, lbn, id …), else the first of a .csv
    #[arg(long, value_name = "NAME|N", requires = "trace")]
    pub(crate) column: Option<Column>,

    /// Entries the cache may hold: 1 to 100000000, several separated by commas. For a trace by default 0.1, 1, 5, 10
    /// and 25 % of its keys
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', value_parser = capacity)]
    pub(crate) capacity: Vec<usize>,

    /// Also play the published caches, interleaved, and with a trace the optimum of hindsight (Belady)
    #[arg(long)]
    pub(crate) peers: bool,

    /// Threads of the bot shard: 1 to 256
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<u32>,

    /// Keep every answer of the bot shard this long, for example 300s or 5m: 1ms to 365days. By default each kind
    /// has its own time, scaled as if the run were an hour
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    pub(crate) ttl: Option<Duration>,

    /// Decides the bot shard's events: a whole number from 0 to 18446744073709551615
    #[arg(long, value_name = "N", value_parser = seed, default_value = "1")]
    pub(crate) seed: u64,

    /// How long the bot shard plays, with --peers each cache: 100ms to 1day. By default 10s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// How often each cache plays at each capacity; medians are shown: 1 to 101. By default 3, for the bot shard
    /// without --peers 1
    #[arg(long, value_name = "N", value_parser = rounds)]
    pub(crate) rounds: Option<u32>,

    /// Play the bot shard through the Valkey backend at this address: `valkey://[user:password@]host:port/db`
    #[arg(long, value_name = "URL")]
    pub(crate) valkey: Option<String>,

    /// Print one JSON document and nothing else; write no files
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// How the trace is to be read.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            format: self.format,
            column: self.column.clone(),
        }
    }

    /// A trace is played as it is: what would change it is refused rather than ignored.
    ///
    /// # Errors
    /// One line that names the argument.
    pub(crate) fn consistent(&self) -> Result<(), String> {
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
