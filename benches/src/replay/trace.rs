//! `--trace`.

use std::{path::Path, time::Instant};

use serde::Serialize;

use super::{
    args::Args,
    output,
    rounds::{bytes_per_entry, contenders, in_turn},
};
use crate::{
    belady,
    out::{self, Failure},
    progress,
    record::MachineCard,
    run::{self, Outcome, RunRecord},
    table::{grouped, table},
    trace::Trace,
    with_contender,
};

/// The parts of a trace's keys that are tried as capacities by default.
const SHARES: [f64; 5] = [0.001, 0.01, 0.05, 0.10, 0.25];

/// `--json`: fixed, other programs read it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    trace: &'a str,
    requests: usize,
    unique: usize,
    runs: Vec<Run<'a>>,
}

#[derive(Debug, Serialize)]
struct Run<'a> {
    cache: &'a str,
    capacity: usize,
    hit_ratio: f64,
    /// Null for a cache that cannot tell its length.
    max_len: Option<usize>,
    ns_per_op: f64,
}

/// The record under `results/`.
#[derive(Debug, Serialize)]
struct Record<'a> {
    what: &'static str,
    trace: &'a str,
    read_as: &'a str,
    requests: usize,
    unique: usize,
    rounds: u32,
    belady: Vec<Best>,
    runs: Vec<RunRecord>,
    machine: &'a MachineCard,
}

/// The optimum of hindsight at one capacity.
#[derive(Debug, Clone, Copy, Serialize)]
struct Best {
    capacity: usize,
    hit_ratio: f64,
    max_len: usize,
    ns_per_op: f64,
}

pub(super) fn run(args: &Args, path: &Path) -> Result<(), Failure> {
    let trace = Trace::read(path, &args.reading())?;
    let capacities = if args.capacity.is_empty() {
        default_capacities(trace.unique)
    } else {
        args.capacity.clone()
    };
    if let Some(remark) = trace.remark() {
        out::tell("remark", &remark);
    }
    let card = MachineCard::take();
    let rounds = args.rounds.unwrap_or(3);
    let outcomes = play(args, &trace, &capacities, rounds)?;
    let best = if args.json && !args.peers {
        Vec::new()
    } else {
        optima(&trace, &capacities)
    };
    if args.json {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for &capacity in &capacities {
            runs.extend(
                outcomes
                    .iter()
                    .filter(|outcome| outcome.capacity == capacity)
                    .map(Run::of),
            );
            runs.extend(
                best.iter()
                    .filter(|best| best.capacity == capacity)
                    .map(Run::optimum),
            );
        }
        let (requests, unique) = (trace.keys.len(), trace.unique);
        return output::print_json(&Document {
            trace: &trace.name,
            requests,
            unique,
            runs,
        });
    }
    let optimum: Vec<(usize, f64)> = best
        .iter()
        .map(|best| (best.capacity, best.hit_ratio))
        .collect();
    let record = Record {
        what: "trace",
        trace: &trace.name,
        read_as: &trace.read_as,
        requests: trace.keys.len(),
        unique: trace.unique,
        rounds,
        belady: best,
        runs: outcomes.iter().map(Outcome::record).collect(),
        machine: &card,
    };
    let head = format!(
        "{}: {} requests for {} keys, read as {}; medians of {rounds} rounds\n",
        trace.name,
        grouped(trace.keys.len() as u64),
        grouped(trace.unique as u64),
        trace.read_as
    );
    let notes = output::fairness(contenders(args));
    // What was measured is shown even where it cannot be written.
    output::print(&format!(
        "{head}\n{}\n{notes}\n",
        table(&outcomes, &optimum, 1)
    ))?;
    output::print(&output::save(
        &trace.name,
        &card,
        &record,
        &outcomes,
        &optimum,
    )?)
}

impl<'a> Run<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Run {
            cache: &outcome.cache,
            capacity: outcome.capacity,
            hit_ratio: outcome.hit_ratio(),
            max_len: outcome.max_len,
            ns_per_op: outcome.ns_per_op,
        }
    }

    fn optimum(best: &Best) -> Self {
        let Best {
            capacity,
            hit_ratio,
            max_len,
            ns_per_op,
        } = *best;
        Run {
            cache: "belady",
            capacity,
            hit_ratio,
            max_len: Some(max_len),
            ns_per_op,
        }
    }
}

fn default_capacities(unique: usize) -> Vec<usize> {
    let mut capacities: Vec<usize> = SHARES
        .iter()
        .map(|share| ((unique as f64 * share).round() as usize).max(1))
        .collect();
    capacities.dedup();
    capacities
}

fn play(
    args: &Args,
    trace: &Trace,
    capacities: &[usize],
    rounds: u32,
) -> Result<Vec<Outcome>, Failure> {
    let contenders = contenders(args);
    let runs = capacities.len() * rounds as usize * contenders.len();
    let bar = progress::bar((runs * trace.keys.len()) as u64);
    let mut outcomes = Vec::new();
    for &capacity in capacities {
        let mut played: Vec<Vec<Outcome>> = vec![Vec::new(); contenders.len()];
        for round in 0..rounds {
            for (index, contender) in in_turn(contenders, round) {
                bar.set_message(format!("{} {}", contender.name(), grouped(capacity as u64)));
                let outcome = with_contender!(contender, <u64, u64>, C => {
                    run::trace::play::<C>(contender.name(), trace, capacity, &bar)
                });
                played[index].push(outcome.map_err(Failure::Run)?);
            }
        }
        for (rounds, &contender) in played.into_iter().zip(contenders) {
            let bytes_per_entry = if args.json {
                None
            } else {
                bytes_per_entry(contender, capacity)
            };
            outcomes.push(Outcome {
                bytes_per_entry,
                ..run::median(rounds)
            });
        }
    }
    bar.finish_and_clear();
    Ok(outcomes)
}

fn optima(trace: &Trace, capacities: &[usize]) -> Vec<Best> {
    let next = belady::next_uses(&trace.dense, trace.unique);
    let best = |&capacity: &usize| {
        let start = Instant::now();
        let found = belady::optimum(&trace.dense, trace.unique, &next, capacity);
        let requests = trace.keys.len() as f64;
        Best {
            capacity,
            hit_ratio: found.hits as f64 / requests,
            max_len: found.max_len,
            ns_per_op: start.elapsed().as_nanos() as f64 / requests,
        }
    };
    capacities.iter().map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_capacities_are_shares_of_the_keys() {
        assert_eq!(default_capacities(20_484), [20, 205, 1_024, 2_048, 5_121]);
        assert_eq!(default_capacities(3), [1]);
    }
}
