//! A new entry: publish, look for rivals, find a permit, go live.

use super::Bounded;
use super::admit::Insertion;
use super::remove::CLEARS_PER_SWEEP;
use crate::engine::entry::{Entry, Hash, Newcomer, Phase, PolicyMeta};
use crate::engine::policy::Instant;
use crate::engine::policy::{Choice, LEASED};
use crate::engine::reclaim::bag::Retired;
use crate::engine::table::word::Word;
use crate::engine::table::{Home, Slot};
use crate::engine::threads::local::Local;
use crate::lease::Lease;
use crate::sync::{dekker_fence, spin_hint};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// How an insert ended.
pub(super) enum End<K, V> {
    /// The value is, or for a moment was, in the cache.
    Done,
    /// The lease was void; nothing was stored.
    Void,
    /// Killed by a rival: start again.
    Again(K, V),
}

/// On what an insert depends.
#[derive(Clone, Copy)]
pub(super) enum InsertCondition<'l> {
    /// Nothing: a `set`.
    Always,
    /// That the key is absent when the entry goes live: what counts is that this one did.
    Absent,
    /// That the lease is valid.
    Lease(&'l Lease),
}

impl<'l> InsertCondition<'l> {
    #[inline(always)]
    fn lease(self) -> Option<&'l Lease> {
        match self {
            Self::Lease(lease) => Some(lease),
            Self::Always | Self::Absent => None,
        }
    }
}

/// A published entry that is not live yet. Dropped early (a panic in `K::eq`), it takes the entry back out.
struct Published<'a, K, V> {
    cache: &'a Bounded<K, V>,
    local: &'a Local<K, V>,
    entry: *mut Entry<K, V>,
    slot: Slot,
    word: Word<K, V>,
}

impl<K, V> Published<'_, K, V> {
    fn entry(&self) -> &Entry<K, V> {
        // SAFETY: the owner retires it only after it is live or dead, and holds its guard until then.
        unsafe { &*self.entry }
    }

    /// Takes the dead entry out of its slot and retires it.
    fn bury(self, end: End<K, V>) -> End<K, V> {
        self.cache.unlink_dead(self.slot, self.word, self.entry());
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
        self.cache.unlink_dead(self.slot, self.word, self.entry());
        self.local.retire(Retired::KeyOnly(self.entry));
        std::mem::forget(self);
        End::Again(key, value)
    }
}

impl<K, V> Drop for Published<'_, K, V> {
    fn drop(&mut self) {
        if self.entry().phase.decide(Phase::Cancelled) != Phase::Live {
            self.cache.unlink_dead(self.slot, self.word, self.entry());
            self.local.retire(Retired::Entry(self.entry));
        }
    }
}

/// The victim in the thread's hands. Dropped early (a panic in `K::eq`), it gives it back to the clock (Q1).
struct Chosen<'a, K, V> {
    cache: &'a Bounded<K, V>,
    local: &'a Local<K, V>,
    choice: Choice<K, V>,
}

impl<K, V> Drop for Chosen<'_, K, V> {
    fn drop(&mut self) {
        let Self {
            cache,
            local,
            choice,
        } = self;
        cache.policy.put_back(&cache.table, *choice, &local.policy);
    }
}

impl<K: Eq + Clone, V> Bounded<K, V> {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one insert, passed on once"
    )]
    #[inline(always)]
    pub(super) fn insert(
        &self,
        local: &Local<K, V>,
        home: Home<'_, K, V>,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        condition: InsertCondition<'_>,
    ) -> End<K, V> {
        let hash = home.hash();
        let lease = condition.lease();
        self.policy.prefetch(hash);
        self.expiry.prefetch(home.at());
        let mut now = self.at(tick);
        if let Some(lease) = lease {
            // Born in the lease's generation: if the cache was cleared since, it is dead at birth.
            now.era = now.era.after(lease.clears);
        }
        let lifetime = now.lifetime(deadline);
        let queue = if lease.is_some() { LEASED } else { 0 };
        let meta = PolicyMeta::new(queue, now.era.epoch());
        // Before the first exchange, which waits for the home bucket: this can be done meanwhile. What nothing waits for is done behind
        // it: there it takes the place of waiting, here it would keep the exchange from beginning.
        let mut arrival = self.policy.arrive(hash, &local.policy);
        let (mut choice, gone) = self.foresee(local, &mut arrival, now);
        let (entry, cold) =
            local.allocate_both(|| Newcomer::new(Phase::Pending, hash, lifetime, meta, key, value));
        let word = Word::entry(entry, hash);
        // SAFETY: retired by this thread only, once it is live or dead, and not freed while our guard is open.
        let (newcomer, cold) = unsafe { (&*entry, &*cold) };
        let slot = self
            .table
            .claim(home, word)
            .unwrap_or_else(|| self.force_slot(local, hash, word));
        dekker_fence();
        self.prepare(local, &choice, gone);
        // Made only where it may be needed.
        let published = || Published {
            cache: self,
            local,
            entry,
            slot,
            word,
        };
        let clears = self.clears();
        if clears.wrapping_sub(now.era.clears()) >= CLEARS_PER_SWEEP {
            // Stopped for so many clears that its generation may come round again: begin anew.
            self.policy.put_back(&self.table, choice, &local.policy);
            let published = published();
            published.entry().phase.decide(Phase::Cancelled);
            return match lease {
                Some(_) => published.bury(End::Void),
                None => published.take_back(),
            };
        }
        // If the one is a rival's, since somebody has taken the own entry out already, then that is dead and stays so.
        if !cfg!(tux_fault = "insert-no-rivals") && !self.table.is_alone(home) {
            if let Some(published) = self.overtake_or_yield(hash, published(), choice) {
                self.policy.put_back(&self.table, choice, &local.policy);
                return published.take_back();
            }
            // Keys were compared, which may have taken a while, and may have called the cache: perhaps there is room now.
            if !self.capacity.is_full() {
                self.policy.put_back(&self.table, choice, &local.policy);
                choice = Choice::NOBODY;
            }
        }
        // Behind the look at rivals: whoever was live of an older generation may have been swept before it, so that this one would
        // win without having lived. If none was cleared until here, nobody lived, and nobody can before this one does.
        if matches!(condition, InsertCondition::Absent)
            && self.clears() != now.era.clears()
            && !cfg!(tux_fault = "absent-dead-at-birth")
        {
            self.policy.put_back(&self.table, choice, &local.policy);
            let published = published();
            published.entry().phase.decide(Phase::Cancelled);
            return published.take_back();
        }
        let is_void = lease.is_some_and(|lease| !lease.is_valid(self.clears()));
        if is_void && !cfg!(tux_fault = "lease-no-recheck") {
            self.policy.put_back(&self.table, choice, &local.policy);
            let published = published();
            published.entry().phase.decide(Phase::Cancelled);
            return published.bury(End::Void);
        }
        if cfg!(tux_fault = "expiry-record-early") {
            self.expiry.record(slot, deadline);
        }
        local.counters.insertions.add(1);
        // A victim's permit is mostly held by the thread: then the newcomer's place in small is filled before it lives, which
        // takes the fence that Q3 asks for from the exchange by which it lives.
        let mut waits = None;
        if choice.is_somebody() && local.may_hold_permit && self.policy.will_wait(&arrival) {
            waits = self.policy.wait_ahead(newcomer, cold, slot, &local.policy);
        }
        let insertion = Insertion {
            local,
            newcomer,
            now,
        };
        if self.find_permit(insertion, &mut arrival, choice, gone) {
            match waits {
                Some(position) if self.policy.is_waiting(position) => {}
                Some(_) => self.policy.see_to(&self.table, slot, &local.policy),
                None => {
                    let found = (slot, word, newcomer);
                    self.policy
                        .place(&self.table, found, &arrival, &local.policy);
                }
            }
            if !cfg!(tux_fault = "expiry-record-early") {
                self.expiry.record(slot, deadline);
            }
            self.end_if_cleared(local, slot, word, entry, now);
            return End::Done;
        }
        // It never had a permit, or lost it, but it counts as inserted; so it counts as evicted.
        local.counters.evictions.add(1);
        self.killed(published(), condition)
    }

    /// Takes an entry out again that was born at `then`, before the last clear. That clear's sweep may have come by before
    /// the entry lived: then nobody else would, before the hand does (I5, I6).
    #[inline(always)]
    pub(super) fn end_if_cleared(
        &self,
        local: &Local<K, V>,
        slot: Slot,
        word: Word<K, V>,
        entry: *mut Entry<K, V>,
        then: Instant,
    ) {
        // SeqCst: a sweep looks at the slots after the clear was counted. Either it saw the entry live, or this sees the
        // clear.
        dekker_fence();
        if self.clears() != then.era.clears() {
            self.end_cleared(local, slot, word, entry);
        }
    }

    #[cold]
    fn end_cleared(
        &self,
        local: &Local<K, V>,
        slot: Slot,
        word: Word<K, V>,
        entry: *mut Entry<K, V>,
    ) {
        // SAFETY: it lived, and while our guard is open it is not freed.
        let entry = unsafe { &*entry };
        if self.remove(local, slot, word, entry) {
            self.count_dead(local, entry);
        }
    }

    /// Kills every other PENDING entry of the key; if it has a LIVE one, the own one, and returns it (I2).
    #[inline(never)]
    fn overtake_or_yield<'a>(
        &self,
        hash: Hash,
        published: Published<'a, K, V>,
        choice: Choice<K, V>,
    ) -> Option<Published<'a, K, V>> {
        let chosen = Chosen {
            cache: self,
            local: published.local,
            choice,
        };
        let rival = self.overtake(hash, published.slot, &published.entry().key);
        std::mem::forget(chosen);
        let Some(slot) = rival else {
            std::mem::forget(published);
            return None;
        };
        // The key lives already, and is overwritten in place: a look-up must never miss it meanwhile.
        self.table.hint(slot, hash);
        published.entry().phase.decide(Phase::Cancelled);
        Some(published)
    }

    /// Kills every other PENDING entry of the key and returns the slot of its LIVE one, if there is one.
    pub(super) fn overtake(&self, hash: Hash, own: Slot, key: &K) -> Option<Slot> {
        let mut live = None;
        // SAFETY: inside the guard that every caller of this type is in.
        unsafe {
            self.table.scan(hash, |slot, word, entry| {
                let spared = cfg!(tux_fault = "insert-spares-pending")
                    && entry.phase.load() == Phase::Pending;
                if slot != own && entry.key == *key && !spared {
                    match entry.phase.decide(Phase::Overtaken) {
                        Phase::Live => live = Some(slot),
                        _ => drop(self.unlink_dead(slot, word, entry)),
                    }
                }
                true
            });
        }
        live
    }

    /// What to do about an own entry that somebody killed: a rival, or an invalidation.
    #[cold]
    fn killed(&self, published: Published<'_, K, V>, condition: InsertCondition<'_>) -> End<K, V> {
        let overtaken = published.entry().phase.load() == Phase::Overtaken;
        match condition {
            InsertCondition::Always if cfg!(tux_fault = "insert-killed-is-done") => {
                published.bury(End::Done)
            }
            InsertCondition::Absent if cfg!(tux_fault = "absent-killed-is-done") => {
                published.bury(End::Done)
            }
            // Set, and invalidated at once.
            InsertCondition::Always if !overtaken => published.bury(End::Done),
            InsertCondition::Lease(_) if !overtaken => published.bury(End::Void),
            // Not counted as overwritten by the rival: that may not come through either, or may have come on the condition that
            // there was nothing.
            _ => {
                spin_hint();
                published.take_back()
            }
        }
    }
}
