//! Ghosts: what is remembered of evicted keys, 8 bytes each, for about the last 2 × capacity evictions.
//!
//! A set-associative table of one-line sets; the oldest of a set gives way. A ghost is a 16-bit fingerprint and four
//! numbers in coarse units, so a false match is possible (1 in 8,000 look-ups) and only costs a wrong guess of the clock.
//! Relaxed loads and stores throughout: each word stands for itself, and a lost one is a forgotten key.

use super::entry::Hash;
use super::table::zeroed;
use crate::sync::{AtomicU64, Ordering};

const WAYS: usize = 8;
const SEQ_BITS: u32 = 20;
const S_SEQ_BITS: u32 = 13;
const EPOCH_BITS: u32 = 14;

pub(crate) struct Ghosts {
    words: Box<[AtomicU64]>,
    /// Evictions per unit of the sequence number.
    unit: u64,
    /// Evictions from S per unit of the S sequence number.
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

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

impl Ghosts {
    /// Room for `ghosts` of them; `None` if the memory is not to be had.
    pub(crate) fn new(ghosts: usize, capacity: usize) -> Option<Self> {
        Some(Self {
            words: zeroed(ghosts.div_ceil(WAYS) * WAYS)?,
            unit: (capacity as u64 >> 14).max(1),
            s_unit: (capacity as u64 >> 10).max(1),
        })
    }

    fn set(&self, hash: Hash) -> &[AtomicU64] {
        let sets = self.words.len() / WAYS;
        let set = ((u64::from(hash.home) * sets as u64) >> 32) as usize;
        &self.words[set * WAYS..(set + 1) * WAYS]
    }

    /// Not zero, so that a ghost is never the empty word.
    fn fingerprint(hash: Hash) -> u64 {
        u64::from(hash.tag()).max(1)
    }

    fn age(&self, word: u64, now: Dates) -> u64 {
        ((now.evictions / self.unit).wrapping_sub(word >> 17) & mask(SEQ_BITS)) * self.unit
    }

    /// Looks a key up and forgets it.
    pub(crate) fn take(&self, hash: Hash, now: Dates) -> Option<Ghost> {
        let fingerprint = Self::fingerprint(hash);
        for slot in self.set(hash) {
            let word = slot.load(Ordering::Relaxed);
            if word & 0xffff == fingerprint {
                slot.store(0, Ordering::Relaxed);
                let s_seq = word >> (17 + SEQ_BITS);
                let epoch = word >> (17 + SEQ_BITS + S_SEQ_BITS);
                return Some(Ghost {
                    age: self.age(word, now),
                    from_s: word & 1 << 16 != 0,
                    s_age: ((now.s_evictions / self.s_unit).wrapping_sub(s_seq) & mask(S_SEQ_BITS))
                        * self.s_unit,
                    idle: (u64::from(now.epoch).wrapping_sub(epoch) & mask(EPOCH_BITS)) as u32,
                });
            }
        }
        None
    }

    /// Remembers a key; `now` already counts its eviction, `last_access` is an epoch.
    pub(crate) fn remember(&self, hash: Hash, from_s: bool, last_access: u32, now: Dates) {
        let word = Self::fingerprint(hash)
            | u64::from(from_s) << 16
            | (now.evictions / self.unit & mask(SEQ_BITS)) << 17
            | (now.s_evictions / self.s_unit & mask(S_SEQ_BITS)) << (17 + SEQ_BITS)
            | (u64::from(last_access) & mask(EPOCH_BITS)) << (17 + SEQ_BITS + S_SEQ_BITS);
        let oldest = self
            .set(hash)
            .iter()
            .max_by_key(|slot| match slot.load(Ordering::Relaxed) {
                0 => u64::MAX,
                old if old & 0xffff == word & 0xffff => u64::MAX - 1,
                old => self.age(old, now),
            });
        if let Some(slot) = oldest {
            slot.store(word, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ghost_tells_its_ages_once() {
        let ghosts = Ghosts::new(64, 32).unwrap();
        let hash = Hash {
            home: 0x1234_5678,
            low: 0xabcd_0000,
        };
        let then = Dates {
            evictions: 1_000_000,
            s_evictions: 500_000,
            epoch: 70_000,
        };
        ghosts.remember(hash, true, 69_990, then);
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
        let ghosts = Ghosts::new(WAYS, 4).unwrap();
        let hash = |n: u32| Hash {
            home: 0,
            low: (n + 1) << 16,
        };
        let at = |n: u32| Dates {
            evictions: u64::from(n),
            s_evictions: 0,
            epoch: 0,
        };
        for n in 0..9 {
            ghosts.remember(hash(n), false, 0, at(n));
        }
        assert!(ghosts.take(hash(0), at(9)).is_none());
        assert!((1..9).all(|n| ghosts.take(hash(n), at(9)).is_some()));
    }
}
