//! The bot shard on embedded caches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tux_cache_workload::{Key, Population, PopulationConfig, RAIDERS};

use super::{
    args::Args,
    output,
    rounds::{bytes_per_entry, contenders, in_turn},
};
use crate::{
    out::Failure,
    peers::Tux,
    progress,
    record::MachineCard,
    run::{
        self, Outcome, RunRecord,
        shard::{BOT_TIME, Shard, Ttls},
    },
    table::{grouped, table},
    with_contender,
};

/// Entries; the shard has some 1.3 million keys.
const CAPACITIES: [usize; 4] = [10_000, 30_000, 100_000, 300_000];
/// How long the first run takes that finds out how many messages fill the time.
const CALIBRATION: Duration = Duration::from_millis(150);

#[derive(Debug, Serialize)]
struct Record<'a> {
    workload: &'static str,
    seed: u64,
    threads: u32,
    messages: u64,
    rounds: u32,
    keys: u64,
    ttl_seconds: Option<f64>,
    runs: Vec<RunRecord>,
    machine: &'a MachineCard,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let capacities = if args.capacity.is_empty() {
        CAPACITIES.to_vec()
    } else {
        args.capacity.clone()
    };
    let duration = args.duration.unwrap_or(Duration::from_secs(10));
    let rounds = args.rounds.unwrap_or(if args.peers { 3 } else { 1 });
    let card = MachineCard::take();
    let pass = duration / (capacities.len() as u32 * rounds);
    let shard = calibrated(args, pass, capacities[capacities.len() / 2])?;
    let outcomes = play(args, &shard, &capacities, rounds)?;
    let record = Record {
        workload: "bot-shard",
        seed: args.seed,
        threads: shard.threads,
        messages: shard.messages,
        rounds,
        keys: shard.population.keys(),
        ttl_seconds: args.ttl.map(|ttl| ttl.as_secs_f64()),
        runs: outcomes.iter().map(Outcome::record).collect(),
        machine: &card,
    };
    if args.json {
        return output::print_json(&record);
    }
    let notes = output::fairness(contenders(args));
    let text = format!(
        "{}\n{}\n{}\n{notes}\n",
        head(args, &shard, rounds),
        table(&outcomes, &[], shard.threads),
        raid(&outcomes)
    );
    output::print(&text)?;
    output::print(&output::save("bot-shard", &card, &record, &outcomes, &[])?)
}

/// The shard, with as many messages as tux-cache plays in the time of one pass.
fn calibrated(args: &Args, pass: Duration, capacity: usize) -> Result<Shard, Failure> {
    let ttls = match args.ttl {
        Some(ttl) => Ttls::Same(ttl),
        None => Ttls::Scaled(pass.as_secs_f64() / BOT_TIME.as_secs_f64()),
    };
    let population = Arc::new(Population::new(PopulationConfig::default(), args.seed));
    let threads = args.threads.unwrap_or(1);
    let mut shard = Shard {
        population,
        seed: args.seed,
        threads,
        messages: 2_000,
        ttls,
    };
    let hidden = indicatif::ProgressBar::hidden();
    loop {
        let start = Instant::now();
        run::shard::play::<Tux<Key, u64>>("tux-cache", &shard, capacity, &hidden)
            .map_err(Failure::Run)?;
        let took = start.elapsed();
        if took >= CALIBRATION.min(pass / 2) {
            shard.messages = ((shard.messages as f64 * pass.as_secs_f64() / took.as_secs_f64())
                as u64)
                .max(1_000);
            return Ok(shard);
        }
        shard.messages *= 4;
    }
}

fn play(
    args: &Args,
    shard: &Shard,
    capacities: &[usize],
    rounds: u32,
) -> Result<Vec<Outcome>, Failure> {
    let contenders = contenders(args);
    let runs = capacities.len() as u64 * u64::from(rounds) * contenders.len() as u64;
    let bar = progress::bar(runs * shard.messages);
    let mut outcomes = Vec::new();
    for &capacity in capacities {
        let mut played: Vec<Vec<Outcome>> = vec![Vec::new(); contenders.len()];
        for round in 0..rounds {
            for (index, contender) in in_turn(contenders, round) {
                bar.set_message(format!("{} {}", contender.name(), grouped(capacity as u64)));
                let outcome = with_contender!(contender, <Key, u64>, C => {
                    run::shard::play::<C>(contender.name(), shard, capacity, &bar)
                });
                played[index].push(outcome.map_err(Failure::Run)?);
            }
        }
        for (rounds, &contender) in played.into_iter().zip(contenders) {
            let bytes_per_entry = bytes_per_entry(contender, capacity);
            outcomes.push(Outcome {
                bytes_per_entry,
                ..run::median(rounds)
            });
        }
    }
    bar.finish_and_clear();
    Ok(outcomes)
}

fn head(args: &Args, shard: &Shard, rounds: u32) -> String {
    let ttl = match args.ttl {
        Some(ttl) => format!("kept for {}", humantime::format_duration(ttl)),
        None => "kept for 1, 5 or 10 minutes by kind, a pass standing for an hour".to_owned(),
    };
    format!(
        "bot shard: {} guilds, {} keys; a pass is {} messages of 4 look-ups each, seed {}, answers {ttl}; {}\n",
        grouped(shard.population.guilds().len() as u64),
        grouped(shard.population.keys()),
        grouped(shard.messages),
        args.seed,
        if rounds == 1 {
            "one pass".to_owned()
        } else {
            format!("medians of {rounds} passes")
        }
    )
}

fn raid(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "Raid at 60 % of the pass, up to {} users that never come back in one guild; hit % of everyone else:\n",
        grouped(RAIDERS)
    );
    for outcome in outcomes {
        if let Some((before, after)) = outcome.raid {
            let (capacity, before, after) = (
                grouped(outcome.capacity as u64),
                before * 100.0,
                after * 100.0,
            );
            text += &format!(
                "  {capacity:>10}  {:<13} {before:6.2} before  {after:6.2} from then on\n",
                outcome.cache
            );
        }
    }
    text
}
