//! What only the models of `loom-tests` do: look at everything at once, and stop half-way through an operation.
//!
//! A thread that stops is one that makes no further step. The functions here make the steps of an operation up to the
//! one after which it stops, with the operation's own parts; what is left to do is left to whoever comes next (I7).

use super::Bounded;
use crate::engine::entry::{Entry, Hash, Newcomer, Phase, PolicyMeta};
use crate::engine::table::word::{Word, WordKind};
use crate::engine::table::{Found, Slot};
use crate::engine::threads::local::Local;
use crate::sync::{Ordering, dekker_fence};
use crate::time::Deadline;

/// Where an inserter stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its entry is PENDING in a slot.
    Published,
    /// The capacity's descriptor says that the entry is admitted; nobody has carried that out.
    Admitting,
    /// As before, and it has carried it out: the entry is LIVE, but nothing else is done.
    Admitted,
    /// It has looked for rivals and taken a victim's slot; the slot is MOVED.
    Moving,
    /// As before, and its entry is LIVE; the slot is still MOVED.
    Moved,
    /// It has looked for rivals and taken a victim's permit, which it holds.
    Holding,
}

impl<K, V> Bounded<K, V> {
    /// What `TtlCache::clear` does, in one guard.
    pub(crate) fn clear(&self, local: &Local<K, V>) {
        loop {
            let now = self.at(0);
            if Self::is_last_of_its_round(now) {
                (0..self.groups()).for_each(|group| self.end_generations(local, group));
            }
            if self.clear_at(now) {
                return;
            }
        }
    }
}

impl<K: Eq + Clone, V> Bounded<K, V> {
    /// A `set` of an absent key that stops. False: it did not come that far (no room, or somebody else was faster).
    pub(crate) fn insert_and_stop(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        (key, value): (K, V),
        stop: Stop,
    ) -> bool {
        let lifetime = self.at(0).lifetime(Deadline::NEVER);
        let entry = local.allocate(|| {
            Newcomer::new(
                Phase::Pending,
                hash,
                lifetime,
                PolicyMeta::new(0, 0),
                key,
                value,
            )
        });
        let word = Word::entry(entry, hash);
        let Some(slot) = self.table.claim(self.table.home_of(hash), word) else {
            panic!("the model leaves a slot free");
        };
        dekker_fence();
        // SAFETY: an entry of the caller's that nobody retires before it is LIVE; the caller's guard stays open.
        let shared = unsafe { &*entry };
        if stop == Stop::Published {
            return true;
        }
        self.overtake(hash, slot, &shared.key);
        match stop {
            Stop::Published => true,
            Stop::Admitting => self.capacity.admit_and_stop(entry, &self.table),
            Stop::Admitted => {
                self.capacity.admit_and_stop(entry, &self.table)
                    && shared.phase.decide(Phase::Live) == Phase::Live
            }
            Stop::Holding => self.any_live().is_some_and(|(slot, word, victim)| {
                // The victim is never retired: its thread has stopped.
                self.table.free(slot, word) && {
                    self.table.departed(victim.hash(), slot);
                    true
                }
            }),
            Stop::Moving | Stop::Moved => {
                let Some((slot, word, victim)) = self.any_live() else {
                    return false;
                };
                shared.cold().aux.store(slot.0, Ordering::Release);
                self.table.exchange(slot, word, Word::moved(entry)) && {
                    self.table.departed(victim.hash(), slot);
                    // The victim is never retired: its thread has stopped.
                    stop == Stop::Moving || shared.phase.decide(Phase::Live) == Phase::Live
                }
            }
        }
    }

    /// A removal of a LIVE key that stops when its slot is LEAVING or, if `counted`, when the capacity has counted it but
    /// the slot is not free yet.
    pub(crate) fn remove_and_stop(
        &self,
        hash: Hash,
        is_it: impl Fn(&K) -> bool + Copy,
        counted: bool,
    ) -> bool {
        // SAFETY: inside the guard that every caller of this type is in.
        let Some((slot, word, _)) = (unsafe { self.table.find(hash, is_it) }) else {
            return false;
        };
        let leaving = Word::leaving(word.address());
        self.table.exchange(slot, word, leaving)
            && (!counted || self.capacity.release_and_stop(slot, leaving, &self.table))
    }

    fn any_live<'g>(&self) -> Option<Found<'g, K, V>> {
        let mut found = None;
        for bucket in 0..self.buckets() {
            self.each_live(bucket, |slot, word, entry| {
                found = Some((slot, word, entry))
            });
        }
        found
    }

    fn each_live<'g>(&self, bucket: usize, mut visit: impl FnMut(Slot, Word<K, V>, &'g Entry<K, V>))
    where
        K: 'g,
        V: 'g,
    {
        self.table.each_in(bucket, |slot, word| {
            if word.kind() == WordKind::Entry {
                // SAFETY: an entry word, loaded inside the caller's guard.
                let entry: &'g Entry<K, V> = unsafe { word.deref() };
                if entry.phase.load() == Phase::Live {
                    visit(slot, word, entry);
                }
            }
        });
    }

    /// The LIVE entries of one instant, and the residents counted at that instant: looks twice and keeps what was there
    /// both times. (Words do not come back within a guard.)
    pub(crate) fn snapshot<'g>(&self) -> (Vec<&'g Entry<K, V>>, usize)
    where
        K: 'g,
        V: 'g,
    {
        let mut seen = Vec::new();
        for bucket in 0..self.buckets() {
            self.each_live(bucket, |slot, word, entry| seen.push((slot, word, entry)));
        }
        let resident = self.resident();
        // An exchange with itself sees the newest word; a load could see an older one.
        seen.retain(|(slot, word, _)| self.table.exchange(*slot, *word, *word));
        (
            seen.into_iter().map(|(.., entry)| entry).collect(),
            resident,
        )
    }

    /// The slot of a live entry that is in no queue, while no thread is in a call (Q1).
    pub(crate) fn in_no_queue(&self, locals: &[&Local<K, V>]) -> Option<Slot> {
        let parts: Vec<_> = locals.iter().map(|local| &local.policy).collect();
        self.policy.in_no_queue(&self.table, &parts)
    }

    /// Sweeps every group.
    pub(crate) fn sweep_all(&self, local: &Local<K, V>, tick: u64) -> usize {
        (0..self.groups())
            .map(|group| self.sweep_group(local, group, tick))
            .sum()
    }

    /// Whether the index knows that something may have expired at `tick`.
    pub(crate) fn is_due(&self, tick: u64) -> bool {
        self.expiry.is_due(tick)
    }

    /// Reclaims at most one group of the dead.
    pub(crate) fn reclaim_due(&self, local: &Local<K, V>, tick: u64) -> bool {
        self.reclaim_some(local, tick)
    }
}
