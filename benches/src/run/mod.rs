//! Playing requests against a cache and checking every answer.

pub mod shard;
pub mod trace;

use serde::Serialize;

use crate::{
    latency::{Latency, Percentiles},
    peers::Counters,
};

/// What one cache did at one capacity.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cache's name.
    pub cache: String,
    /// Entries it may hold.
    pub capacity: usize,
    /// Requests answered from it.
    pub hits: u64,
    /// Requests.
    pub requests: u64,
    /// The most entries it was seen to hold, if it can tell.
    pub max_len: Option<usize>,
    /// Nanoseconds per request and thread, its share of the misses' inserts included.
    pub ns_per_op: f64,
    /// The hit path.
    pub latency: Latency,
    /// What the cache counted itself.
    pub counters: Option<Counters>,
    /// Heap bytes per entry beyond key and value.
    pub bytes_per_entry: Option<f64>,
    /// Hit ratio of the look-ups of regular members: before the raid, from the raid on.
    pub raid: Option<(f64, f64)>,
}

impl Outcome {
    /// Hits per request.
    pub fn hit_ratio(&self) -> f64 {
        self.hits as f64 / self.requests.max(1) as f64
    }

    /// The outcome as it goes into a record.
    pub fn record(&self) -> RunRecord {
        RunRecord {
            cache: self.cache.clone(),
            capacity: self.capacity,
            hit_ratio: self.hit_ratio(),
            hits: self.hits,
            requests: self.requests,
            max_len: self.max_len,
            ns_per_op: self.ns_per_op,
            hit_latency: self.latency.percentiles(),
            evictions: self.counters.map(|counters| counters.evictions),
            expirations: self.counters.map(|counters| counters.expirations),
            bytes_per_entry: self.bytes_per_entry,
            hit_ratio_before_raid: self.raid.map(|raid| raid.0),
            hit_ratio_from_raid_on: self.raid.map(|raid| raid.1),
        }
    }
}

/// An [`Outcome`] in a record; absent is what the cache cannot tell or the run has not.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields of `Outcome`")]
pub struct RunRecord {
    pub cache: String,
    pub capacity: usize,
    pub hit_ratio: f64,
    pub hits: u64,
    pub requests: u64,
    pub max_len: Option<usize>,
    pub ns_per_op: f64,
    pub hit_latency: Option<Percentiles>,
    pub evictions: Option<u64>,
    pub expirations: Option<u64>,
    pub bytes_per_entry: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_ratio_before_raid: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_ratio_from_raid_on: Option<f64>,
}

/// One outcome of the rounds of one cache at one capacity: the round of the median time, with the hit ratio of the
/// round of the median ratio, the latencies of all and the largest length.
///
/// # Panics
/// Without rounds.
pub fn median(mut rounds: Vec<Outcome>) -> Outcome {
    assert!(!rounds.is_empty(), "no rounds");
    let max_len = rounds.iter().filter_map(|round| round.max_len).max();
    let mut latency = Latency::default();
    rounds.iter().for_each(|round| latency.add(&round.latency));
    rounds.sort_by(|a, b| a.hit_ratio().total_cmp(&b.hit_ratio()));
    let middle = rounds.len() / 2;
    let (hits, requests, raid) = (
        rounds[middle].hits,
        rounds[middle].requests,
        rounds[middle].raid,
    );
    rounds.sort_by(|a, b| a.ns_per_op.total_cmp(&b.ns_per_op));
    let fastest_half = rounds.swap_remove(middle);
    Outcome {
        hits,
        requests,
        raid,
        max_len,
        latency,
        ..fastest_half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(hits: u64, ns_per_op: f64, max_len: usize) -> Outcome {
        Outcome {
            cache: "c".into(),
            capacity: 10,
            hits,
            requests: 100,
            max_len: Some(max_len),
            ns_per_op,
            latency: Latency::default(),
            counters: None,
            bytes_per_entry: None,
            raid: None,
        }
    }

    #[test]
    fn medians_are_taken_apart() {
        let found = median(vec![
            outcome(10, 9.0, 7),
            outcome(30, 5.0, 8),
            outcome(20, 1.0, 6),
        ]);
        assert_eq!(
            (found.hits, found.ns_per_op, found.max_len),
            (20, 5.0, Some(8))
        );
    }
}
