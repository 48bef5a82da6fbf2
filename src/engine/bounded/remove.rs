//! Invalidation, clear and the sweeping of what has expired or was cleared.

use super::{Bounded, Instant};
use crate::engine::entry::{Entry, Hash, Kind, Phase, Word};
use crate::engine::local::Local;
use crate::engine::table::Lane;
use crate::sync::{Ordering, dekker_fence};
use crate::time::Deadline;

/// Clears between two full sweeps: a quarter of the generations that 16 bits tell apart.
const CLEARS_PER_SWEEP: u64 = 1 << 14;

impl<K, V> Bounded<K, V> {
    /// Takes a LIVE entry out of its lane and gives its room back. True if this call did it.
    pub(super) fn remove(
        &self,
        local: &Local<K, V>,
        lane: Lane,
        word: Word<K, V>,
        entry: &Entry<K, V>,
    ) -> bool {
        let removed = self.release(local, lane, word, entry);
        if removed {
            self.table.departed(entry.hash, lane);
            self.clock.gone(entry);
            self.retire(local, entry);
        }
        removed
    }

    /// Removes the key; true if a current entry went. Voids its leases and kills its PENDING entries (I8).
    pub(crate) fn invalidate(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        tick: u64,
        mut is_it: impl FnMut(&K) -> bool,
    ) -> bool {
        self.board.void(hash);
        let mut went = false;
        loop {
            let mut lost_a_race = false;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe {
                self.table.scan(hash, |lane, word, entry| {
                    if is_it(&entry.key) {
                        if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                            self.unlink_dead(lane, word, entry);
                        } else if self.remove(local, lane, word, entry) {
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
        self.board.void(hash);
        went
    }

    /// Removes every current entry whose key matches; voids every lease. O(lanes).
    pub(crate) fn invalidate_matching(
        &self,
        local: &Local<K, V>,
        tick: u64,
        mut matches: impl FnMut(&K) -> bool,
    ) -> usize {
        self.board.void_all();
        let mut count = 0;
        for bucket in 0..self.buckets() {
            loop {
                let mut lost_a_race = false;
                self.table.each_in(bucket, |lane, word| {
                    if word.kind() == Kind::Entry {
                        // SAFETY: an entry word, loaded inside the caller's guard.
                        let entry = unsafe { word.deref() };
                        if !matches(&entry.key) {
                        } else if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                            self.unlink_dead(lane, word, entry);
                        } else if self.at(tick).sees(entry) {
                            if self.remove(local, lane, word, entry) {
                                local.counters.invalidations.add(1);
                                count += 1;
                            } else {
                                lost_a_race = true;
                            }
                        }
                    }
                });
                if !lost_a_race {
                    break;
                }
            }
        }
        self.board.void_all();
        count
    }

    /// Ends every entry there is: O(1), but for one sweep in 2^14 clears that keeps generations apart (I5).
    pub(crate) fn clear(&self, local: &Local<K, V>) {
        loop {
            let now = self.at(0);
            if (now.clears + 1).is_multiple_of(CLEARS_PER_SWEEP) {
                // An entry that is 2^14 or more clears old must be gone before its generation comes round again. Each
                // clear at this boundary sweeps by itself, so none relies on another that may have stopped.
                for group in 0..self.groups() {
                    self.sweep_group(local, group, now);
                }
            }
            // SeqCst: a publisher that re-checks its lease after this sees it (I8).
            if self
                .clears
                .compare_exchange(
                    now.clears,
                    now.clears + 1,
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                )
                .is_ok()
            {
                dekker_fence();
                return;
            }
        }
    }

    /// Reclaims what has expired or was cleared in one group; returns how many went.
    pub(crate) fn sweep_group(&self, local: &Local<K, V>, group: usize, now: Instant) -> usize {
        self.expiry.reset(group);
        let (mut earliest, mut count) = (Deadline::NEVER, 0);
        for bucket in self.group(group) {
            self.table.each_in(bucket, |lane, word| {
                if word.kind() == Kind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry = unsafe { word.deref() };
                    if entry.phase.load() == Phase::Live && !now.sees(entry) {
                        if self.remove(local, lane, word, entry) {
                            self.count_dead(local, entry);
                            count += 1;
                        }
                    } else {
                        earliest = earliest.min(entry.due.deadline());
                    }
                } else {
                    self.resolve(local, lane, word);
                }
            });
        }
        self.expiry.keep(group, earliest);
        count
    }

    fn count_dead(&self, local: &Local<K, V>, entry: &Entry<K, V>) {
        if entry.due.is_of(self.at(0).generation()) {
            local.counters.expirations.add(1);
        } else {
            local.counters.cleared.add(1);
        }
    }

    /// Reclaims some dead entries if there are any: after a clear the next unswept group, otherwise one that is due.
    pub(super) fn reclaim_some(&self, local: &Local<K, V>, now: Instant) -> bool {
        while now.clears > 0 {
            let swept = self.swept.load(Ordering::Relaxed);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "compared as 32 bits on both sides"
            )]
            let (clears, next, current) = ((swept >> 32) as u32, swept as u32, now.clears as u32);
            let next = if clears == current { next } else { 0 };
            if next as usize >= self.groups() {
                break;
            }
            let claimed = u64::from(current) << 32 | u64::from(next + 1);
            // Relaxed: the cursor only spreads the work; lanes are read with their own ordering.
            if self
                .swept
                .compare_exchange(swept, claimed, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
                && self.sweep_group(local, next as usize, now) > 0
            {
                return true;
            }
        }
        while self.expiry.is_due(now.tick) {
            match self.expiry.find_due(now.tick) {
                Some(group) if self.sweep_group(local, group, now) > 0 => return true,
                Some(_) => {}
                None => break,
            }
        }
        false
    }
}
