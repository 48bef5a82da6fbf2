//! What it takes to get a cache line from another core of this machine.

use std::{
    hint::spin_loop,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Alone on its line, and on the line that is fetched with it.
#[repr(align(128))]
struct Ball(AtomicU64);

const THROWS: u64 = if cfg!(test) { 1_000 } else { 200_000 };
const ROUNDS: usize = 7;

/// Nanoseconds until another core has a line that this one has just written: half of a round trip, the median of some
/// rounds. Where there is one core only, that is the time of a switch between threads.
pub(super) fn transfer_ns() -> f64 {
    let mut found: Vec<f64> = (0..ROUNDS).map(|_| once()).collect();
    found.sort_by(f64::total_cmp);
    found[ROUNDS / 2]
}

fn once() -> f64 {
    let ball = Ball(AtomicU64::new(0));
    // Even: ours; odd: the other's. Release and Acquire as any hand-over.
    let play = |odd: u64| {
        for throw in 0..THROWS {
            let mine = 2 * throw + odd;
            let mut spins = 0_u32;
            while ball.0.load(Ordering::Acquire) != mine {
                spins += 1;
                if spins.is_multiple_of(10_000) {
                    std::thread::yield_now();
                }
                spin_loop();
            }
            ball.0.store(mine + 1, Ordering::Release);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| play(1));
        let start = Instant::now();
        play(0);
        start.elapsed().as_nanos() as f64 / (2 * THROWS) as f64
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_transfer_takes_time() {
        let ns = super::transfer_ns();
        assert!(ns > 0.5, "{ns}");
    }
}
