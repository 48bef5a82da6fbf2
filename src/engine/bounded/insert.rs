//! `set`: overwrite in place, or publish, look for rivals, find a room, go live.

use super::Bounded;
use crate::engine::entry::{Due, Entry, Hash, Phase, Usage, Word};
use crate::engine::lease::Lease;
use crate::engine::local::{Local, Retired};
use crate::engine::table::Lane;
use crate::sync::{Ordering, dekker_fence, spin_hint};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// How an insert ended.
enum End<K, V> {
    /// The value is, or for a moment was, in the cache.
    Done,
    /// The lease was void; nothing was stored.
    Void,
    /// Killed by a rival that did not come through either: start again.
    Again(K, V),
}

/// A published entry that is not live yet. Dropped early (a panic in `K::eq`), it takes the entry back out.
struct Published<'a, K, V> {
    cache: &'a Bounded<K, V>,
    local: &'a Local<K, V>,
    entry: *mut Entry<K, V>,
    lane: Lane,
    word: Word<K, V>,
}

impl<K, V> Published<'_, K, V> {
    fn entry(&self) -> &Entry<K, V> {
        // SAFETY: the owner retires it only after it is live or dead, and holds its guard until then.
        unsafe { &*self.entry }
    }

    /// Takes the dead entry out of its lane and retires it.
    fn bury(self, retired: Retired<K, V>) {
        self.cache.unlink_dead(self.lane, self.word, self.entry());
        self.local.retire(retired);
        std::mem::forget(self);
    }
}

impl<K, V> Drop for Published<'_, K, V> {
    fn drop(&mut self) {
        if self.entry().phase.decide(Phase::Cancelled) != Phase::Live {
            self.cache.unlink_dead(self.lane, self.word, self.entry());
            self.local.retire(Retired::Entry(self.entry));
        }
    }
}

impl<K: Eq + Clone, V> Bounded<K, V> {
    /// Stores a value; with a `lease` only if that is still valid (I8). False: the lease was void.
    pub(crate) fn set(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        mut key: K,
        mut value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> bool {
        if lease.is_none() {
            self.board.void(hash);
        }
        let stored = loop {
            // A key that its hint hides is found by the insert when it looks for rivals.
            // SAFETY: inside the guard that every caller of this type is in.
            let found = unsafe { self.table.find_hinted(hash, &mut |k| *k == key) };
            let end = match (found, lease) {
                (Some((lane, word, old)), None) => {
                    self.overwrite(local, (lane, word, old), key, value, deadline)
                }
                // Whoever changed the key since the lease bumped its generation before; whoever does so from now on
                // changes this very lane, and the exchange fails.
                (Some(found), Some(lease)) => {
                    if !lease.is_valid(self.clears.load(Ordering::SeqCst)) {
                        break false;
                    }
                    self.overwrite(local, found, key, value, deadline)
                }
                (None, lease) => self.insert(local, hash, key, value, deadline, tick, lease),
            };
            match end {
                End::Done => break true,
                End::Void => break false,
                End::Again(k, v) => (key, value) = (k, v),
            }
        };
        if stored {
            // A leased set is a set: of two leases on a key, the later one is void (compare-and-set rests on it).
            self.board.void(hash);
        } else {
            local.counters.voided.add(1);
        }
        stored
    }

    /// Replaces a LIVE entry in its lane; its room and its standing with the clock pass on.
    fn overwrite(
        &self,
        local: &Local<K, V>,
        (lane, word, old): (Lane, Word<K, V>, &Entry<K, V>),
        key: K,
        value: V,
        deadline: Deadline,
    ) -> End<K, V> {
        let hash = old.hash;
        let due = Due::new(deadline, self.at(0).generation());
        let entry = Entry::new(Phase::Live, hash, due, key, value);
        entry.inherit(old);
        let entry = local.allocate(entry);
        if self.table.exchange(lane, word, Word::entry(entry, hash)) {
            self.expiry.record(lane, deadline);
            self.retire(local, old);
            local.counters.overwrites.add(1);
            End::Done
        } else {
            // SAFETY: the exchange failed, so nobody has seen the entry.
            let (key, value) = unsafe { local.take_back(entry) };
            End::Again(key, value)
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one insert, passed on once"
    )]
    fn insert(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> End<K, V> {
        let mut now = self.at(tick);
        if let Some(lease) = lease {
            // Born in the lease's generation: if the cache was cleared since, it is dead at birth.
            now.clears = lease.clears;
        }
        let mut entry = Entry::new(
            Phase::Pending,
            hash,
            Due::new(deadline, now.generation()),
            key,
            value,
        );
        entry.usage = Usage::new(0, self.clock.epoch());
        let entry = local.allocate(entry);
        let word = Word::entry(entry, hash);
        let lane = self
            .table
            .claim(hash, word)
            .unwrap_or_else(|| self.force_lane(local, hash, word));
        self.table.hint(lane, hash);
        dekker_fence();
        let published = Published {
            cache: self,
            local,
            entry,
            lane,
            word,
        };
        let mut arrival = self.clock.arrive(hash);
        loop {
            let rival = self.overtake_rivals(hash, lane, &published.entry().key);
            if let Some(lease) = lease
                && !lease.is_valid(self.clears.load(Ordering::SeqCst))
            {
                published.entry().phase.decide(Phase::Cancelled);
                published.bury(Retired::Entry(entry));
                return End::Void;
            }
            let live = match rival {
                // The key's own live entry is the victim: room and key pass on in one exchange (I2).
                Some((place, word, old)) => {
                    match self.take_room(local, published.entry(), entry, place, word, old) {
                        None => continue,
                        Some(live) => {
                            self.clock.gone(old);
                            local.counters.overwrites.add(1);
                            self.retire(local, old);
                            live
                        }
                    }
                }
                None => {
                    let live = self.find_room(local, published.entry(), entry, &mut arrival, now);
                    local.counters.insertions.add(1);
                    live
                }
            };
            if live {
                std::mem::forget(published);
                // SAFETY: live and perhaps gone again, but not freed while our guard is open.
                self.clock.place(unsafe { &*entry }, lane, &arrival);
                self.expiry.record(lane, deadline);
                return End::Done;
            }
            if rival.is_none() {
                // It had no room to lose, but counts as inserted; so it counts as evicted.
                local.counters.evictions.add(1);
            }
            return self.killed(published, hash);
        }
    }

    /// Kills every other PENDING entry of the key and returns its LIVE one, if there is one (I2).
    fn overtake_rivals<'g>(
        &self,
        hash: Hash,
        own: Lane,
        key: &K,
    ) -> Option<(Lane, Word<K, V>, &'g Entry<K, V>)>
    where
        K: 'g,
        V: 'g,
    {
        let mut live = None;
        // SAFETY: inside the guard that every caller of this type is in.
        unsafe {
            self.table.scan(hash, |lane, word, entry| {
                if lane != own && entry.key == *key {
                    match entry.phase.decide(Phase::Overtaken) {
                        Phase::Live => live = Some((lane, word, entry)),
                        _ => drop(self.unlink_dead(lane, word, entry)),
                    }
                }
                true
            });
        }
        live
    }

    /// What to do about an own entry that somebody killed.
    fn killed(&self, published: Published<'_, K, V>, hash: Hash) -> End<K, V> {
        let entry = published.entry;
        if published.entry().phase.load() == Phase::Overtaken {
            let mut overwritten = false;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe {
                self.table.scan(hash, |lane, _, other| {
                    overwritten |= lane != published.lane
                        && matches!(other.phase.load(), Phase::Pending | Phase::Live)
                        && other.key == published.entry().key;
                    !overwritten
                });
            }
            if !overwritten {
                // Two inserts killed each other. The value was never visible, so it can be taken out again.
                let key = published.entry().key.clone();
                // SAFETY: the entry is dead; nobody reads the value of an entry that was never live, and the husk is
                // dropped without it.
                let value = unsafe { ManuallyDrop::take(&mut (*entry).value) };
                published.bury(Retired::Husk(entry));
                spin_hint();
                return End::Again(key, value);
            }
        }
        published.bury(Retired::Entry(entry));
        End::Done
    }
}
