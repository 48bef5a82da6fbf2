//! Ghosts: what is remembered of evicted keys, 16 bytes per unit of capacity.
//!
//! A set-associative table of one-line sets with ten ghosts each; the oldest of a set gives way. A ghost is a 16-bit
//! fingerprint and 32 bits of coarse dates, so a false match is possible (1 in 6,000 look-ups) and only costs a wrong
//! guess of the clock. Relaxed loads and stores throughout: it is all advice, and a torn or lost ghost is a forgotten
//! key. Measured offline, the coarse dates change the mean hit ratio by 0.01 points.

use super::entry::Hash;
use super::table::{Zeroed, zeroed};
use crate::sync::{AtomicU16, AtomicU32, Ordering};

const WAYS: usize = 10;
/// Ghosts are believed for so many times the capacity, in evictions.
pub(crate) const REACH: u64 = 3;

const SEQ: u32 = 23;
const S_SEQ: u32 = 15;
const EPOCH: u32 = (1 << 15) - 1;

/// Ten ghosts in one cache line.
#[repr(C, align(64))]
struct Set {
    /// 0: no ghost.
    fingerprints: [AtomicU16; WAYS],
    /// Origin (1 bit), eviction number (8), S eviction number (8), epoch of the last access (15).
    dates: [AtomicU32; WAYS],
}

// SAFETY: zero is a valid atomic number; a set of zeros is empty.
unsafe impl Zeroed for Set {
    #[cfg(tux_loom)]
    fn zero() -> Self {
        Self {
            fingerprints: std::array::from_fn(|_| AtomicU16::new(0)),
            dates: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

pub(crate) struct Ghosts {
    sets: Box<[Set]>,
    /// Evictions per unit of the eviction number.
    unit: u64,
    /// Evictions from S per unit of the S eviction number.
    s_unit: u64,
}

/// What is known of a key that was here before. Ages in evictions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ghost {
    pub(crate) age: u64,
    /// It was evicted from S.
    pub(crate) from_s: bool,
    /// Evictions from S since.
    pub(crate) s_age: u64,
    /// Epochs since its last access.
    pub(crate) idle: u32,
}

/// The clock's counters that ghosts are dated with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub(crate) evictions: u64,
    pub(crate) s_evictions: u64,
    pub(crate) epoch: u32,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "dates are kept modulo their field"
)]
fn low(number: u64) -> u32 {
    number as u32
}

impl Ghosts {
    /// `None` if the memory is not to be had.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        Some(Self {
            sets: zeroed(capacity.div_ceil(4))?,
            unit: (capacity as u64 / 32).max(1),
            s_unit: (capacity as u64 / 40).max(1),
        })
    }

    fn set(&self, hash: Hash) -> &Set {
        &self.sets[((u64::from(hash.home) * self.sets.len() as u64) >> 32) as usize]
    }

    fn fingerprint(hash: Hash) -> u16 {
        hash.tag().max(1)
    }

    fn units(&self, date: u32, now: Dates) -> u32 {
        low(now.evictions / self.unit).wrapping_sub(date >> SEQ) & 0xff
    }

    /// Looks a key up and forgets it.
    pub(crate) fn take(&self, hash: Hash, now: Dates) -> Option<Ghost> {
        let (set, fingerprint) = (self.set(hash), Self::fingerprint(hash));
        let way = set
            .fingerprints
            .iter()
            .position(|f| f.load(Ordering::Relaxed) == fingerprint)?;
        set.fingerprints[way].store(0, Ordering::Relaxed);
        let date = set.dates[way].load(Ordering::Relaxed);
        let s_units = low(now.s_evictions / self.s_unit).wrapping_sub(date >> S_SEQ) & 0xff;
        Some(Ghost {
            age: u64::from(self.units(date, now)) * self.unit,
            from_s: date >> 31 == 1,
            s_age: u64::from(s_units) * self.s_unit,
            idle: now.epoch.wrapping_sub(date) & EPOCH,
        })
    }

    /// Remembers a key that was last used `idle` epochs ago; `now` already counts its eviction.
    pub(crate) fn remember(&self, hash: Hash, from_s: bool, idle: u32, now: Dates) {
        let (set, fingerprint) = (self.set(hash), Self::fingerprint(hash));
        let rank = |way: &usize| match set.fingerprints[*way].load(Ordering::Relaxed) {
            f if f == fingerprint => u32::MAX,
            0 => u32::MAX - 1,
            _ => self.units(set.dates[*way].load(Ordering::Relaxed), now),
        };
        let way = (0..WAYS).max_by_key(rank).unwrap_or(0);
        let date = u32::from(from_s) << 31
            | (low(now.evictions / self.unit) & 0xff) << SEQ
            | (low(now.s_evictions / self.s_unit) & 0xff) << S_SEQ
            | now.epoch.wrapping_sub(idle.min(EPOCH)) & EPOCH;
        set.dates[way].store(date, Ordering::Relaxed);
        set.fingerprints[way].store(fingerprint, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ghost_tells_its_ages_once() {
        let ghosts = Ghosts::new(32).unwrap();
        let hash = Hash {
            home: 0x1234_5678,
            low: 0xabcd_0000,
        };
        let then = Dates {
            evictions: 1_000_000,
            s_evictions: 500_000,
            epoch: 70_000,
        };
        ghosts.remember(hash, true, 10, then);
        let now = Dates {
            evictions: 1_000_060,
            s_evictions: 500_002,
            epoch: 70_001,
        };
        let ghost = ghosts.take(hash, now).unwrap();
        assert_eq!(
            (ghost.age, ghost.from_s, ghost.s_age, ghost.idle),
            (60, true, 2, 11)
        );
        assert!(ghosts.take(hash, now).is_none());
    }

    #[test]
    fn the_oldest_of_a_set_gives_way() {
        let ghosts = Ghosts::new(4).unwrap();
        let hash = |n: u32| Hash {
            home: 0,
            low: (n + 1) << 16,
        };
        let at = |n: u32| Dates {
            evictions: u64::from(n),
            s_evictions: 0,
            epoch: 0,
        };
        for n in 0..11 {
            ghosts.remember(hash(n), false, 0, at(n));
        }
        assert!(ghosts.take(hash(0), at(11)).is_none());
        assert!((1..11).all(|n| ghosts.take(hash(n), at(11)).is_some()));
    }
}
