//! `set`: overwrite in place, or publish, look for rivals, find a room, go live.

use super::remove::CLEARS_PER_SWEEP;
use super::{Bounded, Instant};
use crate::engine::clock::{Clock, LEASED};
use crate::engine::entry::{Due, Entry, Hash, Phase, Usage};
use crate::engine::lease::Lease;
use crate::engine::local::{Local, Retired};
use crate::engine::table::{Found, Lane};
use crate::engine::word::Word;
use crate::sync::{Ordering, advice, dekker_fence, spin_hint};
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
    fn bury(self, end: End<K, V>) -> End<K, V> {
        self.cache.unlink_dead(self.lane, self.word, self.entry());
        self.local.retire(Retired::Entry(self.entry));
        std::mem::forget(self);
        end
    }

    /// The same, to start again with its value, which was never visible.
    fn take_back(self) -> End<K, V>
    where
        K: Clone,
    {
        // Others may still compare the key, so that is copied; a panic there drops the entry as a whole.
        let key = self.entry().key.clone();
        // SAFETY: the entry is dead; nobody reads the value of an entry that was never live, and the husk is dropped
        // without it.
        let value = unsafe { ManuallyDrop::into_inner((&raw const (*self.entry).value).read()) };
        self.cache.unlink_dead(self.lane, self.word, self.entry());
        self.local.retire(Retired::Husk(self.entry));
        std::mem::forget(self);
        End::Again(key, value)
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
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    #[inline(always)]
    pub(crate) fn set(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> bool {
        match lease {
            None => {
                self.set_now(local, hash, key, value, deadline, tick);
                true
            }
            Some(lease) => self.set_leased(local, hash, key, value, deadline, tick, lease),
        }
    }

    fn set_now(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
    ) {
        self.clock.prefetch(hash);
        self.board.void(hash);
        // A key that its hint hides is found by the insert when it looks for rivals.
        // SAFETY: inside the guard that every caller of this type is in.
        let end = match unsafe { self.table.find_hinted(hash, |k| *k == key) } {
            Some(found) => self.overwrite_here(local, found, key, value, deadline, self.at(tick)),
            None => self.insert(local, hash, key, value, deadline, tick, None),
        };
        if let End::Again(key, value) = end {
            self.set_at_last(local, hash, key, value, deadline, tick);
        }
        self.board.void(hash);
    }

    /// [`set_now`](Self::set_now) after a lost race, or for a key that its hint hides: now every lane is looked at.
    #[cold]
    fn set_at_last(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        mut key: K,
        mut value: V,
        deadline: Deadline,
        tick: u64,
    ) {
        loop {
            // SAFETY: inside the guard that every caller of this type is in.
            let end = match unsafe { self.table.find(hash, |k| *k == key) } {
                Some(found) => self.overwrite(local, found, key, value, deadline, self.at(tick)),
                None => self.insert_rarely(local, hash, key, value, deadline, tick, None),
            };
            match end {
                End::Done | End::Void => return,
                End::Again(k, v) => (key, value) = (k, v),
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    #[inline(never)]
    fn set_leased(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        mut key: K,
        mut value: V,
        deadline: Deadline,
        tick: u64,
        lease: &Lease,
    ) -> bool {
        let stored = loop {
            // SAFETY: inside the guard that every caller of this type is in.
            let end = match unsafe { self.table.find(hash, |k| *k == key) } {
                // Whoever changed the key since the lease bumped its generation before; whoever does so from now on
                // changes this very lane, and the exchange fails.
                Some(found) => {
                    if !lease.is_valid(self.clears.load(Ordering::SeqCst)) {
                        break false;
                    }
                    // In the lease's generation: cleared since, it is dead at birth.
                    let clears = if cfg!(tux_fault = "lease-born-late") {
                        self.at(0).clears
                    } else {
                        lease.clears
                    };
                    let then = Instant { tick, clears };
                    self.overwrite(local, found, key, value, deadline, then)
                }
                None => self.insert_rarely(local, hash, key, value, deadline, tick, Some(lease)),
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

    /// [`insert`](Self::insert) where speed matters less than the size of the code.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one insert, passed on once"
    )]
    #[inline(never)]
    fn insert_rarely(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> End<K, V> {
        self.insert(local, hash, key, value, deadline, tick, lease)
    }

    /// [`overwrite_here`](Self::overwrite_here) where speed matters less than the size of the code.
    #[inline(never)]
    fn overwrite(
        &self,
        local: &Local<K, V>,
        found: Found<'_, K, V>,
        key: K,
        value: V,
        deadline: Deadline,
        now: Instant,
    ) -> End<K, V> {
        self.overwrite_here(local, found, key, value, deadline, now)
    }

    /// Replaces a LIVE entry in its lane; its room and its standing with the clock pass on.
    #[inline(always)]
    fn overwrite_here(
        &self,
        local: &Local<K, V>,
        (lane, word, old): Found<'_, K, V>,
        key: K,
        value: V,
        deadline: Deadline,
        now: Instant,
    ) -> End<K, V> {
        let hash = old.hash;
        let due = Due::new(deadline, now.generation());
        let entry = Entry::new(Phase::Live, hash, due, key, value);
        entry.inherit(old);
        let in_m = Clock::is_in_m(&entry);
        let entry = local.allocate(entry);
        let own = Word::entry(entry, hash);
        if self.table.exchange(lane, word, own) {
            self.expiry.record(lane, due.deadline());
            // SAFETY: live and perhaps gone again, but not freed while our guard is open.
            self.clock.overwritten(old, unsafe { &*entry }, in_m);
            if cfg!(tux_fault = "passed-forgotten") {
                self.table.departed(hash, lane);
            }
            self.retire(local, old);
            local.counters.overwrites.add(1);
            self.end_if_cleared(local, lane, own, entry, now);
            End::Done
        } else {
            if cfg!(tux_fault = "overwrite-retires-always") {
                self.retire(local, old);
            }
            // SAFETY: the exchange failed, so nobody has seen the entry.
            let (key, value) = unsafe { local.take_back(entry) };
            End::Again(key, value)
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one insert, passed on once"
    )]
    #[inline(always)]
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
        if lease.is_some() {
            entry.queue = advice::AtomicU8::new(LEASED);
        }
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
        let clears = self.clears.load(Ordering::SeqCst);
        if clears.wrapping_sub(now.clears) >= CLEARS_PER_SWEEP {
            // Stopped for so many clears that its generation may come round again: begin anew.
            published.entry().phase.decide(Phase::Cancelled);
            return match lease {
                Some(_) => published.bury(End::Void),
                None => published.take_back(),
            };
        }
        if let Some((lane, ..)) = self.overtake_rivals(hash, lane, &published.entry().key) {
            // The key lives already, and is overwritten in place: a look-up must never miss it meanwhile.
            self.table.hint(lane, hash);
            published.entry().phase.decide(Phase::Cancelled);
            return published.take_back();
        }
        let is_void =
            lease.is_some_and(|lease| !lease.is_valid(self.clears.load(Ordering::SeqCst)));
        if is_void && !cfg!(tux_fault = "lease-no-recheck") {
            published.entry().phase.decide(Phase::Cancelled);
            return published.bury(End::Void);
        }
        if cfg!(tux_fault = "expiry-record-early") {
            self.expiry.record(lane, deadline);
        }
        local.counters.insertions.add(1);
        let mut arrival = self.clock.arrive(hash);
        if self.find_room(local, published.entry(), entry, &mut arrival, now) {
            std::mem::forget(published);
            // SAFETY: live and perhaps gone again, but not freed while our guard is open.
            self.clock.place(unsafe { &*entry }, lane, &arrival);
            if !cfg!(tux_fault = "expiry-record-early") {
                self.expiry.record(lane, deadline);
            }
            self.end_if_cleared(local, lane, word, entry, now);
            return End::Done;
        }
        // It never had a room, or lost it, but it counts as inserted; so it counts as evicted.
        local.counters.evictions.add(1);
        self.killed(published, hash)
    }

    /// Takes an entry out again that was born at `then`, before the last clear. That clear's sweep may have come by before
    /// the entry lived: then nobody else would, before the hand does (I5, I6).
    #[inline(always)]
    fn end_if_cleared(
        &self,
        local: &Local<K, V>,
        lane: Lane,
        word: Word<K, V>,
        entry: *mut Entry<K, V>,
        then: Instant,
    ) {
        // SeqCst: a sweep looks at the lanes after the clear was counted. Either it saw the entry live, or this sees the
        // clear.
        dekker_fence();
        if self.clears.load(Ordering::SeqCst) != then.clears {
            self.end_cleared(local, lane, word, entry);
        }
    }

    #[cold]
    fn end_cleared(
        &self,
        local: &Local<K, V>,
        lane: Lane,
        word: Word<K, V>,
        entry: *mut Entry<K, V>,
    ) {
        // SAFETY: it lived, and while our guard is open it is not freed.
        let entry = unsafe { &*entry };
        if self.remove(local, lane, word, entry) {
            self.count_dead(local, entry);
        }
    }

    /// Kills every other PENDING entry of the key and returns its LIVE one, if there is one (I2).
    #[inline(always)]
    pub(super) fn overtake_rivals<'g>(
        &self,
        hash: Hash,
        own: Lane,
        key: &K,
    ) -> Option<Found<'g, K, V>>
    where
        K: 'g,
        V: 'g,
    {
        if cfg!(tux_fault = "insert-no-rivals") || self.table.is_alone(hash, own) {
            return None;
        }
        self.overtake(hash, own, key)
    }

    #[inline(never)]
    fn overtake<'g>(&self, hash: Hash, own: Lane, key: &K) -> Option<Found<'g, K, V>>
    where
        K: 'g,
        V: 'g,
    {
        let mut live = None;
        // SAFETY: inside the guard that every caller of this type is in.
        unsafe {
            self.table.scan(hash, |lane, word, entry| {
                let spared = cfg!(tux_fault = "insert-spares-pending")
                    && entry.phase.load() == Phase::Pending;
                if lane != own && entry.key == *key && !spared {
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
    #[cold]
    fn killed(&self, published: Published<'_, K, V>, hash: Hash) -> End<K, V> {
        if published.entry().phase.load() == Phase::Overtaken {
            let mut overwritten = false;
            // SAFETY: inside the guard that every caller of this type is in.
            unsafe {
                self.table.scan(hash, |lane, _, other| {
                    overwritten |= lane != published.lane
                        && match other.phase.load() {
                            Phase::Live => true,
                            // A leased one may yet turn out void.
                            Phase::Pending => {
                                other.queue.load(Ordering::Relaxed) & LEASED == 0
                                    || cfg!(tux_fault = "lease-outranks-set")
                            }
                            _ => false,
                        }
                        && other.key == published.entry().key;
                    !overwritten
                });
            }
            if !overwritten {
                // Two inserts killed each other.
                spin_hint();
                return published.take_back();
            }
        }
        published.bury(End::Done)
    }
}
