//! Tickers; K4 with caches whose ticker is late, against a list of what was written when. Time is injected.

use super::deadline::Line;
use super::late::LATE;
use super::{ManualTicker, Stamp, TickCell, Ticker, TimeSource};
use crate::TtlCache;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A ticker whose thread comes when the test says so.
#[derive(Clone)]
struct Held {
    micros: Arc<AtomicU64>,
    cell: TickCell,
}

impl Ticker for Held {
    fn now(&self) -> Duration {
        Duration::from_micros(self.micros())
    }

    fn cell(&self) -> Option<TickCell> {
        Some(self.cell.clone())
    }
}

/// What is known of late ticks is the process's: each ticker goes on, 30,000 seconds later, where the one before was, and one
/// test comes after the other.
static NEXT: Mutex<u64> = Mutex::new(30_000_000_000);

impl Held {
    fn new(next: &mut u64) -> Self {
        let held = Self {
            micros: Arc::new(AtomicU64::new(*next)),
            cell: TickCell::parked(),
        };
        held.cell.start(held.real());
        *next += 30_000_000_000;
        held
    }

    fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    fn real(&self) -> u64 {
        self.micros() / 1_000
    }

    fn pass(&self, micros: u64) {
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The thread comes, for once.
    fn tick(&self) {
        self.cell.catch_up(&LATE, || self.real());
    }

    fn cache(&self, ttl: u64, bound: Option<usize>) -> TtlCache<u64, u64> {
        let builder = TtlCache::builder().ttl(Duration::from_millis(ttl));
        let builder = builder.ticker(self.clone());
        match bound {
            Some(n) => builder.max_size(n),
            None => builder.unbounded(),
        }
        .build()
        .unwrap()
    }
}

/// The process was stopped for 1.5 seconds and goes on; its ticker's thread comes a little later than others.
#[test]
fn what_is_written_before_a_stopped_ticker_goes_on_lives_its_time() {
    let mut next = in_turn();
    for bound in [Some(1_000), None] {
        let held = Held::new(&mut next);
        let cache = held.cache(1_000, bound);
        cache.set(0, 0);
        held.pass(1_500_000);
        cache.set(1, 1);
        held.pass(200_000);
        held.tick();
        assert_eq!(cache.get(&1), Some(1), "0.2 s of 1 s");
        assert_eq!(cache.get(&0), Some(0), "of the same tick");
        held.pass(799_000);
        held.tick();
        assert!(cache.contains(&1) && cache.len() == 2 && cache.sweep() == 0);
        // The lag, 0.2 s of which it was seen to have, and two ticks.
        held.pass(203_000);
        held.tick();
        assert_eq!(cache.get(&1), None);
        assert_eq!((cache.len(), cache.sweep()), (0, 2));
    }
}

#[test]
fn what_is_written_in_time_does_not_live_longer() {
    let mut next = in_turn();
    let held = Held::new(&mut next);
    let cache = held.cache(20, Some(100));
    for key in 0..500 {
        cache.set(key, key);
        // Each tick by itself: none is late.
        for _ in 0..21 {
            held.pass(1_000);
            held.tick();
        }
        held.pass(2_000);
        held.tick();
        assert_eq!(cache.get(&key), None);
    }
}

fn in_turn() -> MutexGuard<'static, u64> {
    NEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What was written and has not been seen to end.
struct Written {
    at: u64,
    ttl: u64,
}

/// Any sequence of lateness, stops, forks and ends of the thread: nothing ends early, whatever looks; and nothing ends later
/// than by the largest lag of all, the line's, and three ticks.
#[test]
fn nothing_ends_early_however_late_the_ticker_is() {
    let mut next = in_turn();
    for (seed, bound) in (1..13).flat_map(|seed| [(seed, Some(4_000)), (seed, None)]) {
        let mut random = Random(seed << 32 | 0x9e37_79b9);
        let held = Held::new(&mut next);
        let cache = held.cache(20, bound);
        let written = RefCell::new(HashMap::<u64, Written>::new());
        let (mut shown, mut lag) = (held.micros(), 0);
        let ended = |key: u64, how: &str| {
            if let Some(w) = written.borrow_mut().remove(&key) {
                let age = held.micros() - w.at;
                assert!(age >= w.ttl, "{how}: {age} µs of {} µs, seed {seed}", w.ttl);
            }
        };
        for key in 0..3_000 {
            match random.below(40) {
                0 => held.pass(random.below(40_000)),
                1 => held.pass(1_000_000 + random.below(1_000_000)),
                _ => held.pass(random.below(700)),
            }
            match random.below(200) {
                0 => {
                    held.cell.park(&LATE, || held.real());
                    cache.set(1 << 40 | key, 0);
                    held.cell.start(held.real());
                }
                1 => {
                    held.cell.park_alone(&LATE, held.real());
                    cache.get(&(key - 1));
                    held.cell.start(held.real());
                }
                2..80 => held.tick(),
                _ => {}
            }
            let line = held.cell.line();
            assert!(line != Line::PARKED && line.ticks() <= held.real());
            lag = lag.max(held.micros() - shown);
            shown = line.ticks() * 1_000;
            lag = lag.max(held.micros() - shown);
            let ttl = [1_000, 2_500, 20_000, 300_000][random.below(4) as usize];
            written.borrow_mut().insert(
                key,
                Written {
                    at: held.micros(),
                    ttl,
                },
            );
            match ttl {
                20_000 => cache.set(key, key),
                _ => cache.set_with_ttl(key, key, Duration::from_micros(ttl)),
            }
            for _ in 0..4 {
                let key = key - random.below(key.min(60) + 1);
                match (cache.get(&key), written.borrow().get(&key)) {
                    (Some(_), Some(w)) => {
                        let age = held.micros() - w.at;
                        assert!(age <= w.ttl + 2 * lag + 4_000, "{age} µs of {} µs", w.ttl);
                    }
                    (Some(_), None) => panic!("{key} is back"),
                    (None, _) => {}
                }
                if cache.get(&key).is_none() {
                    ended(key, "get");
                }
                assert_eq!(cache.contains(&key), written.borrow().contains_key(&key));
            }
            if random.below(50) == 0 {
                cache.sweep();
                let keys: Vec<_> = written.borrow().keys().copied().collect();
                for key in keys {
                    if !cache.contains(&key) {
                        ended(key, "sweep");
                    }
                }
                let seen = cache.iter().filter(|(key, _)| key >> 40 == 0).count();
                assert_eq!(seen, written.borrow().len(), "seed {seed}");
            }
        }
    }
}

#[test]
fn manual_ticker_clones_share_the_time_and_saturate() {
    let a = ManualTicker::new();
    let time = TimeSource::new(a.clone());
    a.clone().advance(Duration::from_micros(2999));
    assert_eq!((time.tick(), a.now()), (2, Duration::from_micros(2999)));
    assert_eq!(time.stamp(), Stamp::exact(2));
    a.advance(Duration::MAX);
    assert_eq!(a.now(), Duration::from_nanos(u64::MAX));
}
