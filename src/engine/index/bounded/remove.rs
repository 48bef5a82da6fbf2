//! Invalidation, clear and the sweeping of what has expired or was cleared.

use super::Bounded;
use crate::engine::capacity::Leaving;
use crate::engine::entry::{Entry, Hash, Phase};
use crate::engine::expiry::Expiry;
use crate::engine::policy::Era;
use crate::engine::policy::Instant;
use crate::engine::reclaim::bag::Retired;
use crate::engine::table::Slot;
use crate::engine::table::word::{Word, WordKind};
use crate::engine::threads::local::Local;
use crate::lease::{Lease, Reached};
use crate::sync::{Ordering, dekker_fence};
use crate::time::Deadline;

/// Clears between two full sweeps: a quarter of the generations that 16 bits tell apart.
pub(super) const CLEARS_PER_SWEEP: u64 = 1 << 14;

/// Groups that one insert looks at for expired entries before it turns to the clock.
const DUE_GROUPS: usize = 16;

impl<K, V> Bounded<K, V> {
    /// Takes a LIVE entry out of its slot and gives its permit back. True if this call did it.
    pub(super) fn remove(
        &self,
        local: &Local<K, V>,
        slot: Slot,
        word: Word<K, V>,
        entry: &Entry<K, V>,
    ) -> bool {
        let removed = self.release(local, slot, word, entry);
        if removed {
            self.table.departed(entry.hash(), slot);
            self.policy.gone(entry);
            self.retire(local, entry);
        }
        removed
    }

    /// Removes the key; true if a current entry went. Voids its leases and kills its PENDING entries (I8).
    #[inline(always)]
    pub(crate) fn invalidate(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        tick: u64,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> bool {
        if !cfg!(tux_fault = "invalidate-void-late") {
            self.leases.void(hash.bits());
        }
        let mut went = false;
        loop {
            let mut lost_a_race = false;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe {
                self.table.scan(hash, |slot, word, entry| {
                    let spared = cfg!(tux_fault = "invalidate-spares-pending")
                        && entry.phase.load() == Phase::Pending;
                    if is_it(&entry.key) && !spared {
                        if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                            self.unlink_dead(slot, word, entry);
                        } else if self.remove(local, slot, word, entry) {
                            if self.at(tick).sees(entry) {
                                local.counters.invalidations.add(1);
                                went = true;
                            } else {
                                self.count_dead(local, entry);
                            }
                        } else {
                            lost_a_race = true;
                        }
                    }
                    true
                });
            }
            if !lost_a_race {
                break;
            }
        }
        self.leases.void(hash.bits());
        self.go_on(local, self.at(tick));
        went
    }

    /// Removes the key if the lease still holds; false if it does not.
    pub(crate) fn remove_leased(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        tick: u64,
        lease: &Lease,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> bool {
        loop {
            // SAFETY: inside the guard that every caller of this type is in.
            let found = unsafe { self.table.find(hash, is_it) };
            if !lease.is_valid(self.clears()) {
                return false;
            }
            self.go_on(local, self.at(tick));
            // Whoever changes the key from now on changes this very slot.
            let Some((slot, word, entry)) = found else {
                return true;
            };
            if self.remove(local, slot, word, entry) {
                if self.at(tick).sees(entry) {
                    local.counters.invalidations.add(1);
                } else {
                    self.count_dead(local, entry);
                }
                return true;
            }
        }
    }

    /// Removes the current entries of one group whose key matches; returns how many went. Before and after all groups the leases
    /// that are reached are to be voided ([`void_reached`](Self::void_reached)).
    pub(crate) fn invalidate_matching(
        &self,
        local: &Local<K, V>,
        group: usize,
        tick: u64,
        matches: &mut impl FnMut(&K) -> bool,
    ) -> usize {
        let mut count = 0;
        for bucket in self.group(group) {
            loop {
                let mut lost_a_race = false;
                self.table.each_in(bucket, |slot, word| {
                    if word.kind() == WordKind::Entry {
                        // SAFETY: an entry word, loaded inside the caller's guard.
                        let entry = unsafe { word.deref() };
                        // Expired ones go too: a lease taken before may be about to overwrite one in place.
                        if !matches(&entry.key) {
                        } else if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                            self.unlink_dead(slot, word, entry);
                        } else if !self.remove(local, slot, word, entry) {
                            lost_a_race = true;
                        } else if self.at(tick).sees(entry) {
                            local.counters.invalidations.add(1);
                            count += 1;
                        } else {
                            self.count_dead(local, entry);
                        }
                    }
                });
                if !lost_a_race {
                    break;
                }
            }
        }
        count
    }

    /// Voids the leases that are reached.
    pub(crate) fn void_reached(&self, reached: Reached) {
        self.leases.void_reached(reached);
    }

    /// Ends every entry there is: O(1), but for one clear in 2^14, before which all [generations end](Self::end_generations) in each
    /// group, to keep them apart (I5). `now` was loaded before that. False: another clear has come in between.
    pub(crate) fn clear_at(&self, now: Instant) -> bool {
        let is_done = self.policy.era.clear(now.era);
        if is_done {
            dekker_fence();
        }
        is_done
    }

    /// Whether the next clear is one in 2^14: an entry that is 2^14 or more clears old must be gone before its generation comes round
    /// again. Each clear at this boundary ends generations by itself, so none relies on another that may have stopped.
    pub(crate) fn is_last_of_its_round(now: Instant) -> bool {
        (now.era.clears() + 1).is_multiple_of(CLEARS_PER_SWEEP)
    }

    /// Takes what is not of the current generation out of one group.
    pub(crate) fn end_generations(&self, local: &Local<K, V>, group: usize) {
        self.kill_pending(group, local);
        self.sweep_group(local, group, 0);
    }

    /// Kills PENDING entries of earlier generations; their owners would let them live dead, and the next round of the
    /// generations would revive them.
    fn kill_pending(&self, group: usize, local: &Local<K, V>) {
        for bucket in self.group(group) {
            self.table.each_in(bucket, |slot, word| {
                if word.kind() == WordKind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry = unsafe { word.deref() };
                    if !entry.is_of(self.at(0).era.generation())
                        && entry.phase.decide(Phase::Cancelled) == Phase::Live
                    {
                        return;
                    }
                }
                self.help(local, slot, word);
            });
        }
    }

    /// Reclaims what has expired at `tick` or was cleared in one group; returns how many went.
    pub(crate) fn sweep_group(&self, local: &Local<K, V>, group: usize, tick: u64) -> usize {
        if !cfg!(tux_fault = "expiry-reset-late") {
            self.expiry.take(group);
        }
        self.sweep_taken(local, group, tick)
    }

    /// The same for a group whose deadlines the index has forgotten already.
    fn sweep_taken(&self, local: &Local<K, V>, group: usize, tick: u64) -> usize {
        // The entries lie far apart: all at once.
        for bucket in self.group(group) {
            self.table.prefetch_entries(bucket);
        }
        let mut earliest = Deadline::NEVER;
        let mut gone: [Leaving<K, V>; Expiry::SLOTS] = [(Slot(0), Word::EMPTY); Expiry::SLOTS];
        let mut count = 0;
        for bucket in self.group(group) {
            self.table.each_in(bucket, |slot, word| {
                if word.kind() == WordKind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry = unsafe { word.deref() };
                    if entry.phase.load() == Phase::Live {
                        // The generation is read after the slot: one that differs is older, never newer.
                        let word = if cfg!(tux_fault = "sweep-by-slot") {
                            self.table.load(slot)
                        } else {
                            word
                        };
                        if self.at(tick).sees(entry) {
                            earliest = earliest.min(if entry.deadline.ticks() <= tick {
                                entry.deadline.postponed()
                            } else {
                                entry.deadline
                            });
                        } else {
                            let leaving = Word::leaving(std::ptr::from_ref(entry).cast_mut());
                            if self.table.exchange(slot, word, leaving) {
                                gone[count] = (slot, leaving);
                                count += 1;
                            }
                        }
                        return;
                    }
                    // A PENDING entry's deadline is recorded by its owner once it lives.
                }
                self.help(local, slot, word);
            });
        }
        if cfg!(tux_fault = "expiry-reset-late") {
            self.expiry.take(group);
        }
        self.expiry.keep(group, earliest);
        if count > 0 {
            self.remove_all(local, &gone[..count]);
        }
        count
    }

    /// The rest of [`remove`](Self::remove) for dead entries whose slots the caller has made LEAVING: with one descriptor of the
    /// capacity for all of them.
    fn remove_all(&self, local: &Local<K, V>, gone: &[Leaving<K, V>]) {
        self.capacity
            .release_all(gone, &self.table, |r| local.retire(Retired::Descriptor(r)));
        // SAFETY: the caller has taken them out of their slots, inside the guard that every caller of this type is in.
        let entries = gone.iter().map(|(_, word)| unsafe { word.deref() });
        self.policy.all_gone(entries.clone());
        for ((slot, _), entry) in gone.iter().zip(entries) {
            self.table.departed(entry.hash(), *slot);
            self.count_dead(local, entry);
            self.retire(local, entry);
        }
    }

    pub(super) fn count_dead(&self, local: &Local<K, V>, entry: &Entry<K, V>) {
        if entry.is_of(self.at(0).era.generation()) {
            local.counters.expirations.add(1);
        } else {
            local.counters.cleared.add(1);
        }
    }

    /// What a write that needs no room does for those that left some: so that entries which were cleared or have expired go,
    /// whatever kind of write comes.
    #[inline(always)]
    pub(super) fn go_on(&self, local: &Local<K, V>, now: Instant) {
        if self.has_dead(now) {
            self.reclaim_some(local, now.tick);
        }
    }

    /// Whether [`reclaim_some`](Self::reclaim_some) may find something.
    #[inline(always)]
    pub(super) fn has_dead(&self, now: Instant) -> bool {
        self.is_unswept(now.era) || self.expiry.is_due(now.tick)
    }

    /// Whether there may be groups that nobody has swept since the last clear, in an era that the caller has loaded: what is missed
    /// now is found by the next writer.
    #[inline(always)]
    pub(super) fn is_unswept(&self, era: Era) -> bool {
        !self.all_swept.is_of(era) && self.is_unswept_now()
    }

    #[cold]
    #[inline(never)]
    fn is_unswept_now(&self) -> bool {
        let era = self.policy.era.load();
        let all_swept = era.clears() << 32 | self.groups() as u64;
        let is_swept = self.swept.load(Ordering::Relaxed) == all_swept;
        if is_swept {
            self.all_swept.note(era);
        }
        !is_swept
    }

    /// Reclaims some dead entries if there are any: after a clear the next unswept group, otherwise one that is due.
    #[inline(never)]
    pub(super) fn reclaim_some(&self, local: &Local<K, V>, tick: u64) -> bool {
        loop {
            let swept = self.swept.load(Ordering::Relaxed);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "compared as 32 bits on both sides"
            )]
            let (clears, next, current) =
                ((swept >> 32) as u32, swept as u32, self.clears() as u32);
            let next = match current.wrapping_sub(clears).cast_signed() {
                0 => next,
                1.. => 0,
                // Another thread knows of a later clear: it goes on.
                _ => break,
            };
            if next as usize >= self.groups() {
                break;
            }
            let claimed = u64::from(current) << 32 | u64::from(next + 1);
            // Relaxed: the cursor only spreads the work; slots are read with their own ordering.
            if self
                .swept
                .compare_exchange(swept, claimed, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
                && self.sweep_group(local, next as usize, tick) > 0
            {
                return true;
            }
        }
        // A group may be due for an entry that has gone since: then it is in order now, and the next one is tried.
        for _ in 0..DUE_GROUPS {
            if !self.expiry.is_due(tick) {
                break;
            }
            if let Some(group) = self.expiry.take_due(tick)
                && self.sweep_taken(local, group, tick) > 0
            {
                return true;
            }
        }
        false
    }
}
