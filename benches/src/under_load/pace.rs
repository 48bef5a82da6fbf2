//! A timetable and the clock it is kept by.

use hdrhistogram::Histogram;
use quanta::Clock;

/// A minute: beyond it a value is recorded as a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// A histogram of nanoseconds to three digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("valid bounds")
}

/// Where a timed operation's time is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Yes,
    /// It was not the operation that is measured, a miss for example.
    No,
}

/// Starts operation number `i` at `i × interval_ns` after `start`, or as soon after as it can, and records the time from
/// when it was due to its end.
pub(super) fn follow(
    clock: &Clock,
    start: u64,
    interval_ns: u64,
    operations: u64,
    histogram: &mut Histogram<u64>,
    mut operation: impl FnMut(u64) -> Count,
) {
    let now = || clock.delta_as_nanos(start, clock.raw());
    for number in 0..operations {
        let due = number * interval_ns;
        while now() < due {
            std::hint::spin_loop();
        }
        if operation(number) == Count::Yes {
            let took = now().saturating_sub(due).max(1);
            histogram.saturating_record(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// One operation holds its thread up for 20 ms: the 200 that were due meanwhile waited, and show it.
    #[test]
    fn what_waits_behind_a_slow_operation_counts() {
        let (clock, mut seen) = (Clock::new(), histogram());
        follow(&clock, clock.raw(), 100_000, 400, &mut seen, |number| {
            let begin = Instant::now();
            while number == 100 && begin.elapsed() < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
            Count::Yes
        });
        assert_eq!(seen.len(), 400);
        let above_one_ms = 400 - seen.count_between(1, 1_000_000);
        // About 190; more on a busy machine. Timed from their start, it would be one.
        assert!(above_one_ms >= 180, "{above_one_ms}");
        assert!(seen.max() >= 20_000_000, "{}", seen.max());
    }

    #[test]
    fn what_is_not_measured_is_left_out() {
        let (clock, mut seen) = (Clock::new(), histogram());
        follow(&clock, clock.raw(), 1_000, 10, &mut seen, |number| {
            if number % 2 == 0 {
                Count::Yes
            } else {
                Count::No
            }
        });
        assert_eq!(seen.len(), 5);
    }
}
