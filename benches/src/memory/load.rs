//! What keeps the cache busy while its memory is watched.
//!
//! One thread works at a steady pace. Every half second a visitor does two thousand operations and ends: what it had
//! retired must find another owner, and its pool must not stay behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tux_cache::TtlCache;

/// Values on the heap: one that is never dropped shows in the bytes.
pub(super) type Value = Arc<u64>;
pub(super) type Cache = TtlCache<u64, Value>;

/// Entries the cache may hold.
pub(super) const CAPACITY: usize = 100_000;
/// The cache's time to live; half of the new entries have a tenth of a second instead.
pub(super) const TTL: Duration = Duration::from_secs(20);
const SHORT_TTL: Duration = Duration::from_millis(100);
/// Keys that are written again and again.
const HOT: u64 = 5_000;
const VISIT: u64 = 2_000;
const VISITS_EVERY: Duration = Duration::from_millis(500);
/// One piece of the steady work, between two naps.
const NAP: Duration = Duration::from_millis(5);

/// The load: how fast it goes may be changed on the way.
#[derive(Debug)]
pub(super) struct Load {
    /// Operations a second.
    pub(super) pace: AtomicU64,
    pub(super) done: AtomicU64,
    stop: AtomicBool,
    /// The next key that was never written.
    fresh: AtomicU64,
}

impl Load {
    pub(super) fn new(pace: u64) -> Self {
        Self {
            pace: AtomicU64::new(pace),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            fresh: AtomicU64::new(HOT),
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Fills the cache: what is watched begins there.
    pub(super) fn fill(&self, cache: &Cache) {
        self.work(cache, 4 * CAPACITY as u64);
        self.done.store(0, Ordering::Relaxed);
    }

    /// Works until it is stopped.
    pub(super) fn run(&self, cache: &Cache) {
        let (mut last, mut visited) = (Instant::now(), Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            // What a machine that was busy elsewhere held up is not made good: at most a tenth of a second of it.
            let passed = last.elapsed().min(Duration::from_millis(100));
            last = Instant::now();
            let due = passed.as_secs_f64() * self.pace.load(Ordering::Relaxed) as f64;
            self.work(cache, due as u64);
            if visited.elapsed() >= VISITS_EVERY {
                visited = Instant::now();
                thread::scope(|scope| {
                    scope.spawn(|| self.work(cache, VISIT));
                });
            }
            thread::sleep(NAP);
        }
    }

    /// Of a hundred operations 55 write new keys, 20 go over keys that are there, 5 invalidate, 20 look up.
    fn work(&self, cache: &Cache, operations: u64) {
        let first = self.fresh.fetch_add(operations, Ordering::Relaxed);
        for number in first..first + operations {
            let hot = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            match number % 20 {
                0..=5 => cache.set(number, Value::new(number)),
                6..=10 => cache.set_with_ttl(number, Value::new(number), SHORT_TTL),
                11..=14 => cache.set(hot % HOT, Value::new(hot % HOT)),
                15 => {
                    cache.invalidate(&number.saturating_sub(15));
                }
                _ => {
                    let found = cache.get(&(hot % HOT));
                    assert!(
                        found.is_none_or(|value| *value == hot % HOT),
                        "another key's value"
                    );
                }
            }
        }
        self.done.fetch_add(operations, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_evicts_expires_overwrites_and_invalidates() {
        let cache: Cache = TtlCache::builder()
            .max_size(2_000)
            .ttl(TTL)
            .build()
            .unwrap();
        let load = Load::new(200_000);
        thread::scope(|scope| {
            scope.spawn(|| load.run(&cache));
            let stats = || cache.stats();
            let begin = Instant::now();
            while stats().expirations == 0 && begin.elapsed() < Duration::from_secs(30) {
                thread::yield_now();
            }
            load.stop();
        });
        let stats = cache.stats();
        for (what, count) in [
            ("evictions", stats.evictions),
            ("expirations", stats.expirations),
            ("overwrites", stats.overwrites),
            ("invalidations", stats.invalidations),
            ("hits", stats.hits),
        ] {
            assert!(count > 0, "no {what}: {stats:?}");
        }
    }
}
