//! The program `replay`: arguments in, table, record and plots out.

mod output;
mod shard;
mod trace;

pub(crate) use output::{print, print_json, save_record};

use std::{ffi::OsString, process::ExitCode};

use crate::{
    cli::{Args, Stop},
    heap, out,
    peers::{Contender, Peer, Tux},
    trace::TraceError,
    with_contender,
};

/// Why a replay did not end well. Displays as one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for or given cannot be: status 2.
    Input(String),
    /// Something went wrong on the way: status 1.
    Run(String),
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Failure::Input(error.to_string())
    }
}

/// Runs the program. Status 0, or one line on standard error and status 2 for bad input, 1 for what goes wrong later.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (line, status) = match Args::read(arguments) {
        Ok(args) => match run(&args) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(Failure::Input(line)) => (line, 2),
            Err(Failure::Run(line)) => (line, 1),
        },
        Err(Stop::Show(text)) => {
            return if output::print(&text).is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            };
        }
        Err(Stop::Wrong(line)) => (line, 2),
    };
    out::tell("error", &line);
    ExitCode::from(status)
}

fn run(args: &Args) -> Result<(), Failure> {
    for &capacity in &args.capacity {
        <Tux<u64, u64> as Peer<u64, u64>>::new(capacity, None)
            .map_err(|error| Failure::Input(format!("--capacity {capacity}: {error}")))?;
    }
    match (&args.trace, &args.valkey) {
        (Some(path), _) => trace::run(args, path),
        #[cfg(feature = "valkey")]
        (None, Some(url)) => crate::valkey::run(args, url),
        #[cfg(not(feature = "valkey"))]
        (None, Some(_)) => Err(Failure::Input(
            "--valkey: built without the feature `valkey`".into(),
        )),
        (None, None) => shard::run(args),
    }
}

/// The caches of this run.
fn contenders(args: &Args) -> &'static [Contender] {
    if args.peers {
        &Contender::ALL
    } else {
        &[Contender::TuxCache]
    }
}

/// The contenders in the order of this round: each is first, last and in the middle in turn.
fn in_turn(contenders: &[Contender], round: u32) -> impl Iterator<Item = (usize, Contender)> {
    let shift = round as usize % contenders.len();
    (0..contenders.len())
        .map(move |index| (index + shift) % contenders.len())
        .map(|index| (index, contenders[index]))
}

fn bytes_per_entry(contender: Contender, capacity: usize) -> Option<f64> {
    with_contender!(contender, <u64, u64>, C => heap::bytes_per_entry::<C>(capacity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_every_contender_and_another_first() {
        let order = |round| {
            in_turn(&Contender::ALL, round)
                .map(|(index, _)| index)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(order(1), [1, 2, 3, 4, 5, 0]);
        assert_eq!(order(6), order(0));
    }
}
