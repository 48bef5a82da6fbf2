//! Random extra time, so that entries written together do not end together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers that repeat under a seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Jitter(AtomicU64);

impl Jitter {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| ahash::RandomState::new().hash_one(0_u8));
        Self(AtomicU64::new(seed))
    }

    /// At most `most`, rounded to milliseconds; each is as likely.
    pub(crate) fn extra(&self, most: Duration) -> Duration {
        // Relaxed: a number for each caller, in any order.
        let mut bits = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let scaled = (u128::from(bits) * (u128::from(most) + 1)) >> 64;
        Duration::from_millis(u64::try_from(scaled).unwrap_or(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extras_are_spread_bounded_and_repeat_under_a_seed() {
        let most = Duration::from_millis(99);
        let draw = |seed| {
            let jitter = Jitter::new(seed);
            (0..10_000).map(|_| jitter.extra(most)).collect::<Vec<_>>()
        };
        let drawn = draw(Some(7));
        assert_eq!(drawn, draw(Some(7)));
        assert_ne!(drawn, draw(Some(8)));
        assert_ne!(draw(None), draw(None));
        let mut counts = [0_u32; 100];
        for extra in drawn {
            counts[extra.as_millis() as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..170).contains(count)),
            "{counts:?}"
        );
        assert_eq!(Jitter::new(Some(1)).extra(Duration::ZERO), Duration::ZERO);
        assert!(Jitter::new(Some(1)).extra(Duration::MAX) <= Duration::from_millis(u64::MAX));
    }
}
