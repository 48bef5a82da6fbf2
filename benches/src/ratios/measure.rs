//! The timed loops.

use std::{
    hint::black_box,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::Serialize;

use super::scenario::Scenario;
use crate::peers::{Dash, Foyer, Hashbrown, MiniMoka, Moka, Papaya, Peer, Quick, Tux, Ufo};

/// Operations of one timing: few enough that most timings pass without being preempted on a busy machine.
const OPERATIONS: usize = if cfg!(test) { 5_000 } else { 100_000 };
/// The same for each thread where several run, whose start is spread over some 50 µs.
const THREADED: usize = 4 * OPERATIONS;
/// Long enough that nothing expires during a run.
const TTL: Duration = Duration::from_secs(3_600);

/// Who is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Rival {
    #[serde(rename = "tux-cache")]
    Tux,
    #[serde(rename = "quick_cache")]
    Quick,
    #[serde(rename = "moka")]
    Moka,
    #[serde(rename = "mini-moka")]
    MiniMoka,
    #[serde(rename = "TinyUFO")]
    TinyUfo,
    #[serde(rename = "foyer-memory")]
    Foyer,
    #[serde(rename = "papaya (map)")]
    Papaya,
    #[serde(rename = "dashmap (map)")]
    Dashmap,
    #[serde(rename = "hashbrown (unsync)")]
    Hashbrown,
}

impl Rival {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Rival::Tux => "tux-cache",
            Rival::Quick => "quick_cache",
            Rival::Moka => "moka",
            Rival::MiniMoka => "mini-moka",
            Rival::TinyUfo => "TinyUFO",
            Rival::Foyer => "foyer-memory",
            Rival::Papaya => "papaya (map)",
            Rival::Dashmap => "dashmap (map)",
            Rival::Hashbrown => "hashbrown (unsync)",
        }
    }

    const fn bounded(self) -> bool {
        !matches!(self, Rival::Papaya | Rival::Dashmap | Rival::Hashbrown)
    }
}

/// One rival in one scenario.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cell {
    #[serde(skip)]
    pub(super) kind: Scenario,
    pub(super) scenario: String,
    pub(super) rival: Rival,
    /// Nanoseconds per operation; with several threads wall time over the operations of all.
    pub(super) ns: f64,
    /// The middle half of the rounds.
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) all: Vec<f64>,
}

/// One timing: nanoseconds per operation, or what was answered wrongly.
type Timing = Box<dyn FnMut() -> Result<f64, String>>;

macro_rules! with_threads {
    ($rival:expr, $cache:ident => $body:expr, else $other:expr) => {
        match $rival {
            Rival::Tux => {
                type $cache = Tux<u64, u64>;
                $body
            }
            Rival::Quick => {
                type $cache = Quick<u64, u64>;
                $body
            }
            Rival::Moka => {
                type $cache = Moka<u64, u64>;
                $body
            }
            Rival::MiniMoka => {
                type $cache = MiniMoka<u64, u64>;
                $body
            }
            Rival::TinyUfo => {
                type $cache = Ufo<u64, u64>;
                $body
            }
            Rival::Foyer => {
                type $cache = Foyer<u64, u64>;
                $body
            }
            Rival::Papaya => {
                type $cache = Papaya<u64, u64>;
                $body
            }
            Rival::Dashmap => {
                type $cache = Dash<u64, u64>;
                $body
            }
            Rival::Hashbrown => $other,
        }
    };
}

macro_rules! with_rival {
    ($rival:expr, $cache:ident => $body:expr) => {
        with_threads!($rival, $cache => $body, else { type $cache = Hashbrown; $body })
    };
}

/// Times the rivals in turn, each round beginning with another.
pub(super) fn rounds(
    scenario: Scenario,
    rivals: &[Rival],
    rounds: u32,
) -> Result<Vec<Cell>, String> {
    let named = |rival: Rival| {
        move |error: String| format!("{}: {}: {error}", scenario.name(), rival.name())
    };
    let mut timings = Vec::new();
    for &rival in rivals {
        let mut timing = build(scenario, rival).map_err(named(rival))?;
        timing().map_err(named(rival))?; // Warms up.
        timings.push(timing);
    }
    let mut times = vec![Vec::new(); rivals.len()];
    for round in 0..rounds as usize {
        for turn in 0..rivals.len() {
            let index = (round + turn) % rivals.len();
            times[index].push(timings[index]().map_err(named(rivals[index]))?);
        }
    }
    let cell = |(&rival, all): (&Rival, Vec<f64>)| {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Cell {
            kind: scenario,
            scenario: scenario.name(),
            rival,
            ns: at(0.5),
            low: at(0.25),
            high: at(0.75),
            all,
        }
    };
    Ok(rivals.iter().zip(times).map(cell).collect())
}

fn build(scenario: Scenario, rival: Rival) -> Result<Timing, String> {
    match scenario {
        Scenario::Hit(size) => with_rival!(rival, C => hit::<C>(size)),
        Scenario::Pin(size) => match rival {
            Rival::Tux => pin_tux(size),
            Rival::Papaya => pin_papaya(size),
            _ => hit::<Hashbrown>(size),
        },
        Scenario::Insert(size) => with_rival!(rival, C => insert::<C>(size, rival.bounded())),
        Scenario::Overwrite(size) => with_rival!(rival, C => overwrite::<C>(size)),
        Scenario::Mixed(size, threads) => {
            with_threads!(rival, C => mixed::<C>(size, threads), else Err("has no threads".into()))
        }
        Scenario::Read(size, threads) => {
            with_threads!(rival, C => read::<C>(size, threads), else Err("has no threads".into()))
        }
    }
}

const fn value_of(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Keys as a program has them: neither dense nor ordered.
const fn key(number: u64) -> u64 {
    (number ^ (number >> 3)).wrapping_mul(0xd134_2543_de82_ef95)
}

/// A cache filled to `size`, and the keys that are in it, in a random order.
fn filled<C: Peer<u64, u64>>(size: usize) -> Result<(C, Vec<u64>), String> {
    let cache = C::new(size, Some(TTL))?;
    (0..size as u64).for_each(|number| cache.set(key(number), value_of(key(number))));
    let _ = cache.len(); // Lets the cache do what it has put off.
    let mut keys: Vec<u64> = (0..size as u64)
        .map(key)
        .filter(|key| cache.get(key).is_some())
        .collect();
    if keys.len() < size * 4 / 5 {
        return Err(format!("keeps only {} of {size} entries", keys.len()));
    }
    keys.shuffle(&mut StdRng::seed_from_u64(size as u64));
    Ok((cache, keys))
}

/// Goes through the keys again and again, a part of them each time it is called.
struct Order {
    keys: Vec<u64>,
    from: usize,
}

impl Order {
    fn new(keys: Vec<u64>) -> Self {
        Self { keys, from: 0 }
    }

    /// Calls `body` with stretches of the order until `OPERATIONS` keys have come, and times that: ns per key.
    fn timed(&mut self, mut body: impl FnMut(&[u64])) -> f64 {
        let start = Instant::now();
        let mut left = OPERATIONS;
        while left > 0 {
            let to = (self.from + left).min(self.keys.len());
            body(&self.keys[self.from..to]);
            left -= to - self.from;
            self.from = if to == self.keys.len() { 0 } else { to };
        }
        start.elapsed().as_nanos() as f64 / OPERATIONS as f64
    }
}

fn right(wrong: u64, ns: f64) -> Result<f64, String> {
    if wrong == 0 {
        Ok(ns)
    } else {
        Err("a look-up missed or returned another key's value".into())
    }
}

/// Whether the answer is not the key's value, as bits to collect.
#[inline(always)]
fn difference(key: u64, found: Option<u64>) -> u64 {
    found.map_or(u64::MAX, |value| value ^ value_of(key))
}

fn hit<C: Peer<u64, u64> + 'static>(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            keys.iter()
                .for_each(|key| wrong |= difference(*key, cache.get(key)))
        });
        right(wrong, ns)
    }))
}

fn pin_tux(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<Tux<u64, u64>>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            for four in keys.chunks(4) {
                let view = cache.0.pin();
                four.iter()
                    .for_each(|key| wrong |= difference(*key, view.get(key).copied()));
            }
        });
        right(wrong, ns)
    }))
}

fn pin_papaya(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<Papaya<u64, u64>>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            for four in keys.chunks(4) {
                let view = cache.0.pin();
                four.iter()
                    .for_each(|key| wrong |= difference(*key, view.get(key).copied()));
            }
        });
        right(wrong, ns)
    }))
}

fn insert<C: Peer<u64, u64> + 'static>(size: usize, bounded: bool) -> Result<Timing, String> {
    let (cache, _) = filled::<C>(size)?;
    let mut next = size as u64;
    Ok(Box::new(move || {
        let start = Instant::now();
        for number in next..next + OPERATIONS as u64 {
            cache.set(key(number), value_of(key(number)));
            if !bounded {
                cache.remove(&key(number - size as u64));
            }
        }
        let ns = start.elapsed().as_nanos() as f64 / OPERATIONS as f64;
        next += OPERATIONS as u64;
        match cache.len() {
            // Sharded caches may hold a little less than they may.
            Some(len) if len > size || len < size * 4 / 5 => {
                Err(format!("holds {len} of {size} entries"))
            }
            _ => Ok(ns),
        }
    }))
}

fn overwrite<C: Peer<u64, u64> + 'static>(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    let (mut order, mut turn) = (Order::new(keys), 0);
    Ok(Box::new(move || {
        turn += 1;
        let ns = order.timed(|keys| {
            keys.iter()
                .for_each(|key| cache.set(*key, value_of(*key) ^ turn))
        });
        let last = (order.from + order.keys.len() - 1) % order.keys.len();
        let key = order.keys[last];
        // moka and mini-moka may refuse a write to a key they have just evicted; others must show it.
        match cache.get(&key) {
            Some(value) if value != value_of(key) ^ turn => Err(format!("{key} kept an old value")),
            _ => Ok(ns),
        }
    }))
}

fn mixed<C: Peer<u64, u64> + Send + Sync + 'static>(
    size: usize,
    threads: usize,
) -> Result<Timing, String> {
    let cache = C::new(size, Some(TTL))?;
    let (hot, fresh) = (size as u64 / 2, Arc::new(AtomicU64::new(size as u64)));
    // Twice, so that policies that want to see a key again have.
    for number in (0..hot).chain(0..hot) {
        if cache.get(&key(number)).is_none() {
            cache.set(key(number), value_of(key(number)));
        }
    }
    Ok(Box::new(move || {
        let (cache, hits) = (&cache, AtomicU64::new(0));
        let wall = in_threads(threads, |thread| {
            let mut fresh_key = fresh.fetch_add(THREADED as u64, Ordering::Relaxed);
            let (mut state, mut found, mut wrong) = (thread as u64 + fresh_key, 0, 0);
            for _ in 0..THREADED {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (random, choice) = (state >> 33, (state >> 20) & 0xfff);
                // 3,277 of 4,096 are 80 %.
                let number = if choice < 3_277 {
                    (random * hot) >> 31
                } else {
                    fresh_key += 1;
                    fresh_key
                };
                let key = key(number);
                match cache.get(&key) {
                    Some(value) => {
                        found += 1;
                        wrong |= value ^ value_of(key);
                    }
                    None => cache.set(key, value_of(key)),
                }
            }
            hits.fetch_add(found, Ordering::Relaxed);
            black_box(wrong)
        })?;
        let operations = (THREADED * threads) as f64;
        let ratio = hits.load(Ordering::Relaxed) as f64 / operations;
        if !(0.6..0.9).contains(&ratio) {
            return Err(format!("hits {:.0} % instead of about 80 %", ratio * 100.0));
        }
        Ok(wall / operations)
    }))
}

fn read<C: Peer<u64, u64> + Send + Sync + 'static>(
    size: usize,
    threads: usize,
) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    Ok(Box::new(move || {
        let wall = in_threads(threads, |thread| {
            let start = thread * keys.len() / threads;
            let (mut wrong, mut left) = (0, THREADED);
            let mut from = start;
            while left > 0 {
                let to = (from + left).min(keys.len());
                keys[from..to]
                    .iter()
                    .for_each(|key| wrong |= difference(*key, cache.get(key)));
                left -= to - from;
                from = if to == keys.len() { 0 } else { to };
            }
            wrong
        })?;
        Ok(wall / (THREADED * threads) as f64)
    }))
}

/// Runs `body` in so many threads at once: nanoseconds from the common start to the last one's end. `body` returns
/// what differed from what it should have been.
fn in_threads(threads: usize, body: impl Fn(usize) -> u64 + Sync) -> Result<f64, String> {
    let barrier = Barrier::new(threads);
    let spans: Vec<(Instant, Instant, u64)> = std::thread::scope(|scope| {
        let (barrier, body) = (&barrier, &body);
        let run = |thread| {
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                let wrong = body(thread);
                (start, Instant::now(), wrong)
            })
        };
        let workers: Vec<_> = (0..threads).map(run).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker panicked"))
            .collect()
    });
    let start = spans.iter().map(|span| span.0).min().ok_or("no threads")?;
    let end = spans.iter().map(|span| span.1).max().ok_or("no threads")?;
    right(
        spans.iter().fold(0, |wrong, span| wrong | span.2),
        (end - start).as_nanos() as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rival_can_do_every_scenario() {
        for scenario in Scenario::all(&[2_000]) {
            let cells = rounds(scenario, &scenario.rivals(), 1).unwrap();
            assert_eq!(cells.len(), scenario.rivals().len());
            assert!(cells.iter().all(|cell| cell.ns > 0.0), "{cells:?}");
        }
    }

    #[test]
    fn wrong_answers_end_the_run() {
        assert!(right(difference(5, Some(value_of(5))), 1.0).is_ok());
        assert!(right(difference(5, Some(value_of(6))), 1.0).is_err());
        assert!(right(difference(5, None), 1.0).is_err());
        assert!(in_threads(2, |thread| thread as u64).is_err());
    }
}
