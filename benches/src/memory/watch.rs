//! The course of it: churn, a view that stays open, and what comes after; looked at again and again meanwhile.

use std::{
    sync::{Barrier, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;
use tux_cache::TtlCache;

use super::load::{CAPACITY, Cache, Load, TTL, Value};
use crate::heap;

/// Operations a second of the churn.
const PACE: u64 = 100_000;
/// The same while a view is open: everything that goes is held back, some 100 bytes each.
const STALLED_PACE: u64 = 20_000;
/// Present in the cache, and looked at by the stalled reader, before and after.
const WATCHED: u64 = u64::MAX;
/// What memory may need after the view was closed.
const RECOVERY: Duration = Duration::from_secs(1);
/// After this long all that was in the cache when the view was closed has expired, if it was not evicted or overwritten.
const RENEWAL: Duration = TTL.saturating_add(Duration::from_secs(5));

/// How long each part lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    churn: Duration,
    stall: Duration,
    /// Between two samples of the churn.
    every: Duration,
    /// The same while a view is open, and after.
    finely: Duration,
}

impl Times {
    pub(super) fn new(churn: Duration, stall: Duration) -> Self {
        let within = |time: Duration, low, high| {
            time.clamp(Duration::from_millis(low), Duration::from_millis(high))
        };
        Self {
            churn,
            stall,
            every: within(churn / 300, 50, 60_000),
            finely: within(stall / 120, 50, 60_000),
        }
    }
}

/// One look.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Since the part began.
    pub(super) seconds: f64,
    /// Bytes asked for and not given back since before the cache was built.
    pub(super) heap: i64,
    /// The program's resident set in bytes; 0 where the system does not tell.
    pub(super) resident_set: u64,
    /// `stats().unreclaimed`.
    pub(super) unreclaimed: u64,
    /// `len()`.
    pub(super) len: usize,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    pub(super) churn: Vec<Sample>,
    pub(super) churn_operations: u64,
    /// The last look before the view was opened.
    pub(super) before: Sample,
    /// While it was open; the last one just before it was closed.
    pub(super) stalled: Vec<Sample>,
    /// Entries that left the cache while the view was open: evicted, expired, overwritten, invalidated.
    pub(super) left_meanwhile: u64,
    /// After it was closed, writes going on; `seconds` on the clock of `stalled`.
    pub(super) after: Vec<Sample>,
    /// The first look a second or more after the view was closed.
    pub(super) recovered: Sample,
    /// The highest heap of all looks after that one.
    pub(super) highest_later: i64,
    /// The last look: all that was in the cache when the view was closed has gone.
    pub(super) renewed: Sample,
}

/// Runs the whole course.
///
/// # Errors
/// When nothing counts the heap, or a reader saw another value than it held.
pub(super) fn watch(times: &Times) -> Result<Seen, String> {
    let (seen, bytes) = heap::sampled(|bytes| course(times, bytes));
    bytes.ok_or("the program's allocator does not count")?;
    seen
}

fn course(times: &Times, bytes: &dyn Fn() -> i64) -> Result<Seen, String> {
    let cache: Cache = TtlCache::builder()
        .max_size(CAPACITY)
        .ttl(TTL)
        .build()
        .map_err(|error| error.to_string())?;
    let load = Load::new(PACE);
    load.fill(&cache);
    let look = |start: Instant| Sample {
        seconds: start.elapsed().as_secs_f64(),
        heap: bytes(),
        resident_set: resident_set(),
        unreclaimed: cache.stats().unreclaimed,
        len: cache.len(),
    };
    // Before the first look, so that the looks themselves do not grow.
    let [mut churn, mut stalled, mut after] =
        [1_000, 1_000, 1_000].map(Vec::<Sample>::with_capacity);
    let (opened, close) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let worker = scope.spawn(|| load.run(&cache));
        let _stop = OnDrop(|| load.stop());
        let start = Instant::now();
        let mut next = times.every;
        while start.elapsed() < times.churn {
            thread::sleep(next.saturating_sub(start.elapsed()));
            next += times.every;
            churn.push(look(start));
        }
        let churn_operations = load.done.load(Ordering::Relaxed);

        load.pace.store(STALLED_PACE, Ordering::Relaxed);
        cache.set_forever(WATCHED, Value::new(WATCHED));
        let reader = scope.spawn(|| {
            let view = cache.pin();
            let held = view.get(&WATCHED);
            opened.wait();
            close.wait();
            held.is_none_or(|value| **value == WATCHED)
        });
        opened.wait();
        let start = Instant::now();
        let (before, left) = (look(start), departures(&cache));
        let mut next = times.finely;
        while start.elapsed() < times.stall {
            thread::sleep(next.saturating_sub(start.elapsed()));
            next += times.finely;
            stalled.push(look(start));
        }
        let left_meanwhile = departures(&cache) - left;
        stalled.push(look(start));
        load.pace.store(PACE, Ordering::Relaxed);
        close.wait();
        let closed = start.elapsed();
        let right = reader.join().map_err(|_| "the reader panicked")?;
        let end = closed + RENEWAL;
        let (mut recovered, mut highest_later) = (None, 0);
        while start.elapsed() < end {
            thread::sleep(RECOVERY / 10);
            let sample = look(start);
            after.push(sample);
            if recovered.is_some() {
                highest_later = sample.heap.max(highest_later);
            } else if start.elapsed() >= closed + RECOVERY {
                recovered = Some(sample);
            }
        }
        load.stop();
        worker.join().map_err(|_| "the load panicked")?;
        if !right {
            return Err("what a view held changed".to_owned());
        }
        let recovered = recovered.ok_or("no look a second after the view was closed")?;
        let renewed = *after.last().unwrap_or(&recovered);
        Ok(Seen {
            churn,
            churn_operations,
            before,
            stalled,
            left_meanwhile,
            after,
            recovered,
            highest_later,
            renewed,
        })
    })
}

/// Stops the load also when the watcher ends early: a scope waits for its threads.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn departures(cache: &Cache) -> u64 {
    let stats = cache.stats();
    stats.evictions + stats.expirations + stats.overwrites + stats.invalidations
}

/// Bytes, from `/proc/self/status`.
fn resident_set() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_read() {
        // 100 KiB to 100 GiB.
        assert!(
            (100_000..100_000_000_000).contains(&resident_set()),
            "{}",
            resident_set()
        );
    }

    #[test]
    fn without_a_counting_allocator_nothing_is_claimed() {
        let second = Duration::from_secs(1);
        assert!(watch(&Times::new(second, second)).is_err());
    }
}
