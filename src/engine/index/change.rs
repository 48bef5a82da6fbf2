//! What changes a cache, of each kind.

use super::Index;
use super::bounded::Bounded;
use crate::engine::entry::Hash;
use crate::engine::threads::current::Current;
use crate::engine::threads::local::Local;
use crate::lease::{Claim, Lease, Reached};
use crate::time::Deadline;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// An entry on its way into a cache.
pub(in crate::engine) struct Write<K, V> {
    pub(in crate::engine) hash: Hash,
    pub(in crate::engine) key: K,
    pub(in crate::engine) value: V,
    pub(in crate::engine) deadline: Deadline,
    pub(in crate::engine) tick: u64,
}

impl<K, V, S> Index<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Stores a value, with a lease if that holds; whether it did.
    #[inline(always)]
    pub(in crate::engine) fn set(
        &self,
        current: &Current,
        local: &Local<K, V>,
        write: Write<K, V>,
        lease: Option<&Lease>,
    ) -> bool {
        let Write {
            hash,
            key,
            value,
            deadline,
            tick,
        } = write;
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                let Some(_claim) = self.claim(local, lease) else {
                    return false;
                };
                bounded.set(local, hash, key, value, deadline, tick, lease)
            }
            Self::Unbounded(map) => {
                let Some(_claim) = self.claim(local, lease) else {
                    return false;
                };
                map.set(current, local, hash, key, value, deadline, tick, lease)
            }
            Self::Nothing(_, leases) => {
                // Nothing is kept, but loads under way are overtaken all the same: nobody may join them any more.
                let claim = self.claim(local, lease);
                if claim.is_some() {
                    leases.void(hash.bits());
                }
                claim.is_some()
            }
        }
    }

    /// The right to publish by this lease, if there is one; `None` if it is void. To be claimed inside the guard in which the change takes
    /// effect (V3).
    fn claim<'l>(
        &self,
        local: &Local<K, V>,
        lease: Option<&'l Lease>,
    ) -> Option<Option<Claim<'l>>> {
        let claimed = lease.map_or(Some(None), |lease| lease.claim(self.clears()).map(Some));
        if claimed.is_none() {
            local.counters.voided.add(1);
        }
        claimed
    }

    /// Removes a key; whether a current entry went.
    #[inline(always)]
    pub(in crate::engine) fn invalidate<Q>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &Q,
        tick: u64,
    ) -> bool
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.invalidate(local, hash, tick, |k| key.equivalent(k))
            }
            Self::Unbounded(map) => map.invalidate(current, local, hash, key, tick),
            Self::Nothing(_, leases) => {
                leases.void(hash.bits());
                false
            }
        }
    }

    /// Removes a key if the lease holds; whether it did.
    pub(in crate::engine) fn remove_leased(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &K,
        tick: u64,
        lease: &Lease,
    ) -> bool {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                let Some(_claim) = lease.claim(self.clears()) else {
                    return false;
                };
                bounded.remove_leased(local, hash, tick, lease, |k| k == key)
            }
            Self::Unbounded(map) => {
                let Some(_claim) = lease.claim(self.clears()) else {
                    return false;
                };
                map.remove_leased(current, local, key, tick, lease)
            }
            Self::Nothing(..) => lease.claim(0).is_some(),
        }
    }

    /// Removes what matches, and voids the leases that are reached; how many went. `between` is called outside guards.
    pub(in crate::engine) fn invalidate_matching(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        reached: Reached,
        mut matches: impl FnMut(&K) -> bool,
        between: impl Fn(),
    ) -> usize {
        match self {
            Self::Bounded(_, bounded) => {
                bounded.void_reached(reached);
                let mut count = 0;
                for group in 0..bounded.groups() {
                    // A guard a group, so that a long walk holds nothing back.
                    let guard = current.participant().enter();
                    count += bounded.invalidate_matching(local, group, tick, &mut matches);
                    drop(guard);
                    between();
                }
                bounded.void_reached(reached);
                count
            }
            Self::Unbounded(map) => map.invalidate_matching(current, local, tick, reached, matches),
            Self::Nothing(_, leases) => {
                leases.void_reached(reached);
                0
            }
        }
    }

    /// Ends every entry. `between` is called outside guards; if it panics, the rest is done all the same.
    pub(in crate::engine) fn clear(
        &self,
        current: &Current,
        local: &Local<K, V>,
        between: impl Fn(),
    ) {
        match self {
            Self::Bounded(_, bounded) => Self::clear_bounded(bounded, current, local, between),
            Self::Unbounded(map) => map.clear(current, local),
            Self::Nothing(_, leases) => leases.void_all(),
        }
    }

    fn clear_bounded(
        bounded: &Bounded<K, V>,
        current: &Current,
        local: &Local<K, V>,
        between: impl Fn(),
    ) {
        let mut panicked = None;
        loop {
            let guard = current.participant().enter();
            let now = bounded.at(0);
            drop(guard);
            if Bounded::<K, V>::is_last_of_its_round(now) {
                for group in 0..bounded.groups() {
                    // A guard a group, so that what goes is freed on the way. A panic of a drop does not keep the rest in.
                    let guard = current.participant().enter();
                    bounded.end_generations(local, group);
                    drop(guard);
                    let freed = catch_unwind(AssertUnwindSafe(&between));
                    panicked = panicked.or(freed.err());
                }
            }
            let guard = current.participant().enter();
            let is_done = bounded.clear_at(now);
            drop(guard);
            if is_done {
                break;
            }
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// Takes out what has expired or was cleared; how much. `between` is called outside guards.
    pub(in crate::engine) fn sweep(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        between: impl Fn(),
    ) -> usize {
        match self {
            Self::Bounded(_, bounded) => (0..bounded.groups())
                .map(|group| {
                    // A guard a group, so that a long sweep holds nothing back.
                    let guard = current.participant().enter();
                    let count = bounded.sweep_group(local, group, tick);
                    drop(guard);
                    between();
                    count
                })
                .sum(),
            Self::Unbounded(map) => map.sweep(current, local, tick),
            Self::Nothing(..) => 0,
        }
    }
}
