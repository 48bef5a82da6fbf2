//! How long something took, each time.

#[cfg(feature = "backend")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Durations, counted by size. Buckets are the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    /// How many fell between one of the [`BOUNDS`](Self::BOUNDS) and the next; the last is beyond all of them.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// The upper bounds of the buckets in seconds. A duration on a bound is below it.
    pub const BOUNDS: [f64; 15] = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        30.0,
    ];

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Bounds, and how many were not longer: as Prometheus counts them. The last bound is infinite.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = Self::BOUNDS.into_iter().chain([f64::INFINITY]);
        let mut sum = 0;
        bounds.zip(self.counts).map(move |(bound, count)| {
            sum += count;
            (bound, sum)
        })
    }
}

/// The live counters. Relaxed throughout: sums for reports, which may miss a duration under way.
#[cfg(feature = "backend")]
#[derive(Debug, Default)]
pub(crate) struct DurationHistogram {
    counts: [AtomicU64; Histogram::BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

#[cfg(feature = "backend")]
impl DurationHistogram {
    pub(crate) fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = Histogram::BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Histogram {
        let mut counts = [0; Histogram::BOUNDS.len() + 1];
        for (sum, count) in counts.iter_mut().zip(&self.counts) {
            *sum = count.load(Ordering::Relaxed);
        }
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        Histogram { counts, sum }
    }
}

#[cfg(all(test, feature = "backend"))]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_below_the_bound_it_stands_on() {
        let live = DurationHistogram::default();
        for millis in [0, 1, 2, 30_000, 30_001] {
            live.record(Duration::from_millis(millis));
        }
        let read = live.snapshot();
        assert_eq!((read.count(), read.sum), (5, Duration::from_millis(60_004)));
        let cumulative: Vec<(f64, u64)> = read.cumulative().collect();
        assert_eq!(cumulative[..3], [(0.000_5, 1), (0.001, 2), (0.002_5, 3)]);
        assert_eq!(cumulative[14..], [(30.0, 4), (f64::INFINITY, 5)]);
    }
}
