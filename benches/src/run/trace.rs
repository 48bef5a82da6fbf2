//! A trace: `get`, on a miss `set`; one thread, no TTL.

use std::time::Instant;

use indicatif::ProgressBar;

use super::Outcome;
use crate::{latency, peers::Peer, trace::Trace};

/// How often the length is looked at during a run.
const SAMPLES: usize = 64;
/// Requests at the trace's end among which the hit path finds its keys.
const RECENT: usize = 1 << 20;
/// What a key's value is: a function of the key, so that another key's value is seen.
const fn value_of(key: u64) -> u64 {
    key.rotate_left(17) ^ 0x5bd1_e995_9d1b_58d3
}

/// Plays the trace once.
///
/// # Errors
/// The cache's text if it does not take the capacity, or what it answered wrongly: another key's value, a count of
/// hits that is not the hits.
pub fn play<C: Peer<u64, u64>>(
    name: &str,
    trace: &Trace,
    capacity: usize,
    progress: &ProgressBar,
) -> Result<Outcome, String> {
    let cache = C::new(capacity, None)?;
    let chunk = trace.keys.len().div_ceil(SAMPLES).max(1_024);
    let (mut hits, mut wrong, mut nanos, mut max_len) = (0_u64, 0_u64, 0_u128, None);
    for keys in trace.keys.chunks(chunk) {
        let start = Instant::now();
        for &key in keys {
            match cache.get(&key) {
                Some(value) => {
                    hits += 1;
                    wrong |= value ^ value_of(key);
                }
                None => cache.set(key, value_of(key)),
            }
        }
        nanos += start.elapsed().as_nanos();
        max_len = max_len.max(cache.len());
        progress.inc(keys.len() as u64);
    }
    if wrong != 0 {
        return Err(format!("{name} at {capacity} returned another key's value"));
    }
    let counters = cache.counters();
    if let Some(counters) = counters
        && counters.hits != hits
    {
        return Err(format!(
            "{name} at {capacity} counts {} hits, but answered {hits}",
            counters.hits
        ));
    }
    Ok(Outcome {
        cache: name.to_owned(),
        capacity,
        hits,
        requests: trace.keys.len() as u64,
        max_len,
        ns_per_op: nanos as f64 / trace.keys.len() as f64,
        latency: latency::hit_path(
            &cache,
            &trace.keys[trace.keys.len().saturating_sub(RECENT)..],
        ),
        counters,
        bytes_per_entry: None,
        raid: None,
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use super::*;
    use crate::{
        peers::{Counters, Tux},
        progress,
    };

    #[test]
    fn hits_of_a_loop_that_fits() {
        let trace = Trace::new("t", (0..1_000).map(|index| index % 50).collect());
        let outcome = play::<Tux<u64, u64>>("tux-cache", &trace, 100, &progress::bar(1)).unwrap();
        assert_eq!((outcome.hits, outcome.requests), (950, 1_000));
        assert_eq!(outcome.max_len, Some(50));
        assert!(outcome.ns_per_op > 0.0);
        assert!(outcome.latency.percentiles().is_some());
    }

    /// Answers every look-up with the same value and counts one hit too many.
    struct Liar(Cell<u64>, bool);

    impl Peer<u64, u64> for Liar {
        fn new(capacity: usize, _ttl: Option<Duration>) -> Result<Self, String> {
            Ok(Self(Cell::new(1), capacity == 1))
        }
        fn get(&self, key: &u64) -> Option<u64> {
            self.0.set(self.0.get() + 1);
            Some(if self.1 { 0 } else { value_of(*key) })
        }
        fn set(&self, _: u64, _: u64) {}
        fn remove(&self, _: &u64) {}
        fn len(&self) -> Option<usize> {
            None
        }
        fn counters(&self) -> Option<Counters> {
            Some(Counters {
                hits: self.0.get(),
                ..Counters::default()
            })
        }
    }

    #[test]
    fn wrong_answers_and_wrong_counts_are_seen() {
        let trace = Trace::new("t", vec![1, 2, 3]);
        let error =
            |capacity| play::<Liar>("liar", &trace, capacity, &progress::bar(1)).unwrap_err();
        assert!(error(1).contains("another key's value"));
        assert!(error(2).contains("counts 4 hits, but answered 3"));
    }
}
