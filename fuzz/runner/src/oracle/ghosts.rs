//! What is remembered of evicted keys: sets of ten, written in turn, each a fingerprint and coarse dates.

use super::Hash;

const WAYS: usize = 10;
/// Dates are kept in units, modulo 256; epochs modulo 2^14.
const UNITS: u64 = 1 << 8;
pub(super) const EPOCHS: u32 = 1 << 14;

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// 0: none.
    fingerprint: u32,
    from_s: bool,
    unit: u64,
    s_unit: u64,
    epoch: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Set {
    places: [Place; WAYS],
    next: usize,
}

#[derive(Debug)]
pub(super) struct Ghosts {
    sets: Vec<Set>,
    /// Evictions, and evictions from S, that make one unit.
    unit: u64,
    s_unit: u64,
}

/// The clock's counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dates {
    pub(super) evictions: u64,
    pub(super) s_evictions: u64,
    pub(super) epoch: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ghost {
    pub(super) age: u64,
    pub(super) from_s: bool,
    pub(super) s_age: u64,
    pub(super) idle: u32,
}

impl Ghosts {
    pub(super) fn new(capacity: usize) -> Self {
        let unit = |parts: usize| (capacity / parts).max(1).next_power_of_two() as u64;
        Self {
            sets: vec![Set::default(); (5 * capacity).div_ceil(24)],
            unit: unit(32),
            s_unit: unit(40),
        }
    }

    fn set(&mut self, hash: Hash) -> &mut Set {
        let sets = self.sets.len() as u64;
        let at = (u128::from(hash.0) * u128::from(sets)) >> 64;
        &mut self.sets[usize::try_from(at).expect("below the number of sets")]
    }

    fn fingerprint(hash: Hash) -> u32 {
        ((hash.0 >> 16) as u32 & 0xffff).max(1)
    }

    /// Looks a key up and forgets it.
    pub(super) fn take(&mut self, hash: Hash, now: Dates) -> Option<Ghost> {
        let (unit, s_unit) = (self.unit, self.s_unit);
        let wanted = Self::fingerprint(hash);
        let mut places = self.set(hash).places.iter_mut();
        let place = places.find(|place| place.fingerprint == wanted)?;
        place.fingerprint = 0;
        let since = |now: u64, then: u64| (now % UNITS + UNITS - then) % UNITS;
        Some(Ghost {
            age: since(now.evictions / unit, place.unit) * unit,
            from_s: place.from_s,
            s_age: since(now.s_evictions / s_unit, place.s_unit) * s_unit,
            idle: (now.epoch % EPOCHS + EPOCHS - place.epoch) % EPOCHS,
        })
    }

    /// Remembers a key last used `idle` epochs ago; `now` counts its eviction already.
    pub(super) fn remember(&mut self, hash: Hash, from_s: bool, idle: u32, now: Dates) {
        let place = Place {
            fingerprint: Self::fingerprint(hash),
            from_s,
            unit: now.evictions / self.unit % UNITS,
            s_unit: now.s_evictions / self.s_unit % UNITS,
            epoch: now.epoch.wrapping_sub(idle.min(EPOCHS - 1)) % EPOCHS,
        };
        let set = self.set(hash);
        set.places[set.next] = place;
        set.next = (set.next + 1) % WAYS;
    }
}
