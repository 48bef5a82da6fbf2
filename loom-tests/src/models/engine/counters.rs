//! Counters: one thread writes, any thread reads.

use super::super::check;
use crate::engine::threads::counters::Counter;
use crate::engine::threads::local::Local;
use crate::sync::{StdArc, thread};

/// A reader sees them grow, never fall, and at rest sees all.
///
/// Seeded fault: `counter-restarts` (the writer stores an intermediate value).
#[test]
fn a_reader_sees_a_counter_grow() {
    check("counters::write/read", 3, 100, || {
        let counters = StdArc::new([Counter::default(), Counter::default()]);
        let writer = thread::spawn({
            let counters = StdArc::clone(&counters);
            move || {
                for n in 1..=3 {
                    counters[0].add(n);
                    counters[1].add(1);
                }
            }
        });
        let mut last = [0, 0];
        for _ in 0..2 {
            let now = [counters[0].get(), counters[1].get()];
            assert!(now[0] >= last[0] && now[1] >= last[1], "{now:?} < {last:?}");
            assert!([0, 1, 3, 6].contains(&now[0]), "{now:?} was never true");
            last = now;
        }
        writer.join().unwrap();
        assert_eq!([counters[0].get(), counters[1].get()], [6, 3]);
    });
}
