//! The bot shard: every thread plays its part of the traffic against one cache.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use indicatif::ProgressBar;
use quanta::Clock;
use tux_cache_workload::{Event, Key, Kind, Message, Plan, Population, RAID_AT, Stream};

use super::Outcome;
use crate::{
    latency::{self, Latency},
    peers::Peer,
};

/// Messages whose look-ups are timed together, the generator's work left out.
const MESSAGES: usize = 8;
/// Messages at each thread's end among which the hit path finds its keys.
const RECENT: u64 = 1 << 16;

/// How often the length is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The time a run stands for: the workload's times to live are scaled by the run's length over this.
pub const BOT_TIME: Duration = Duration::from_secs(3_600);

/// How long answers are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ttls {
    /// The same for all.
    Same(Duration),
    /// As a bot keeps each kind, scaled by this factor.
    Scaled(f64),
}

impl Ttls {
    fn of(self, kind: Kind) -> Duration {
        match self {
            Ttls::Same(ttl) => ttl,
            Ttls::Scaled(factor) => kind.ttl().mul_f64(factor).max(Duration::from_millis(1)),
        }
    }

    /// For caches with one TTL for all entries: the longest.
    fn longest(self) -> Duration {
        [Kind::Prefix, Kind::Config, Kind::Permission, Kind::Jail]
            .map(|kind| self.of(kind))
            .into_iter()
            .max()
            .unwrap_or_default()
    }
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Shard {
    /// The world.
    pub population: Arc<Population>,
    /// Decides every event.
    pub seed: u64,
    /// Threads, at least 1.
    pub threads: u32,
    /// Messages of all threads together.
    pub messages: u64,
    /// How long answers are kept.
    pub ttls: Ttls,
}

/// One thread's counts.
#[derive(Debug, Default)]
struct Part {
    hits: u64,
    lookups: u64,
    nanos: u64,
    /// The keys of the last messages.
    recent: Vec<Key>,
    /// Look-ups of regular members and their hits, before the raid and from it on.
    regular: [(u64, u64); 2],
}

/// Plays the shard once.
///
/// # Errors
/// The cache's text if it does not take the capacity, or that it returned another key's value.
pub fn play<C: Peer<Key, u64> + Send + Sync>(
    name: &str,
    shard: &Shard,
    capacity: usize,
    progress: &ProgressBar,
) -> Result<Outcome, String> {
    let cache = C::new(capacity, Some(shard.ttls.longest()))?;
    let wrong = AtomicBool::new(false);
    let start = Barrier::new(shard.threads as usize);
    let mut max_len = None;
    let me = std::thread::current();
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..shard.threads)
            .map(|part| {
                let (cache, wrong, start, me) = (&cache, &wrong, &start, &me);
                scope.spawn(move || {
                    start.wait();
                    let counts = thread(cache, shard, part, wrong, progress);
                    me.unpark();
                    counts
                })
            })
            .collect();
        while !workers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            std::thread::park_timeout(LOOK);
            max_len = max_len.max(cache.len());
        }
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker panicked"))
            .collect()
    });
    if wrong.load(Ordering::Relaxed) {
        return Err(format!("{name} at {capacity} returned another key's value"));
    }
    let (max_len, counters) = (max_len.max(cache.len()), cache.counters());
    let mut all = Part::default();
    for part in &parts {
        all.hits += part.hits;
        all.lookups += part.lookups;
        all.nanos += part.nanos;
        for (sum, part) in all.regular.iter_mut().zip(part.regular) {
            *sum = (sum.0 + part.0, sum.1 + part.1);
        }
    }
    let ratio = |(lookups, hits): (u64, u64)| hits as f64 / lookups.max(1) as f64;
    Ok(Outcome {
        cache: name.to_owned(),
        capacity,
        hits: all.hits,
        requests: all.lookups,
        max_len,
        ns_per_op: all.nanos as f64 / all.lookups.max(1) as f64,
        latency: hit_path::<C>(capacity, &parts)?,
        counters,
        bytes_per_entry: None,
        raid: Some((ratio(all.regular[0]), ratio(all.regular[1]))),
    })
}

/// The hit path, every thread at once with the keys of its own last messages.
///
/// The cache is filled anew with these, to be kept for an hour: the scaled times to live end within milliseconds, and
/// what has expired cannot be hit.
fn hit_path<C: Peer<Key, u64> + Sync>(capacity: usize, parts: &[Part]) -> Result<Latency, String> {
    let cache = &C::new(capacity, Some(BOT_TIME))?;
    for key in parts.iter().flat_map(|part| &part.recent) {
        if cache.get(key).is_none() {
            cache.set(*key, key.answer());
        }
    }
    let mut all = Latency::default();
    std::thread::scope(|scope| {
        let probe = |part: &'_ Part| latency::hit_path(cache, &part.recent);
        let workers: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(move || probe(part)))
            .collect();
        workers
            .into_iter()
            .for_each(|worker| all.add(&worker.join().expect("a worker panicked")));
    });
    Ok(all)
}

fn thread<C: Peer<Key, u64>>(
    cache: &C,
    shard: &Shard,
    part: u32,
    wrong: &AtomicBool,
    progress: &ProgressBar,
) -> Part {
    let share = |part: u32| shard.messages * u64::from(part) / u64::from(shard.threads);
    let messages = share(part + 1) - share(part);
    let plan = Plan {
        seed: shard.seed,
        messages,
        part,
        parts: shard.threads,
    };
    let raid_from = (messages as f64 * RAID_AT).ceil() as u64;
    let mut events = Stream::new(Arc::clone(&shard.population), plan);
    let clock = Clock::new();
    let mut counts = Part::default();
    let mut batch: Vec<Message> = Vec::with_capacity(MESSAGES);
    let (mut played, mut unreported) = (0, 0);
    loop {
        batch.clear();
        while batch.len() < MESSAGES {
            match events.next() {
                Some(Event::Message(message)) => batch.push(message),
                Some(Event::Change(key)) => cache.remove(&key),
                None => break,
            }
        }
        if batch.is_empty() {
            progress.inc(unreported);
            return counts;
        }
        let mut found = [0_u8; MESSAGES];
        let mut all_right = true;
        let start = clock.raw();
        for (message, found) in batch.iter().zip(&mut found) {
            for key in &message.lookups {
                match cache.get(key) {
                    Some(value) => {
                        *found += 1;
                        all_right &= value == key.answer();
                    }
                    None => cache.set_for(*key, key.answer(), shard.ttls.of(key.kind())),
                }
            }
        }
        let nanos = clock.delta_as_nanos(start, clock.raw());
        if !all_right {
            wrong.store(true, Ordering::Relaxed);
        }
        let (lookups, hits) = (
            batch.len() * 4,
            found.iter().map(|&found| u64::from(found)).sum::<u64>(),
        );
        counts.nanos += nanos;
        counts.lookups += lookups as u64;
        counts.hits += hits;
        if played + RECENT >= messages {
            counts
                .recent
                .extend(batch.iter().flat_map(|message| message.lookups));
        }
        for (message, &found) in batch
            .iter()
            .zip(&found)
            .filter(|(message, _)| !message.raid)
        {
            let regular = &mut counts.regular[usize::from(played >= raid_from)];
            *regular = (
                regular.0 + message.lookups.len() as u64,
                regular.1 + u64::from(found),
            );
        }
        played += batch.len() as u64;
        unreported += batch.len() as u64;
        if unreported >= 4_096 {
            progress.inc(std::mem::take(&mut unreported));
        }
    }
}

#[cfg(test)]
mod tests {
    use tux_cache_workload::PopulationConfig;

    use super::*;
    use crate::{peers::Tux, progress};

    fn shard(messages: u64, threads: u32, ttls: Ttls) -> Shard {
        let config = PopulationConfig {
            guilds: 100,
            ..PopulationConfig::default()
        };
        Shard {
            population: Arc::new(Population::new(config, 1)),
            seed: 1,
            threads,
            messages,
            ttls,
        }
    }

    #[test]
    fn every_message_is_played_and_the_counts_agree() {
        let shard = shard(20_001, 2, Ttls::Same(Duration::from_secs(3_600)));
        let outcome = play::<Tux<Key, u64>>("tux-cache", &shard, 2_000, &progress::bar(1)).unwrap();
        assert_eq!(outcome.requests, 20_001 * 4);
        assert_eq!(outcome.counters.unwrap().hits, outcome.hits);
        assert!(
            (0.5..0.999).contains(&outcome.hit_ratio()),
            "{}",
            outcome.hit_ratio()
        );
        assert!(outcome.max_len.unwrap() <= 2_000);
        let (before, after) = outcome.raid.unwrap();
        assert!(before > 0.5 && after > 0.3, "{before} {after}");
    }

    /// Every answer of the run has expired when the hit path is measured.
    #[test]
    fn the_hit_path_is_measured_whatever_the_time_to_live() {
        let shard = shard(4_000, 1, Ttls::Same(Duration::from_millis(1)));
        let outcome = play::<Tux<Key, u64>>("tux-cache", &shard, 2_000, &progress::bar(1)).unwrap();
        let found = outcome.latency.percentiles().unwrap();
        assert!(found.batches > 1_000, "{found:?}");
    }

    #[test]
    fn kinds_keep_their_order_when_scaled() {
        let ttls = Ttls::Scaled(10.0 / 3_600.0);
        assert_eq!(ttls.of(Kind::Jail).as_millis(), 166);
        assert_eq!(ttls.longest(), ttls.of(Kind::Prefix));
        assert_eq!(Ttls::Scaled(0.0).of(Kind::Config), Duration::from_millis(1));
        assert_eq!(
            Ttls::Same(Duration::from_secs(9)).longest(),
            Duration::from_secs(9)
        );
    }
}
