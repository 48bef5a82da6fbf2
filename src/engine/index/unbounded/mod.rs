//! A cache without a bound: papaya holds the entries, this module lets them expire.
//!
//! Values live in a [`Versioned`] with the phase word of the bounded cache: a leased write goes in as PENDING, re-checks its lease
//! and only then goes live, while an invalidation bumps the generation first and then kills PENDING too (I8).
//!
//! A thread that writes to papaya's map may leave it, for a moment, as only that thread can put it right. So where a `fork` has stopped
//! another thread inside a call of any cache, the child begins with an empty map and leaves the other one alone: it never waits for that
//! thread, and what it unlinks is freed. Where all other threads were outside (their guards say so, in the order of their stores), the
//! map is whole, and the child goes on with it.

use crate::engine::entry::{Hash, Phase, PhaseWord, hash_of};
use crate::engine::threads::current::Current;
use crate::engine::threads::local::Local;
use crate::lease::{Lease, LeaseTable, Reached};
use crate::sync::{
    Arc, AtomicU64, CachePadded, Ordering, Renewed, dekker_fence, fence, interruptions,
};
use crate::time::Deadline;
use papaya::{Compute, Equivalent, Operation};
use std::hash::{BuildHasher, Hash as StdHash};
use std::mem::ManuallyDrop;

mod change_if;
mod guard;
mod set;

pub(crate) use guard::UnboundedGuard;

/// A sweep follows so many writes, or as many as there were entries after the last one, whichever is more. (As many as there are
/// now would be no bound: each write of a new key makes it one more.)
const WRITES_PER_SWEEP: u64 = 256;

pub(crate) struct Unbounded<K, V, S> {
    /// Those that the cache began with; dropped where they are still in use.
    first: ManuallyDrop<Entries<K, V, S>>,
    /// [`interruptions`] then.
    began: u32,
    /// Those of a child of `fork`.
    later: Renewed<Entries<K, V, S>>,
    /// The maps' own hasher, which papaya does not hand out.
    hasher: SharedHasher<S>,
    leases: Arc<LeaseTable>,
    clears: CachePadded<AtomicU64>,
}

/// The map, and when it is swept.
struct Entries<K, V, S> {
    map: papaya::HashMap<K, Versioned<V>, SharedHasher<S>>,
    /// The map's, which papaya hands out only through guards.
    collector: Arc<seize::Collector>,
    /// The earliest deadline there may be, inverted as in `expiry`: 0 = none.
    earliest: CachePadded<AtomicU64>,
    /// Writes so far.
    written: CachePadded<AtomicU64>,
    /// `written` at which the next sweep is due.
    sweep_at: CachePadded<AtomicU64>,
}

/// One hasher for the map and for us.
struct SharedHasher<S>(Arc<S>);

impl<S: BuildHasher> BuildHasher for SharedHasher<S> {
    type Hasher = S::Hasher;

    fn build_hasher(&self) -> S::Hasher {
        self.0.build_hasher()
    }
}

struct Versioned<V> {
    phase: PhaseWord,
    /// How many writes before this one began that by which the first of its line came in: the value that this one was made of, and so
    /// on. Kept as it is when it is at its maximum.
    age: u32,
    deadline: Deadline,
    /// 0 until 2^64 writes: tells two values of one key apart.
    stamp: u64,
    value: V,
}

impl<V> Versioned<V> {
    /// The stamp of the first of its line: who removes that one removes this one as well, which was made of it.
    fn born(&self) -> u64 {
        self.stamp.saturating_sub(self.age.into())
    }

    fn is_current(&self, tick: u64) -> bool {
        self.phase.load() == Phase::Live && !self.deadline.has_passed(tick)
    }
}

/// How a leased value came in.
enum Put {
    New,
    InPlace,
}

impl<K, V, S> Unbounded<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + 'static,
{
    pub(crate) fn new(hasher: S, leases: Arc<LeaseTable>) -> Self {
        let hasher = SharedHasher(Arc::new(hasher));
        Self {
            // Before the entries: a fork in between finds nothing that rests on it.
            began: interruptions(),
            first: ManuallyDrop::new(Entries::new(&hasher)),
            later: Renewed::new(),
            hasher,
            leases,
            clears: CachePadded::new(AtomicU64::new(0)),
        }
    }

    /// Those of this process.
    #[inline]
    fn entries(&self) -> &Entries<K, V, S> {
        let number = interruptions();
        if number == self.began {
            &self.first
        } else {
            self.later.get(number, || Entries::new(&self.hasher))
        }
    }

    pub(crate) fn hash<Q: StdHash + ?Sized>(&self, key: &Q) -> Hash {
        hash_of(&*self.hasher.0, key)
    }

    pub(crate) fn clears(&self) -> u64 {
        self.clears.load(Ordering::SeqCst)
    }

    /// A guard of the thread that is here and whose part is `local`.
    #[inline]
    pub(crate) fn guard<'m>(
        &'m self,
        current: &Current,
        local: &'m Local<K, V>,
    ) -> UnboundedGuard<'m, K, V, S> {
        UnboundedGuard::enter(self.entries(), current, local)
    }

    pub(crate) fn resident(&self) -> usize {
        self.entries().map.len()
    }

    #[inline]
    pub(crate) fn peek_with<Q, R>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.get_in(key, tick, &self.guard(current, local))
            .map(read)
    }

    pub(crate) fn get_in<'g, Q>(
        &self,
        key: &Q,
        tick: u64,
        guard: &'g UnboundedGuard<'_, K, V, S>,
    ) -> Option<&'g V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        guard
            .map()
            .get(key, guard)
            .filter(|versioned| versioned.is_current(tick))
            .map(|versioned| &versioned.value)
    }

    /// Removes the key's versioned value if it `matches`.
    fn remove_if(
        &self,
        key: &K,
        guard: &UnboundedGuard<'_, K, V, S>,
        mut matches: impl FnMut(&Versioned<V>) -> bool,
    ) -> bool {
        let removed = guard.map().compute(
            key.clone(),
            |versioned| match versioned {
                Some((_, versioned)) if matches(versioned) => Operation::Remove,
                _ => Operation::Abort(()),
            },
            guard,
        );
        matches!(removed, papaya::Compute::Removed(..))
    }

    pub(crate) fn invalidate<Q>(
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
        self.leases.void(hash.bits());
        fence(Ordering::SeqCst);
        let guard = self.guard(current, local);
        let went = guard.map().remove(key, &guard).is_some_and(|versioned| {
            versioned.phase.decide(Phase::Cancelled);
            versioned.is_current(tick)
        });
        self.leases.void(hash.bits());
        if went {
            local.counters.invalidations.add(1);
        }
        went
    }

    pub(crate) fn invalidate_matching(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        reached: Reached,
        mut matches: impl FnMut(&K) -> bool,
    ) -> usize {
        self.leases.void_reached(reached);
        fence(Ordering::SeqCst);
        let guard = self.guard(current, local);
        let begun = guard.entries().begun();
        let mut count = 0;
        for (key, versioned) in guard.map().iter(&guard) {
            if matches(key) {
                versioned.phase.decide(Phase::Cancelled);
                if self.remove_if(key, &guard, |versioned| versioned.born() < begun)
                    && versioned.is_current(tick)
                {
                    count += 1;
                }
            }
        }
        self.leases.void_reached(reached);
        local.counters.invalidations.add(count as u64);
        count
    }

    pub(crate) fn clear(&self, current: &Current, local: &Local<K, V>) {
        self.clears.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let guard = self.guard(current, local);
        let begun = guard.entries().begun();
        let mut count = 0;
        for (key, versioned) in guard.map().iter(&guard) {
            versioned.phase.decide(Phase::Cancelled);
            count += u64::from(self.remove_if(key, &guard, |versioned| versioned.born() < begun));
        }
        local.counters.cleared.add(count);
    }

    pub(crate) fn for_each(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        mut visit: impl FnMut(&K, &V, Deadline),
    ) {
        let guard = self.guard(current, local);
        for (key, versioned) in guard.map().iter(&guard) {
            if versioned.is_current(tick) {
                visit(key, &versioned.value, versioned.deadline);
            }
        }
    }

    pub(crate) fn len(&self, current: &Current, local: &Local<K, V>, tick: u64) -> usize {
        let mut len = 0;
        self.for_each(current, local, tick, |_, _, _| len += 1);
        len
    }

    /// Removes expired entries. O(n).
    pub(crate) fn sweep(&self, current: &Current, local: &Local<K, V>, tick: u64) -> usize {
        let guard = self.guard(current, local);
        self.sweep_in(&guard, local, tick)
    }

    fn sweep_in(
        &self,
        guard: &UnboundedGuard<'_, K, V, S>,
        local: &Local<K, V>,
        tick: u64,
    ) -> usize {
        let entries = guard.entries();
        // For now, so that others do not sweep as well.
        entries.plan_sweep();
        entries.earliest.swap(0, Ordering::SeqCst);
        let (mut earliest, mut count) = (0, 0);
        for (key, versioned) in guard.map().iter(guard) {
            if versioned.deadline.has_passed(tick) {
                let stamp = versioned.stamp;
                count +=
                    usize::from(self.remove_if(key, guard, |versioned| versioned.stamp == stamp));
            } else {
                earliest = earliest.max(Deadline::NEVER.ticks() - versioned.deadline.ticks());
            }
        }
        entries.earliest.fetch_max(earliest, Ordering::SeqCst);
        entries.plan_sweep();
        local.counters.expirations.add(count as u64);
        count
    }
}

impl<K, V, S> Entries<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + 'static,
{
    fn new(hasher: &SharedHasher<S>) -> Self {
        // What was unlinked while the map grew comes with the old table, and is freed at once then.
        let collector = Arc::new(seize::Collector::new().batch_size(1));
        let map = papaya::HashMap::builder()
            .hasher(SharedHasher(Arc::clone(&hasher.0)))
            .shared_collector(Arc::clone(&collector))
            .build();
        Self {
            map,
            collector,
            earliest: CachePadded::new(AtomicU64::new(0)),
            written: CachePadded::new(AtomicU64::new(0)),
            sweep_at: CachePadded::new(AtomicU64::new(WRITES_PER_SWEEP)),
        }
    }

    /// How many writes have begun. Values of those are to go, also such as replaced the versioned value that an iterator has seen: a
    /// leased write that has checked its lease before it was voided has its stamp from before that, too.
    fn begun(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    fn is_sweep_due(&self, tick: u64) -> bool {
        let earliest = self.earliest.load(Ordering::Relaxed);
        earliest != 0
            && Deadline::NEVER.ticks() - earliest <= tick
            && self.written.load(Ordering::Relaxed) >= self.sweep_at.load(Ordering::Relaxed)
    }

    fn plan_sweep(&self) {
        let more = WRITES_PER_SWEEP.max(self.map.len() as u64);
        let at = self.written.load(Ordering::Relaxed).saturating_add(more);
        self.sweep_at.store(at, Ordering::Relaxed);
    }
}

impl<K, V, S> Drop for Unbounded<K, V, S> {
    fn drop(&mut self) {
        let number = interruptions();
        if number == self.began {
            // SAFETY: once, and nobody uses them any more. Elsewhere they are left as they were when another thread was stopped.
            unsafe { ManuallyDrop::drop(&mut self.first) };
        }
        self.later.end(number);
    }
}
