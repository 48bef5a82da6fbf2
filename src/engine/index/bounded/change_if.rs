//! Changes that depend on what stands there (V1 to V4 in [`version`](crate::engine::index::version)), and removals that look at values.

use super::Bounded;
use super::insert::{End, InsertCondition};
use crate::engine::entry::{Entry, Hash, Phase};
use crate::engine::index::version::{Seen, Version};
use crate::engine::policy::{Instant, LEASED};
use crate::engine::table::Found;
use crate::engine::table::word::WordKind;
use crate::engine::threads::local::Local;
use crate::lease::Watch;
use crate::sync::Ordering;
use crate::time::Deadline;

/// The version of an entry.
fn version<K, V>(entry: &Entry<K, V>) -> Version {
    Version(std::ptr::from_ref(entry).addr() as u64)
}

impl<K, V> Bounded<K, V> {
    /// What `read` makes of the current entry, counted as a use, and which one it is.
    pub(crate) fn look<R>(
        &self,
        hash: Hash,
        now: Instant,
        is_it: impl Fn(&K) -> bool + Copy,
        read: impl FnOnce(&V) -> R,
    ) -> Option<Seen<R>> {
        // SAFETY: inside the guard that every caller of this type is in.
        let entry = unsafe { self.probe_all(hash, now, is_it) }?;
        Some(Seen {
            read: read(&entry.value),
            version: version(entry),
            deadline: entry.deadline,
        })
    }

    /// The current entry of this version, if the key still has it.
    fn find_version<'g>(
        &self,
        hash: Hash,
        now: Instant,
        seen: Version,
        watch: &Watch,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> Option<Found<'g, K, V>> {
        // SAFETY: inside the guard that every caller of this type is in.
        let found = unsafe { self.table.find(hash, is_it) }?;
        let (.., entry) = found;
        let is_it = version(entry) == seen || cfg!(tux_fault = "change-unseen");
        // The watch is asked after the slot was read (V2).
        let is_valid = watch.is_valid(self.clears());
        (is_it && is_valid && now.sees(entry)).then_some(found)
    }

    /// Removes the key if its current entry has this version; whether it did.
    pub(crate) fn remove_if(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        tick: u64,
        seen: Version,
        watch: &Watch,
        is_it: impl Fn(&K) -> bool + Copy,
    ) -> bool {
        let now = self.at(tick);
        let Some((slot, word, entry)) = self.find_version(hash, now, seen, watch, is_it) else {
            return false;
        };
        self.leases.void(hash.bits());
        let removed = self.remove(local, slot, word, entry);
        self.leases.void(hash.bits());
        if removed {
            local.counters.invalidations.add(1);
        }
        self.go_on(local, now);
        removed
    }

    /// Removes the key, and hands out what `read` makes of the value that went. Of entries that are PENDING it kills those alone that
    /// were published under a lease (I8): the others come after it.
    pub(crate) fn take<R>(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        tick: u64,
        is_it: impl Fn(&K) -> bool + Copy,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        self.leases.void(hash.bits());
        let mut taken: Option<&Entry<K, V>> = None;
        loop {
            let mut lost_a_race = false;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe {
                self.table.scan(hash, |slot, word, entry| {
                    if !is_it(&entry.key) || self.spares(entry) {
                    } else if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                        self.unlink_dead(slot, word, entry);
                    } else if taken.is_some() {
                        // Set since: it comes after this removal.
                    } else if !self.remove(local, slot, word, entry) {
                        lost_a_race = true;
                    } else if self.at(tick).sees(entry) {
                        local.counters.invalidations.add(1);
                        taken = Some(entry);
                    } else {
                        self.count_dead(local, entry);
                    }
                    true
                });
            }
            if !lost_a_race || taken.is_some() {
                break;
            }
        }
        self.leases.void(hash.bits());
        self.go_on(local, self.at(tick));
        // Retired, but not freed while the caller's guard is open.
        taken.map(|entry| read(&entry.value))
    }

    /// Whether a removal that looks at values leaves an entry alone that is not live: its value may not be looked at, and it goes live
    /// after the removal, if at all.
    fn spares(&self, entry: &Entry<K, V>) -> bool {
        entry.phase.load() == Phase::Pending
            && (entry.queue.load(Ordering::Relaxed) & LEASED == 0
                || cfg!(tux_fault = "take-spares-leased"))
    }

    /// Removes the current entries of one group that are not to be kept; returns how many went. Before and after all groups the leases are
    /// to be voided ([`void_reached`](Self::void_reached)).
    pub(crate) fn retain(
        &self,
        local: &Local<K, V>,
        group: usize,
        tick: u64,
        keep: &mut impl FnMut(&K, &V) -> bool,
    ) -> usize {
        let mut count = 0;
        for bucket in self.group(group) {
            self.table.each_in(bucket, |slot, word| {
                if word.kind() == WordKind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry: &Entry<K, V> = unsafe { word.deref() };
                    if self.spares(entry) {
                    } else if entry.phase.decide(Phase::Cancelled) != Phase::Live {
                        self.unlink_dead(slot, word, entry);
                    } else if self.at(tick).sees(entry)
                        && !keep(&entry.key, &entry.value)
                        // Otherwise it was overwritten meanwhile, or has gone by itself.
                        && self.remove(local, slot, word, entry)
                    {
                        local.counters.invalidations.add(1);
                        count += 1;
                    }
                }
            });
        }
        count
    }
}

impl<K: Eq + Clone, V> Bounded<K, V> {
    /// Stores a value if the key has no current entry; otherwise hands it back.
    pub(crate) fn set_if_absent(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        (mut key, mut value): (K, V),
        deadline: Deadline,
        tick: u64,
    ) -> Result<(), (K, V)> {
        loop {
            let now = self.at(tick);
            // SAFETY: inside the guard that every caller of this type is in.
            let found = unsafe { self.table.find(hash, |k| *k == key) };
            if self.clears() != now.era.clears() && !cfg!(tux_fault = "absent-old-era") {
                // Cleared since: what was found may be newer than that, and would be taken for dead. (A clear after this look leaves
                // what was found dead to be overwritten: whoever is faster changes the slot.)
                continue;
            }
            if let Some((.., entry)) = found
                && now.sees(entry)
            {
                return Err((key, value));
            }
            self.leases.void(hash.bits());
            let end = match found {
                Some(dead) => self.overwrite_cold(local, dead, hash, key, value, deadline, now),
                None => self.insert_cold(
                    local,
                    hash,
                    key,
                    value,
                    deadline,
                    tick,
                    InsertCondition::Absent,
                ),
            };
            match end {
                End::Done | End::Void => break,
                End::Again(k, v) => (key, value) = (k, v),
            }
        }
        self.leases.void(hash.bits());
        Ok(())
    }

    /// Replaces the key's current entry if it has this version; otherwise hands back what was to replace it.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    pub(crate) fn replace_if(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        (key, value): (K, V),
        deadline: Deadline,
        tick: u64,
        seen: Version,
        watch: &Watch,
    ) -> Result<(), (K, V)> {
        let now = self.at(tick);
        let Some(found) = self.find_version(hash, now, seen, watch, |k| *k == key) else {
            return Err((key, value));
        };
        self.leases.void(hash.bits());
        let end = self.overwrite_cold(local, found, hash, key, value, deadline, now);
        self.leases.void(hash.bits());
        match end {
            End::Done | End::Void => Ok(()),
            End::Again(key, value) => Err((key, value)),
        }
    }
}
