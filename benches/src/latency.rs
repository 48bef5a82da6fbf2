//! The cost of a look-up that hits, without reading a clock per look-up.
//!
//! The time-stamp counter is read once per batch of [`BATCH`] look-ups; what is recorded is the batch's mean per
//! look-up, and only if all of them hit. Percentiles are therefore over batch means: a single slow look-up shows
//! divided by the batch. The clock's own cost, about 10 ns a batch, is left in.

use hdrhistogram::Histogram;
use quanta::Clock;
use serde::Serialize;

use crate::peers::{Key, Peer, Value};

/// Look-ups per reading of the clock.
pub const BATCH: usize = 32;

/// Recorded values are in picoseconds, to three digits, up to a second.
const MAX_PS: u64 = 1_000_000_000_000;

/// Look-ups the hit path is measured with, at least.
const PROBES: usize = 1 << 18;

/// The hit path of a cache that has just served these requests: those whose keys are still there are looked up
/// again and again in their order, so that the popular come often and memory is touched as in the run. Nothing is
/// inserted meanwhile. Empty if fewer than a batch are there.
pub fn hit_path<K: Key, V: Value, C: Peer<K, V>>(cache: &C, recent: &[K]) -> Latency {
    let mut latency = Latency::default();
    let present: Vec<K> = recent
        .iter()
        .filter(|key| cache.get(key).is_some())
        .cloned()
        .collect();
    if present.len() < BATCH {
        return latency;
    }
    let clock = Clock::new();
    for _ in 0..PROBES.div_ceil(present.len()) {
        for batch in present.as_chunks::<BATCH>().0 {
            let start = clock.raw();
            let found = batch.iter().filter(|key| cache.get(key).is_some()).count();
            let end = clock.raw();
            if found == BATCH {
                latency.record(clock.delta_as_nanos(start, end), BATCH);
            }
        }
    }
    latency
}

/// A distribution of nanoseconds per hit.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

/// The figures of a [`Latency`], in nanoseconds per look-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the batches were at most this.
    pub p50_ns: f64,
    /// 99 % of the batches were at most this.
    pub p99_ns: f64,
    /// 99.9 % of the batches were at most this.
    pub p999_ns: f64,
    /// The slowest batch.
    pub max_ns: f64,
    /// Batches recorded.
    pub batches: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, MAX_PS, 3).expect("valid bounds"))
    }
}

impl Latency {
    /// Records one batch of `lookups` that took so many nanoseconds together.
    pub fn record(&mut self, nanos: u64, lookups: usize) {
        let picos = (nanos * 1_000 / lookups.max(1) as u64).clamp(1, MAX_PS);
        self.0.saturating_record(picos);
    }

    /// Adds all that another recorded.
    pub fn add(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("the same bounds");
    }

    /// The figures, if anything was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        Some(Percentiles {
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: self.0.max() as f64 / 1_000.0,
            batches: self.0.len(),
        })
    }

    /// Points (nanoseconds, share of the batches at most that) for a plot, from the fastest to the slowest.
    pub fn distribution(&self) -> Vec<(f64, f64)> {
        let point = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (
                step.value_iterated_to() as f64 / 1_000.0,
                step.quantile_iterated_to(),
            )
        };
        self.0.iter_quantiles(8).map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_batch_means() {
        let mut latency = Latency::default();
        for _ in 0..990 {
            latency.record(320, 32);
        }
        for _ in 0..10 {
            latency.record(32_000, 32);
        }
        let found = latency.percentiles().unwrap();
        assert!((found.p50_ns - 10.0).abs() < 0.02, "{found:?}");
        assert!((found.p99_ns - 10.0).abs() < 0.02, "{found:?}");
        assert!((found.p999_ns - 1_000.0).abs() < 2.0, "{found:?}");
        assert!((found.max_ns - 1_000.0).abs() < 2.0, "{found:?}");
        assert_eq!(found.batches, 1_000);
    }

    #[test]
    fn nothing_recorded_is_no_figure() {
        assert_eq!(Latency::default().percentiles(), None);
    }

    #[test]
    fn adding_keeps_both() {
        let (mut one, mut two) = (Latency::default(), Latency::default());
        one.record(32, 32);
        two.record(64, 32);
        one.add(&two);
        assert_eq!(one.percentiles().unwrap().batches, 2);
        let points = one.distribution();
        assert!(
            points
                .windows(2)
                .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1),
            "{points:?}"
        );
    }
}
