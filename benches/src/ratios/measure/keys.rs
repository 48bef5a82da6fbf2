//! Keys, values, and whether an answer is right.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::peers::Peer;

/// Operations of one timing: few enough that most timings pass without being preempted on a busy machine.
pub(super) const OPERATIONS: usize = if cfg!(test) { 5_000 } else { 100_000 };
/// The same for each thread where several run, whose start is spread over some 50 µs.
pub(super) const THREADED: usize = 4 * OPERATIONS;
/// Stretches of `OPERATIONS` before each timing that are not timed; fewer when they take longer than `WARM_TIME`.
///
/// One pass over a cache's memory does not bring it back: a processor's outer cache that takes what the inner ones drop
/// (and whose policy sees nothing used twice) fills slowly. Measured here, 100,000 entries: hits take 37 ns after one such
/// stretch, 18 after three, 11 after ten, and 11 in a process that does nothing else.
pub(super) const WARM_STRETCHES: usize = if cfg!(test) { 2 } else { 10 };
const WARM_TIME: Duration = Duration::from_millis(250);

/// Calls `stretch` until the processor's caches are as a run of it alone would have them.
pub(super) fn warm_up(mut stretch: impl FnMut()) {
    let start = Instant::now();
    for _ in 0..WARM_STRETCHES {
        stretch();
        if start.elapsed() > WARM_TIME {
            break;
        }
    }
}

/// Long enough that nothing expires during a run.
pub(super) const TTL: Duration = Duration::from_secs(3_600);

pub(super) const fn value_of(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Keys as a program has them: neither dense nor ordered.
pub(super) const fn key(number: u64) -> u64 {
    (number ^ (number >> 3)).wrapping_mul(0xd134_2543_de82_ef95)
}

/// A cache filled to `size`, and the keys that are in it, in a random order.
pub(super) fn filled<C: Peer<u64, u64>>(size: usize) -> Result<(C, Vec<u64>), String> {
    let cache = C::new(size, Some(TTL))?;
    (0..size as u64).for_each(|number| cache.set(key(number), value_of(key(number))));
    let _ = cache.len(); // Lets the cache do what it has put off.
    let keys: Vec<u64> = (0..size as u64)
        .map(key)
        .filter(|key| cache.get(key).is_some())
        .collect();
    if keys.len() < size * 4 / 5 {
        return Err(format!("keeps only {} of {size} entries", keys.len()));
    }
    Ok((cache, shuffled(keys, size)))
}

/// In the random order of this size, the same each time.
pub(super) fn shuffled(mut keys: Vec<u64>, size: usize) -> Vec<u64> {
    keys.shuffle(&mut StdRng::seed_from_u64(size as u64));
    keys
}

/// Goes through the keys again and again, a part of them each time it is called.
pub(super) struct Order {
    pub(super) keys: Vec<u64>,
    pub(super) from: usize,
}

impl Order {
    pub(super) fn new(keys: Vec<u64>) -> Self {
        Self { keys, from: 0 }
    }

    /// Calls `body` with stretches of the order until `OPERATIONS` keys have come, some untimed and then one timed: ns
    /// per key.
    ///
    /// Whoever was timed before has filled the processor's caches with its own memory. The untimed stretches, just before
    /// the timed one in the order, put them into the state in which a run of this rival alone would have them.
    pub(super) fn timed(&mut self, mut body: impl FnMut(&[u64])) -> f64 {
        warm_up(|| self.stretch(&mut body));
        let start = Instant::now();
        self.stretch(&mut body);
        start.elapsed().as_nanos() as f64 / OPERATIONS as f64
    }

    fn stretch(&mut self, body: &mut impl FnMut(&[u64])) {
        let mut left = OPERATIONS;
        while left > 0 {
            let to = (self.from + left).min(self.keys.len());
            body(&self.keys[self.from..to]);
            left -= to - self.from;
            self.from = if to == self.keys.len() { 0 } else { to };
        }
    }
}

pub(super) fn right(wrong: u64, ns: f64) -> Result<f64, String> {
    if wrong == 0 {
        Ok(ns)
    } else {
        Err("a look-up missed or returned another key's value".into())
    }
}

/// Whether the answer is not the key's value, as bits to collect.
#[inline(always)]
pub(super) fn difference(key: u64, found: Option<u64>) -> u64 {
    found.map_or(u64::MAX, |value| value ^ value_of(key))
}

/// [`difference`] of all these keys. Collected in a register: a caller's variable would be written for each key wherever the
/// look-up has something that the compiler moves no access across.
#[inline(always)]
pub(super) fn differences(keys: &[u64], mut get: impl FnMut(&u64) -> Option<u64>) -> u64 {
    keys.iter()
        .fold(0, |wrong, key| wrong | difference(*key, get(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_timed_comes_after_more_untimed() {
        let mut order = Order::new((0..3_000).collect());
        let mut seen = Vec::new();
        order.timed(|keys| seen.extend_from_slice(keys));
        assert_eq!(seen.len(), (WARM_STRETCHES + 1) * OPERATIONS);
        // Round and round, nothing left out in between.
        assert!(seen.windows(2).all(|pair| (pair[0] + 1) % 3_000 == pair[1]));
        assert_eq!(order.from, seen.len() % 3_000);
    }

    #[test]
    fn wrong_answers_end_the_run() {
        assert!(right(difference(5, Some(value_of(5))), 1.0).is_ok());
        assert!(right(difference(5, Some(value_of(6))), 1.0).is_err());
        assert!(right(difference(5, None), 1.0).is_err());
    }
}
