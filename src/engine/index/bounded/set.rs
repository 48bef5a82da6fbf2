//! `set`: overwrite in place, or insert.

use super::Bounded;
use super::insert::{End, InsertCondition};
use crate::engine::entry::{Hash, Newcomer, Phase, PolicyMeta};
use crate::engine::policy::Instant;
use crate::engine::table::word::Word;
use crate::engine::table::{Found, Home};
use crate::engine::threads::local::Local;
use crate::lease::Lease;
use crate::time::Deadline;

impl<K: Eq + Clone, V> Bounded<K, V> {
    /// Stores a value; with a `lease` only if that is still valid (I8). False: the lease was void.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
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
                self.set_now(local, self.home_of(hash), key, value, deadline, tick);
                true
            }
            Some(lease) => self.set_leased(local, hash, key, value, deadline, tick, lease),
        }
    }

    /// Where [`set_now`](Self::set_now) begins; asks the processor for it, so the sooner the better.
    #[inline(always)]
    pub(crate) fn home_of(&self, hash: Hash) -> Home<'_, K, V> {
        let home = self.table.home_of(hash);
        home.prefetch();
        home
    }

    /// Stores a value.
    #[inline(always)]
    pub(crate) fn set_now(
        &self,
        local: &Local<K, V>,
        home: Home<'_, K, V>,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
    ) {
        let hash = home.hash();
        self.leases.void(hash.bits());
        // A key that its hint hides is found by the insert when it looks for rivals.
        // SAFETY: inside the guard that every caller of this type is in.
        let end = match unsafe { self.table.find_at_home(home, |k| *k == key) } {
            Some(found) => self.overwrite(local, found, hash, key, value, deadline, self.at(tick)),
            None if self.table.displaces(home) && self.table.may_be_behind(home) => {
                End::Again(key, value)
            }
            None => self.insert(
                local,
                home,
                key,
                value,
                deadline,
                tick,
                InsertCondition::Always,
            ),
        };
        if let End::Again(key, value) = end {
            self.set_cold(local, hash, key, value, deadline, tick);
        }
        self.leases.void(hash.bits());
    }

    /// The rest of [`set_now`](Self::set_now): for a key that may stand behind its home bucket, or that its hint hides, and
    /// after a lost race.
    #[inline(never)]
    fn set_cold(
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
                Some(found) => {
                    self.overwrite_cold(local, found, hash, key, value, deadline, self.at(tick))
                }
                None => self.insert_cold(
                    local,
                    hash,
                    key,
                    value,
                    deadline,
                    tick,
                    InsertCondition::Always,
                ),
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
                // changes this very slot, and the exchange fails.
                Some(found) => {
                    if !lease.is_valid(self.clears()) {
                        break false;
                    }
                    // In the lease's generation: cleared since, it is dead at birth.
                    let mut then = self.at(tick);
                    if !cfg!(tux_fault = "lease-born-late") {
                        then.era = then.era.after(lease.clears);
                    }
                    self.overwrite_cold(local, found, hash, key, value, deadline, then)
                }
                None => {
                    let condition = InsertCondition::Lease(lease);
                    self.insert_cold(local, hash, key, value, deadline, tick, condition)
                }
            };
            match end {
                End::Done => break true,
                End::Void => break false,
                End::Again(k, v) => (key, value) = (k, v),
            }
        };
        if stored {
            // A leased set is a set: of two leases on a key, the later one is void (compare-and-set rests on it).
            self.leases.void(hash.bits());
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
    pub(super) fn insert_cold(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        condition: InsertCondition<'_>,
    ) -> End<K, V> {
        let home = self.table.home_of(hash);
        self.insert(local, home, key, value, deadline, tick, condition)
    }

    /// [`overwrite`](Self::overwrite) where speed matters less than the size of the code.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    #[inline(never)]
    pub(super) fn overwrite_cold(
        &self,
        local: &Local<K, V>,
        found: Found<'_, K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        now: Instant,
    ) -> End<K, V> {
        self.overwrite(local, found, hash, key, value, deadline, now)
    }

    /// Replaces a LIVE entry of this hash in its slot; its permit and its standing with the clock pass on.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    #[inline(always)]
    fn overwrite(
        &self,
        local: &Local<K, V>,
        (slot, word, old): Found<'_, K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        now: Instant,
    ) -> End<K, V> {
        let lifetime = now.lifetime(deadline);
        let meta = PolicyMeta::of(old);
        let queue = meta.queue();
        let entry = local.allocate(|| Newcomer::new(Phase::Live, hash, lifetime, meta, key, value));
        let own = Word::entry(entry, hash);
        if self.table.exchange(slot, word, own) {
            self.expiry.record(slot, deadline);
            self.policy
                .overwritten(&self.table, old, queue, slot, &local.policy);
            if cfg!(tux_fault = "displacements-forgotten") {
                self.table.departed(hash, slot);
            }
            self.retire(local, old);
            local.counters.overwrites.add(1);
            self.end_if_cleared(local, slot, own, entry, now);
            self.go_on(local, now);
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
}
