//! I1, I3 and I7 when every thread that may hold a victim's permit does, and stands still. A program of its own: which
//! threads may depends on the numbers of their slots, and other tests would take some.

mod support;

use std::sync::Arc;
use support::Bench;
use tux_cache_test_support::probe::{Gate, Key, within};
use tux_cache_watched::stop_at_update_in;

/// An eighth of the permits may be held: those of the threads with the first forty participants.
const CAPACITY: usize = 320;
/// More than that: the rest leaves the permit where the victim was.
const THREADS: u64 = 60;

#[test]
fn i1_i3_i7_all_holders_hold_a_permit() {
    let bench = Arc::new(Bench::new(Some(CAPACITY)));
    let keys = (0..CAPACITY as u64).map(|n| Key::new(n, n));
    keys.for_each(|key| bench.cache.set(key, bench.value(key.id)));
    let missing = |bench: &Bench| CAPACITY - bench.cache.len();
    assert_eq!(missing(&bench), 0);
    let (mut standing, mut tried) = (Vec::new(), 0);
    while (standing.len() as u64) < THREADS {
        let before = missing(&bench);
        let gate = Gate::default();
        let thread = {
            let (bench, gate) = (Arc::clone(&bench), gate.clone());
            // The slot is claimed, then the victim's freed, then the newcomer lives; what the clock writes before that differs.
            let (key, nth) = (Key::new(10_000 + tried, 10_000 + tried), tried as u32 % 16);
            std::thread::spawn(move || {
                assert!(bench.cache.get(&key).is_none());
                stop_at_update_in(&gate, nth, || bench.cache.set(key, bench.value(key.id)));
            })
        };
        tried += 1;
        assert!(
            tried < 100 * THREADS,
            "only {} stand with a permit",
            standing.len()
        );
        let stopped = gate.wait_until_reached(&thread).is_some();
        if stopped && missing(&bench) == before + 1 {
            standing.push((gate, thread));
        } else {
            gate.open();
            thread.join().expect("the thread ends well");
        }
    }
    println!("{THREADS} of {tried} threads stand with a victim's permit");
    assert_eq!(missing(&bench) as u64, THREADS);
    assert!(bench.cache.resident() <= CAPACITY, "I1");
    let others = Arc::clone(&bench);
    within("all holders hold a permit", move || {
        // Keys that the standing ones set as well, others, and enough of them to come round.
        for from in (10_000..10_000 + 2 * CAPACITY as u64).step_by(8) {
            let keys: Vec<_> = (from..from + 8).map(|n| Key::new(n, n)).collect();
            others.exercise(&keys, Key::new(1, 1));
        }
    });
    standing.iter().for_each(|(gate, _)| gate.open());
    for (_, thread) in standing {
        thread.join().expect("the stopped thread ends well");
    }
    let bench = Arc::into_inner(bench).expect("all threads have ended");
    bench.at_rest();
}
