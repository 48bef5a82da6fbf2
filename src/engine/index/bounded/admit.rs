//! Finding a permit for a published entry: from the capacity, from the dead, from the victim of the policy.

use super::Bounded;
use crate::engine::capacity::Admission;
use crate::engine::entry::{Entry, Hash, Phase};
use crate::engine::policy::Instant;
use crate::engine::policy::{Arrival, Choice};
use crate::engine::reclaim::bag::Retired;
use crate::engine::table::Slot;
use crate::engine::table::word::{Word, WordKind};
use crate::engine::threads::local::Local;
use crate::sync::{Ordering, fence};

/// A published entry on its way to a permit: what the steps of an insert hand on.
pub(super) struct Insertion<'a, K, V> {
    pub(super) local: &'a Local<K, V>,
    pub(super) newcomer: &'a Entry<K, V>,
    pub(super) now: Instant,
}

impl<K, V> Clone for Insertion<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Insertion<'_, K, V> {}

impl<K, V> Insertion<'_, K, V> {
    /// The newcomer, as words name it. (All memory for entries is exposed.)
    #[inline(always)]
    fn address(self) -> *mut Entry<K, V> {
        std::ptr::from_ref(self.newcomer).cast_mut()
    }
}

impl<K, V> Bounded<K, V> {
    /// Whom the clock would have leave for a newcomer, if the cache is full and nobody in it is dead, as it mostly is; and that one's
    /// hash.
    #[inline(always)]
    pub(super) fn foresee(
        &self,
        local: &Local<K, V>,
        arrival: &mut Arrival,
        now: Instant,
    ) -> (Choice<K, V>, Hash) {
        if self.has_dead(now) || !self.capacity.is_full() {
            return (Choice::NOBODY, Hash::new(0));
        }
        self.policy.choose(&self.table, arrival, &local.policy, now)
    }

    /// Makes the ghost of the entry [foreseen](Self::foresee), if it is of small, and asks the processor for what the next ones need.
    #[inline(always)]
    pub(super) fn prepare(&self, local: &Local<K, V>, choice: &Choice<K, V>, hash: Hash) {
        // SAFETY: an entry word or empty, loaded inside the caller's guard.
        if let Some(victim) = unsafe { choice.word.occupant() } {
            self.policy.look_ahead(&self.table, &local.policy);
            self.policy.remember(victim, hash, &local.policy);
        }
    }

    /// Finds a permit, mostly that of the entry [foreseen](Self::foresee), and brings the entry to life; false if somebody killed it
    /// meanwhile.
    ///
    /// Lock-free: it starts again only when another thread took the permit it had found.
    #[inline(always)]
    pub(super) fn find_permit(
        &self,
        insertion: Insertion<'_, K, V>,
        arrival: &mut Arrival,
        choice: Choice<K, V>,
        gone: Hash,
    ) -> bool {
        let Insertion { local, now, .. } = insertion;
        if choice.is_somebody() {
            let live = self.evict(insertion, choice, gone);
            return live.unwrap_or_else(|| {
                // A copy, here and below, so that what mostly happens keeps it in registers.
                let mut copy = *arrival;
                let lives = self.find_another_permit(insertion, &mut copy);
                *arrival = copy;
                lives
            });
        }
        // Past half of the permits, each insert reclaims a group that is due; after a clear each one does. Left until the cache
        // is full, the dead would be swept group by group, an empty stretch behind the sweep and a crowded one ahead of it. By
        // the era of this moment: a clear may have come since the write began.
        let current = self.at(now.tick);
        let reclaims = self.has_dead(current);
        if reclaims
            && (self.is_unswept(current.era)
                || self.capacity.count() > self.capacity.capacity() / 2)
        {
            self.reclaim_some(local, now.tick);
        }
        if !reclaims && !self.capacity.is_full() && self.admit(insertion) {
            arrival.found_room = true;
            return true;
        }
        let mut copy = *arrival;
        let lives = self.find_permit_cold(insertion, &mut copy);
        *arrival = copy;
        lives
    }

    /// The rest of [`find_permit`](Self::find_permit) where the victim's slot had changed.
    #[cold]
    #[inline(never)]
    fn find_another_permit(&self, insertion: Insertion<'_, K, V>, arrival: &mut Arrival) -> bool {
        let lives = self.find_permit_cold(insertion, arrival);
        // Its place in small was filled before, and it may have come to life by a plain store (Q3).
        fence(Ordering::SeqCst);
        lives
    }

    /// Asks the capacity for a permit; false if there is none, or the newcomer has been killed.
    #[inline(never)]
    fn admit(&self, insertion: Insertion<'_, K, V>) -> bool {
        let Insertion {
            local, newcomer, ..
        } = insertion;
        let retire = |descriptor| local.retire(Retired::Descriptor(descriptor));
        match self
            .capacity
            .admit(insertion.address(), &self.table, retire)
        {
            Admission::Granted => {
                // Who sees it knows that the capacity's descriptor is completed.
                newcomer.phase.settle();
                true
            }
            Admission::Killed | Admission::Full => false,
        }
    }

    /// The rest of [`find_permit`](Self::find_permit): in a cache that fills, or has dead entries, and after a lost race.
    #[inline(never)]
    fn find_permit_cold(&self, insertion: Insertion<'_, K, V>, arrival: &mut Arrival) -> bool {
        let Insertion {
            local,
            newcomer,
            now,
        } = insertion;
        while newcomer.phase.load() == Phase::Pending {
            if !self.capacity.is_full() {
                if self.admit(insertion) {
                    arrival.found_room = true;
                    return true;
                }
                // Killed, and nobody is to be evicted for it; or full by now.
                continue;
            }
            // Expired and cleared entries make room before live ones (I6).
            if self.has_dead(self.at(now.tick)) && self.reclaim_some(local, now.tick) {
                continue;
            }
            let (choice, _) = self.policy.choose(&self.table, arrival, &local.policy, now);
            self.policy.look_ahead(&self.table, &local.policy);
            let live = if choice.is_somebody() {
                self.evict_cold(insertion, choice)
            } else {
                self.last_resort(insertion)
            };
            if let Some(live) = live {
                return live;
            }
        }
        false
    }

    /// Evicts the LIVE entry of a slot, whose hash this is and which has its ghost if it is of small, for the newcomer and brings
    /// that to life, as [`take_permit`](Self::take_permit) does.
    #[inline(always)]
    fn evict(
        &self,
        insertion: Insertion<'_, K, V>,
        Choice { slot, word }: Choice<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        let local = insertion.local;
        // SAFETY: an entry word, loaded inside the caller's guard.
        let victim = unsafe { word.deref() };
        let Some(live) = self.take_permit(insertion, slot, word, hash) else {
            self.policy
                .put_back(&self.table, Choice { slot, word }, &local.policy);
            return None;
        };
        self.policy.evicted(victim, &local.policy);
        local.counters.evictions.add(1);
        self.retire(local, victim);
        Some(live)
    }

    /// [`evict`](Self::evict) of one that has no ghost yet, where speed matters less than the size of the code.
    #[inline(never)]
    fn evict_cold(&self, insertion: Insertion<'_, K, V>, choice: Choice<K, V>) -> Option<bool> {
        let local = insertion.local;
        // SAFETY: an entry word, loaded inside the caller's guard.
        let victim = unsafe { choice.word.deref() };
        let hash = victim.hash();
        self.policy.remember(victim, hash, &local.policy);
        self.evict(insertion, choice, hash)
    }

    /// Passes the permit of a LIVE victim, whose hash this is, on to the newcomer and brings that to life. `None`: the victim's slot had
    /// changed. `Some(false)`: the newcomer had been killed; the permit went back to the capacity. After `Some` the victim is
    /// the caller's to retire.
    #[inline(always)]
    pub(super) fn take_permit(
        &self,
        insertion: Insertion<'_, K, V>,
        slot: Slot,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        if insertion.local.may_hold_permit {
            self.take_permit_held(insertion, slot, word, hash)
        } else {
            self.take_permit_in_slot(insertion, slot, word, hash)
        }
    }

    /// [`take_permit`](Self::take_permit) that leaves the permit in the victim's slot until the newcomer lives.
    #[inline(never)]
    fn take_permit_in_slot(
        &self,
        insertion: Insertion<'_, K, V>,
        slot: Slot,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        let Insertion {
            local, newcomer, ..
        } = insertion;
        let address = insertion.address();
        let moved = Word::moved(address);
        // Before the exchange: whoever finds the newcomer live but unsettled looks there (see `settle`). Release for
        // the Acquire there.
        newcomer.cold().aux.store(slot.0, Ordering::Release);
        if !self.table.exchange(slot, word, moved) {
            // Its permit may come from elsewhere: then the number would be taken for a place in the ring.
            newcomer.cold().aux.store(u32::MAX, Ordering::Release);
            return None;
        }
        self.table.departed(hash, slot);
        if newcomer.phase.decide(Phase::Live) == Phase::Live {
            self.table.free(slot, moved);
            // The number of a slot must not be taken for a place in the ring. Who sees the entry settled sees the slot cleared
            // and the number gone.
            newcomer.cold().aux.store(u32::MAX, Ordering::Release);
            newcomer.phase.settle();
            Some(true)
        } else {
            // Somebody else may have begun to give the permit back under our name. It must be done before the name is
            // retired, so that a later entry at this address cannot be taken for it.
            if cfg!(tux_fault = "permit-lost") {
                self.table.exchange(slot, moved, Word::EMPTY);
                return Some(false);
            }
            self.release(local, slot, moved, newcomer);
            self.capacity
                .release(slot, Word::leaving(address), &self.table, |r| {
                    local.retire(Retired::Descriptor(r))
                });
            Some(false)
        }
    }

    /// [`take_permit`](Self::take_permit) with one exchange less: between two steps the thread holds the permit, where nobody
    /// else can get at it. So only few threads may do it (I7).
    #[inline(always)]
    fn take_permit_held(
        &self,
        insertion: Insertion<'_, K, V>,
        slot: Slot,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        let Insertion {
            local, newcomer, ..
        } = insertion;
        // Looked at first, so that a lost race takes nobody's hint away.
        if self.table.load(slot) != word || !self.table.free(slot, word) {
            return None;
        }
        self.table.departed(hash, slot);
        // Nothing shared names the newcomer but its slot.
        let live = newcomer.phase.enliven_settled();
        if !live && !cfg!(tux_fault = "holder-keeps-permit") {
            self.capacity
                .give_back(&self.table, |r| local.retire(Retired::Descriptor(r)));
        }
        Some(live)
    }

    /// The clock has found nobody: the permits are with entries that stopped threads have not handed to it yet. Carries
    /// out everything that such threads have left, and takes the permit of any live entry. `None`: look again.
    #[cold]
    fn last_resort(&self, insertion: Insertion<'_, K, V>) -> Option<bool> {
        let local = insertion.local;
        if !cfg!(tux_fault = "permit-no-help") {
            self.capacity.help(&self.table);
        }
        for bucket in 0..self.buckets() {
            let mut found = None;
            self.table.each_in(bucket, |slot, word| {
                self.help(local, slot, word);
                if found.is_none() && word.kind() == WordKind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry: &Entry<K, V> = unsafe { word.deref() };
                    if entry.phase.load() == Phase::Live {
                        found = Some(Choice { slot, word });
                    }
                }
            });
            if let Some(choice) = found
                && !cfg!(tux_fault = "permit-no-last-resort")
                && let Some(live) = self.evict_cold(insertion, choice)
            {
                return Some(live);
            }
        }
        None
    }

    /// Takes a slot on the hash's path from an entry that is not live: stopped inserts have filled the table.
    #[cold]
    pub(super) fn force_slot(&self, local: &Local<K, V>, hash: Hash, word: Word<K, V>) -> Slot {
        loop {
            for bucket in 0..self.buckets() {
                self.table.each_in(bucket, |slot, other| {
                    if other.kind() == WordKind::Entry {
                        // SAFETY: an entry word, loaded inside the caller's guard.
                        unsafe { other.deref() }.phase.decide(Phase::Cancelled);
                    }
                    self.help(local, slot, other);
                });
                if let Some(slot) = self.table.claim(self.table.home_of(hash), word) {
                    return slot;
                }
            }
        }
    }
}
