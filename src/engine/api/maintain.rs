//! Taking entries out, and looking over all of them.

use super::cache::TtlCache;
use crate::engine::index::Index;
use crate::engine::index::bounded::Bounded;
use crate::engine::lease::Lease;
use crate::engine::lease::Reached;
use crate::engine::threads::current::{Current, DOMAIN, current};
use crate::engine::threads::local::Local;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash as StdHash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Removes a key; true if a live entry went. Voids loads of the key under way. O(1).
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StdHash + Eq + ?Sized,
    {
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(key);
        let tick = self.time.tick();
        let went = match &self.index {
            Index::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.invalidate(local, hash, tick, |k| k.borrow() == key)
            }
            Index::Unbounded(map) => map.invalidate(&current, local, hash, key, tick),
            Index::Nothing(_) => {
                self.board.void(hash);
                false
            }
        };
        self.collect(&current, local);
        went
    }

    /// Removes the key if the lease holds.
    pub(super) fn invalidate_leased(&self, key: &K, lease: &Lease) -> bool {
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(key);
        if !lease.is_of(&self.board) || !self.board.covers(lease, hash) {
            return false;
        }
        let Some(_claim) = lease.claim(self.clears()) else {
            return false;
        };
        let tick = self.time.tick();
        let held = match &self.index {
            Index::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.remove_leased(local, hash, tick, lease, |k| k == key)
            }
            Index::Unbounded(map) => map.remove_leased(&current, local, key, tick, lease),
            Index::Nothing(_) => lease.is_valid(0),
        };
        self.collect(&current, local);
        held
    }

    /// Removes every live entry whose key matches and voids all loads under way; returns how many went. O(capacity).
    ///
    /// An entry that is set meanwhile may stay. `matches` may call the cache.
    pub fn invalidate_matching(&self, matches: impl FnMut(&K) -> bool) -> usize {
        self.invalidate_reached(Reached::Everything, matches)
    }

    /// The same for keys of which it is known what they belong to; voids only the loads that are reached.
    pub(crate) fn invalidate_reached(
        &self,
        reached: Reached,
        mut matches: impl FnMut(&K) -> bool,
    ) -> usize {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let count = match &self.index {
            Index::Bounded(_, bounded) => {
                bounded.void_reached(reached);
                let mut count = 0;
                for group in 0..bounded.groups() {
                    // A guard a group, so that a long walk holds nothing back.
                    let guard = current.participant().enter();
                    count += bounded.invalidate_matching(local, group, tick, &mut matches);
                    drop(guard);
                    self.collect(&current, local);
                }
                bounded.void_reached(reached);
                count
            }
            Index::Unbounded(map) => {
                map.invalidate_matching(&current, local, tick, reached, matches)
            }
            Index::Nothing(_) => {
                self.board.void_reached(reached);
                0
            }
        };
        self.collect(&current, local);
        count
    }

    /// Ends every entry at once, and voids all loads under way. O(1) (but for one sweep in 16,384 clears): `len` is 0
    /// when it returns. The values are dropped by later writes of any kind, a few at each, or by [`sweep`](Self::sweep), all at once.
    /// On an unbounded cache O(n).
    pub fn clear(&self) {
        let current = current();
        let local = self.local(&current);
        match &self.index {
            Index::Bounded(_, bounded) => self.clear_bounded(&current, local, bounded),
            Index::Unbounded(map) => map.clear(&current, local),
            Index::Nothing(_) => self.board.void_all(),
        }
        self.collect(&current, local);
    }

    fn clear_bounded(&self, current: &Current, local: &Local<K, V>, bounded: &Bounded<K, V>) {
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
                    let freed = catch_unwind(AssertUnwindSafe(|| self.collect(current, local)));
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

    pub(super) fn clears(&self) -> u64 {
        match &self.index {
            Index::Bounded(_, bounded) => bounded.clears(),
            Index::Unbounded(map) => map.clears(),
            Index::Nothing(_) => 0,
        }
    }

    /// Live entries. O(capacity); exact while nobody writes.
    #[must_use]
    pub fn len(&self) -> usize {
        let current = current();
        match &self.index {
            Index::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.len(bounded.at(self.time.tick()))
            }
            Index::Unbounded(map) => map.len(&current, self.local(&current), self.time.tick()),
            Index::Nothing(_) => 0,
        }
    }

    /// Whether there is no live entry. O(1) while there are many, O(capacity) at worst.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let current = current();
        match &self.index {
            Index::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.is_empty(bounded.at(self.time.tick()))
            }
            Index::Unbounded(map) => map.len(&current, self.local(&current), self.time.tick()) == 0,
            Index::Nothing(_) => true,
        }
    }

    /// Entries that hold a permit, expired ones that have not been reclaimed yet included. O(1), and at every instant
    /// `len() <= resident() <= max_size()`.
    #[must_use]
    pub fn resident(&self) -> usize {
        let current = current();
        match &self.index {
            Index::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.resident()
            }
            Index::Unbounded(map) => map.resident(),
            Index::Nothing(_) => 0,
        }
    }

    /// Reclaims expired and cleared entries now; returns how many went. Values that were removed before, by whichever thread,
    /// are dropped as well, all but those that a reader inside a view or a call may still hold. O(capacity + threads). For
    /// caches that nobody writes to: writers do the same, a little at a time.
    pub fn sweep(&self) -> usize {
        let current = current();
        let local = self.local(&current);
        self.time.correct();
        let tick = self.time.tick();
        let count = match &self.index {
            Index::Bounded(_, bounded) => (0..bounded.groups())
                .map(|group| {
                    // A guard a group, so that a long sweep holds nothing back.
                    let guard = current.participant().enter();
                    let count = bounded.sweep_group(local, group, tick);
                    drop(guard);
                    self.collect(&current, local);
                    count
                })
                .sum(),
            Index::Unbounded(map) => map.sweep(&current, local, tick),
            Index::Nothing(_) => 0,
        };
        self.locals
            .collect_all(&DOMAIN, current.participant(), local);
        count
    }

    /// Frees what is due, at the end of an operation and outside its guard.
    #[inline(always)]
    pub(super) fn collect(&self, current: &Current, local: &Local<K, V>) {
        if local.is_due() {
            self.locals.collect(&DOMAIN, current.participant(), local);
        }
    }
}
