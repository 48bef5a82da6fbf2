//! The bot shard through the library's Valkey backend.
//!
//! Each message is one `get_many` of its four keys, and on misses one `set_many`; the threads are tasks that share
//! one backend. The keys stand under `tux:replay:` and are deleted before and after.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde::Serialize;
use tux_cache::backend::{Backend, Json, ValkeyBackend, ValkeySettings};
use tux_cache_workload::{Event, Key, Message, Plan, Population, PopulationConfig, Stream};

use super::{
    args::Args,
    output::{print, print_json, save_record},
};
use crate::{out::Failure, progress, record::MachineCard, table::grouped};

/// Everything this program writes.
const PREFIX: &str = "replay:";
/// How long the server has to answer and, at the end, to close.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said of a run.
#[derive(Debug, Serialize)]
struct Record {
    workload: &'static str,
    seed: u64,
    threads: u32,
    messages: u64,
    lookups: u64,
    hits: u64,
    hit_ratio: f64,
    messages_per_second: f64,
    /// Of one message's `get_many`, in microseconds.
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    machine: MachineCard,
}

/// One task's counts.
struct Part {
    lookups: u64,
    hits: u64,
    micros: Histogram<u64>,
}

/// Plays the shard against the server at `url`.
///
/// # Errors
/// [`Failure::Input`] when the address is none or the server cannot be reached, [`Failure::Run`] when it fails later
/// or a value is not its key's.
pub(crate) fn run(args: &Args, url: &str) -> Result<(), Failure> {
    let settings = ValkeySettings::from_url(url)
        .map_err(|error| Failure::Input(format!("--valkey: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("no runtime: {error}")))?;
    runtime.block_on(async {
        let valkey = ValkeyBackend::connect(settings)
            .await
            .map_err(|error| Failure::Input(format!("--valkey: {error}")))?;
        let backend = Backend::Valkey(valkey.clone());
        let played = play(args, &backend).await;
        let cleared = backend.delete_prefix(PREFIX).await;
        valkey.close(PATIENCE).await;
        let record = played?;
        cleared.map_err(failed)?;
        report(args, &record)
    })
}

fn failed(error: tux_cache::Error) -> Failure {
    Failure::Run(format!("the server failed during the run: {error}"))
}

async fn play(args: &Args, backend: &Backend) -> Result<Record, Failure> {
    backend.delete_prefix(PREFIX).await.map_err(failed)?;
    let population = Arc::new(Population::new(PopulationConfig::default(), args.seed));
    let threads = args.threads.unwrap_or(1);
    let duration = args.duration.unwrap_or(Duration::from_secs(10));
    let hidden = ProgressBar::hidden();
    let mut messages = 100 * u64::from(threads);
    let rate = loop {
        let start = Instant::now();
        part_all(args, backend, &population, messages, threads, &hidden).await?;
        let took = start.elapsed();
        if took >= Duration::from_millis(300).min(duration / 4) {
            break messages as f64 / took.as_secs_f64();
        }
        messages *= 4;
    };
    backend.delete_prefix(PREFIX).await.map_err(failed)?;
    let messages = ((rate * duration.as_secs_f64()) as u64).max(u64::from(threads));
    let bar = progress::bar(messages);
    bar.set_message("Valkey");
    let start = Instant::now();
    let parts = part_all(args, backend, &population, messages, threads, &bar).await?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let (lookups, hits) = parts.iter().fold((0, 0), |sum, part| {
        (sum.0 + part.lookups, sum.1 + part.hits)
    });
    let mut micros = histogram();
    parts
        .iter()
        .for_each(|part| micros.add(&part.micros).expect("the same bounds"));
    let at = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(Record {
        workload: "bot-shard-valkey",
        seed: args.seed,
        threads,
        messages,
        lookups,
        hits,
        hit_ratio: hits as f64 / lookups.max(1) as f64,
        messages_per_second: messages as f64 / seconds,
        p50_us: at(0.5),
        p99_us: at(0.99),
        p999_us: at(0.999),
        max_us: micros.max() as f64 / 1_000.0,
        machine: MachineCard::take(),
    })
}

async fn part_all(
    args: &Args,
    backend: &Backend,
    population: &Arc<Population>,
    messages: u64,
    threads: u32,
    bar: &ProgressBar,
) -> Result<Vec<Part>, Failure> {
    let share = |part: u32| messages * u64::from(part) / u64::from(threads);
    let tasks: Vec<_> = (0..threads)
        .map(|part| {
            let plan = Plan {
                seed: args.seed,
                messages: share(part + 1) - share(part),
                part,
                parts: threads,
            };
            let stream = Stream::new(Arc::clone(population), plan);
            tokio::spawn(task(backend.clone(), stream, args.ttl, bar.clone()))
        })
        .collect();
    let mut parts = Vec::new();
    for task in tasks {
        parts.push(
            task.await
                .map_err(|error| Failure::Run(format!("a task panicked: {error}")))??,
        );
    }
    Ok(parts)
}

async fn task(
    backend: Backend,
    events: Stream,
    ttl: Option<Duration>,
    bar: ProgressBar,
) -> Result<Part, Failure> {
    let mut part = Part {
        lookups: 0,
        hits: 0,
        micros: histogram(),
    };
    for event in events {
        match event {
            Event::Change(key) => {
                backend.delete(&text(&key)).await.map_err(failed)?;
            }
            Event::Message(message) => {
                message_through(&backend, &message, ttl, &mut part).await?;
                bar.inc(1);
            }
        }
    }
    Ok(part)
}

async fn message_through(
    backend: &Backend,
    message: &Message,
    ttl: Option<Duration>,
    part: &mut Part,
) -> Result<(), Failure> {
    let names = message.lookups.map(|key| text(&key));
    let start = Instant::now();
    let found = backend.get_many(&names).await.map_err(failed)?;
    part.micros
        .saturating_record(start.elapsed().as_nanos().try_into().unwrap_or(u64::MAX));
    let mut missing = Vec::new();
    for ((key, name), found) in message.lookups.iter().zip(&names).zip(found) {
        part.lookups += 1;
        match found {
            Some(value) if value == answer(key) => part.hits += 1,
            Some(value) => {
                return Err(Failure::Run(format!(
                    "{name} holds {value}, expected {}",
                    answer(key)
                )));
            }
            None => missing.push((
                name.as_str(),
                answer(key),
                Some(ttl.unwrap_or(key.kind().ttl())),
            )),
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        backend.set_many(&missing).await.map_err(failed)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("valid bounds")
}

/// The key under which a look-up's answer stands.
fn text(key: &Key) -> String {
    match key {
        Key::Prefix(guild) => format!("{PREFIX}prefix:{guild}"),
        Key::Config(guild) => format!("{PREFIX}config:{guild}"),
        Key::Permission(guild, command) => format!("{PREFIX}permission:{guild}:{command}"),
        Key::Jail(guild, user) => format!("{PREFIX}jail:{guild}:{user}"),
    }
}

/// As a string: JSON readers may round numbers of 64 bits.
fn answer(key: &Key) -> Json {
    Json::String(key.answer().to_string())
}

fn report(args: &Args, record: &Record) -> Result<(), Failure> {
    if args.json {
        return print_json(record);
    }
    print(&format!(
        "bot shard through Valkey: {} messages of 4 look-ups each, seed {}, {} at a time\n\n\
         hit %          {:.2}\n\
         messages/s     {}\n\
         get_many, µs   p50 {:.0}   p99 {:.0}   p99.9 {:.0}   max {:.0}\n\n",
        grouped(record.messages),
        record.seed,
        record.threads,
        record.hit_ratio * 100.0,
        grouped(record.messages_per_second as u64),
        record.p50_us,
        record.p99_us,
        record.p999_us,
        record.max_us,
    ))?;
    print(&save_record("bot-shard-valkey", &record.machine, record)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names_of_their_own_under_the_prefix() {
        let keys = [
            Key::Prefix(1),
            Key::Config(1),
            Key::Permission(1, 2),
            Key::Jail(1, 2),
        ];
        let names: std::collections::HashSet<String> = keys.iter().map(text).collect();
        assert_eq!(names.len(), keys.len());
        assert!(
            names.iter().all(|name| name.starts_with(PREFIX)),
            "{names:?}"
        );
    }
}
