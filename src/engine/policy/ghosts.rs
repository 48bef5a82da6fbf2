//! Ghosts: what is remembered of evicted keys, 13 bytes per unit of capacity.
//!
//! A set-associative table of one-line sets with ten ghosts each, written in turn, so that the oldest of a set gives way: 2.1
//! for each entry that the cache may have. A ghost is a 16-bit fingerprint and 32 bits of coarse dates, so a false match is possible (1 in 6,000 look-ups) and only costs a wrong
//! guess of the clock. Relaxed loads and stores throughout: it is all advice, and a torn or lost ghost is a forgotten
//! key. Measured offline, the coarse dates change the mean hit ratio by 0.01 points.

use crate::engine::arch::matching_words;
use crate::engine::arch::prefetch::prefetch;
use crate::engine::entry::{Hash, Usage};
use crate::sync::{
    Ordering,
    advice::{AtomicU32, AtomicU64},
};
use crate::sync::{Zeroed, Zeros};

const WAYS: usize = 10;
/// Ghosts are believed for so many times the capacity, in evictions.
pub(crate) const REACH: u64 = 3;

const SEQ: u32 = 23;
const SMALL_SEQ: u32 = 15;
const EPOCH: u32 = Usage::MAX_EPOCH;

/// Ten ghosts in one cache line.
#[repr(C, align(64))]
struct Set {
    /// Sixteen bits each: ten fingerprints (0: no ghost), then the way to be written next.
    fingerprints: [AtomicU64; 3],
    /// Origin (1 bit), eviction number (8), small eviction number (8), epoch of the last access (15, of which 14 are used).
    dates: [AtomicU32; WAYS],
}

/// Where the third word keeps the next way, and its fingerprints below.
const NEXT: u32 = 32;

// SAFETY: zero is a valid atomic number; a set of zeros is empty.
unsafe impl Zeroed for Set {
    #[cfg(tux_loom)]
    fn zero() -> Self {
        Self {
            fingerprints: std::array::from_fn(|_| AtomicU64::new(0)),
            dates: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

impl Set {
    /// The way that holds this fingerprint.
    #[inline(always)]
    fn find(&self, fingerprint: u16) -> Option<usize> {
        let words = self.fingerprints.each_ref();
        let found = matching(words.map(|word| word.load(Ordering::Relaxed)), fingerprint);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// Load and store: what another thread writes meanwhile may be lost.
    #[inline]
    fn set_fingerprint(&self, way: usize, fingerprint: u16) {
        let (word, shift) = (&self.fingerprints[way / 4], way % 4 * 16);
        let old = word.load(Ordering::Relaxed);
        word.store(
            old & !(0xffff << shift) | u64::from(fingerprint) << shift,
            Ordering::Relaxed,
        );
    }

    /// The way whose turn it is.
    #[inline]
    fn next_way(&self) -> usize {
        let word = self.fingerprints[2].load(Ordering::Relaxed);
        // Never more than the last way, but that is not known here.
        let way = ((word >> NEXT & 0xffff) as usize).min(WAYS - 1);
        let next = if way + 1 == WAYS { 0 } else { way as u64 + 1 };
        let word = word & !(0xffff << NEXT) | next << NEXT;
        self.fingerprints[2].store(word, Ordering::Relaxed);
        way
    }
}

/// A mask with bit i set where way i has this fingerprint.
#[inline(always)]
fn matching(words: [u64; 3], fingerprint: u16) -> u32 {
    matching_words(words, fingerprint) & ((1 << WAYS) - 1)
}

pub(crate) struct Ghosts {
    sets: Zeros<Set>,
    /// Evictions per unit of the eviction number, as a power of two: a thirty-second of the capacity or a little more.
    unit: u32,
    /// Evictions from small per unit of the small eviction number: a fortieth of the capacity or a little more.
    small_unit: u32,
}

/// What is known of a key that was here before. Ages in evictions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ghost {
    pub(crate) age: u64,
    /// It was evicted from small.
    pub(crate) from_small: bool,
    /// Evictions from small since.
    pub(crate) small_age: u64,
    /// Epochs since its last access.
    pub(crate) idle: u32,
}

/// The evictions of a [`Ghosts::remember`], as its date has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GhostStamp(pub(crate) u32);

/// The clock's counters that ghosts are dated with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub(crate) evictions: u64,
    pub(crate) small_evictions: u64,
    pub(crate) epoch: u32,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "dates are kept modulo their field"
)]
#[inline]
fn low(number: u64) -> u32 {
    number as u32
}

impl Ghosts {
    /// `None` if the memory is not to be had.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        Some(Self {
            sets: Zeros::new((5 * capacity).div_ceil(24))?,
            unit: (capacity / 32).max(1).next_power_of_two().trailing_zeros(),
            small_unit: (capacity / 40).max(1).next_power_of_two().trailing_zeros(),
        })
    }

    #[inline]
    fn set(&self, hash: Hash) -> &Set {
        let set = hash.share(self.sets.len());
        debug_assert!(set < self.sets.len());
        // SAFETY: a share of the number of sets is below it, and there is at least one set.
        unsafe { self.sets.get_unchecked(set) }
    }

    /// Asks the processor for the set of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: Hash) {
        prefetch(self.set(hash));
    }

    #[inline]
    fn fingerprint(hash: Hash) -> u16 {
        hash.fingerprint().max(1)
    }

    #[inline]
    fn units(&self, date: u32, now: Dates) -> u32 {
        low(now.evictions >> self.unit).wrapping_sub(date >> SEQ) & 0xff
    }

    /// Looks a key up and forgets it.
    #[inline(always)]
    pub(crate) fn take(&self, hash: Hash, now: impl FnOnce() -> Dates) -> Option<Ghost> {
        let set = self.set(hash);
        let way = set.find(Self::fingerprint(hash))?;
        set.set_fingerprint(way, 0);
        let date = set.dates[way].load(Ordering::Relaxed);
        let now = now();
        let small_units =
            low(now.small_evictions >> self.small_unit).wrapping_sub(date >> SMALL_SEQ) & 0xff;
        Some(Ghost {
            age: u64::from(self.units(date, now)) << self.unit,
            from_small: date >> 31 == 1,
            small_age: u64::from(small_units) << self.small_unit,
            idle: now.epoch.wrapping_sub(date) & EPOCH,
        })
    }

    /// The part of a date that all ghosts have in common that are remembered after so many evictions.
    pub(crate) fn stamp(&self, evictions: u64, small_evictions: u64) -> GhostStamp {
        GhostStamp(
            (low(evictions >> self.unit) & 0xff) << SEQ
                | (low(small_evictions >> self.small_unit) & 0xff) << SMALL_SEQ,
        )
    }

    /// Remembers a key that was last used in the epoch `last_access`.
    #[inline(always)]
    pub(crate) fn remember(&self, hash: Hash, from_small: bool, last_access: u32, now: GhostStamp) {
        debug_assert!(last_access <= EPOCH);
        let set = self.set(hash);
        let way = set.next_way();
        let date = u32::from(from_small) << 31 | now.0 | last_access;
        set.dates[way].store(date, Ordering::Relaxed);
        set.set_fingerprint(way, Self::fingerprint(hash));
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn matching_finds_every_way_and_nothing_behind_the_last() {
        for way in 0..12 {
            let mut words = [0x4141_4141_4141_4141; 3];
            words[way / 4] ^= 0xffff << (way % 4 * 16);
            let expected = 1 << way & ((1 << WAYS) - 1);
            assert_eq!(matching(words, 0xbebe), expected);
            assert_eq!(matching(words, 0x4141), 0x3ff & !expected);
            assert_eq!(matching(words, 0x4142), 0);
        }
    }

    #[test]
    fn a_ghost_tells_its_ages_once() {
        let ghosts = Ghosts::new(32).unwrap();
        let hash = Hash::new(0x1234_5678_abcd_0000);
        let then = Dates {
            evictions: 1_000_000,
            small_evictions: 500_000,
            epoch: 70_000,
        };
        let remember = |hash, last_access, then: Dates| {
            let stamp = ghosts.stamp(then.evictions, then.small_evictions);
            ghosts.remember(hash, true, last_access & EPOCH, stamp);
        };
        remember(hash, then.epoch - 10, then);
        let now = Dates {
            evictions: 1_000_060,
            small_evictions: 500_002,
            epoch: 70_001,
        };
        let ghost = ghosts.take(hash, || now).unwrap();
        assert_eq!(
            (ghost.age, ghost.from_small, ghost.small_age, ghost.idle),
            (60, true, 2, 11)
        );
        assert!(ghosts.take(hash, || now).is_none());
    }

    /// In a large cache, where a unit is many evictions.
    #[test]
    fn ages_are_counted_in_units() {
        let ghosts = Ghosts::new(100_000).unwrap();
        let (unit, small_unit) = (1 << ghosts.unit, 1 << ghosts.small_unit);
        assert!(unit > 1_000 && small_unit > 1_000);
        let at = |units: u64, small_units: u64| Dates {
            evictions: units * unit,
            small_evictions: small_units * small_unit,
            epoch: 0,
        };
        let hash = Hash::new(1 << 32 | 7 << 16);
        let then = at(300, 700);
        ghosts.remember(
            hash,
            true,
            0,
            ghosts.stamp(then.evictions, then.small_evictions),
        );
        let ghost = ghosts.take(hash, || at(305, 703)).unwrap();
        assert_eq!((ghost.age, ghost.small_age), (5 * unit, 3 * small_unit));
    }

    #[test]
    fn the_oldest_of_a_set_gives_way() {
        let ghosts = Ghosts::new(4).unwrap();
        let hash = |n: u64| Hash::new((n + 1) << 16);
        let at = |n: u64| Dates {
            evictions: n,
            small_evictions: 0,
            epoch: 0,
        };
        for n in 0..11 {
            ghosts.remember(hash(n), false, 0, ghosts.stamp(n, 0));
        }
        assert!(ghosts.take(hash(0), || at(11)).is_none());
        assert!((1..11).all(|n| ghosts.take(hash(n), || at(11)).is_some()));
    }
}
