//! Taking entries out, and looking over all of them.

use super::cache::TtlCache;
use crate::engine::threads::current::{Current, DOMAIN, current};
use crate::engine::threads::local::Local;
use crate::lease::Lease;
use crate::lease::Reached;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Removes a key; true if a live entry went. Voids loads of the key under way. O(1).
    #[doc(alias("delete", "evict"))]
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(key);
        let tick = self.time.tick();
        let went = self.index.invalidate(&current, local, hash, key, tick);
        self.collect(&current, local);
        went
    }

    /// Removes the key if the lease holds.
    pub(super) fn invalidate_leased(&self, key: &K, lease: &Lease) -> bool {
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(key);
        if !lease.is_of(&self.leases) || !self.leases.covers(lease, hash.bits()) {
            return false;
        }
        let tick = self.time.tick();
        let held = self
            .index
            .remove_leased(&current, local, hash, key, tick, lease);
        self.collect(&current, local);
        held
    }

    /// Removes every live entry whose key matches and voids all loads under way; returns how many went. O(capacity).
    ///
    /// An entry that is set meanwhile may stay. `matches` may call the cache.
    #[doc(alias = "invalidate_entries_if")]
    pub fn invalidate_matching(&self, matches: impl FnMut(&K) -> bool) -> usize {
        self.invalidate_reached(Reached::Everything, matches)
    }

    /// The same for keys of which it is known what they belong to; voids only the loads that are reached.
    pub(crate) fn invalidate_reached(
        &self,
        reached: Reached,
        matches: impl FnMut(&K) -> bool,
    ) -> usize {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let count = self
            .index
            .invalidate_matching(&current, local, tick, reached, matches, || {
                self.collect(&current, local);
            });
        self.collect(&current, local);
        count
    }

    /// Ends every entry at once, and voids all loads under way. O(1) (but for one sweep in 16,384 clears): `len` is 0
    /// when it returns. The values are dropped by later writes of any kind, a few at each, or by [`sweep`](Self::sweep), all at once.
    /// On an unbounded cache O(n).
    #[doc(alias("invalidate_all", "remove_all"))]
    pub fn clear(&self) {
        let current = current();
        let local = self.local(&current);
        self.index
            .clear(&current, local, || self.collect(&current, local));
        self.collect(&current, local);
    }

    pub(super) fn clears(&self) -> u64 {
        self.index.clears()
    }

    /// Live entries. O(capacity); exact while nobody writes.
    #[doc(alias = "entry_count")]
    #[must_use]
    pub fn len(&self) -> usize {
        let current = current();
        self.index
            .len(&current, || self.local(&current), self.time.tick())
    }

    /// Whether there is no live entry. O(1) while there are many, O(capacity) at worst.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let current = current();
        self.index
            .is_empty(&current, || self.local(&current), self.time.tick())
    }

    /// Entries that hold a permit, expired ones that have not been reclaimed yet included. O(1), and at every instant
    /// `len() <= resident() <= max_size()`.
    #[doc(alias = "entry_count")]
    #[must_use]
    pub fn resident(&self) -> usize {
        let current = current();
        self.index.resident(&current)
    }

    /// Reclaims expired and cleared entries now; returns how many went. Values that were removed before, by whichever thread,
    /// are dropped as well, all but those that a reader inside a view or a call may still hold. O(capacity + threads). For
    /// caches that nobody writes to: writers do the same, a little at a time.
    #[doc(alias("run_pending_tasks", "purge"))]
    pub fn sweep(&self) -> usize {
        let current = current();
        let local = self.local(&current);
        self.time.correct();
        let tick = self.time.tick();
        let count = self
            .index
            .sweep(&current, local, tick, || self.collect(&current, local));
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
