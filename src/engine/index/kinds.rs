//! The three kinds, and what each answers. Nothing else asks which one a cache has.
//!
//! Methods are called by the thread that `current` stands for, with its part of the cache, `local`.

use super::bounded::Bounded;
use super::unbounded::{Unbounded, UnboundedGuard};
use crate::engine::entry::slab::Slab;
use crate::engine::entry::{Hash, hash_of};
use crate::engine::threads::current::Current;
use crate::engine::threads::local::Local;
use crate::lease::LeaseTable;
use crate::sync::{Arc, StdArc};
use crate::time::Deadline;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};

#[expect(
    clippy::large_enum_variant,
    reason = "one per cache, and the large one is read on every hit"
)]
pub(in crate::engine) enum Index<K, V, S> {
    /// Capacity 0.
    Nothing(S, Arc<LeaseTable>),
    Bounded(S, Bounded<K, V>),
    Unbounded(Unbounded<K, V, S>),
}

impl<K, V, S> Index<K, V, S> {
    /// The hasher and the index of a bounded cache.
    ///
    /// # Safety
    ///
    /// It is one.
    #[inline(always)]
    pub(in crate::engine) unsafe fn bounded(&self) -> (&S, &Bounded<K, V>) {
        match self {
            Self::Bounded(hasher, bounded) => (hasher, bounded),
            // SAFETY: by the contract.
            _ => unsafe { std::hint::unreachable_unchecked() },
        }
    }

    /// The same, if it is one.
    #[inline(always)]
    pub(in crate::engine) fn as_bounded(&self) -> Option<(&S, &Bounded<K, V>)> {
        match self {
            Self::Bounded(hasher, bounded) => Some((hasher, bounded)),
            _ => None,
        }
    }

    /// Where the memory of entries comes from, and how many threads may hold a victim's permit.
    pub(in crate::engine) fn supplies(&self) -> (StdArc<Slab<K, V>>, usize) {
        match self {
            Self::Bounded(_, bounded) => (bounded.slab(), bounded.holders()),
            Self::Unbounded(..) | Self::Nothing(..) => (StdArc::new(Slab::new(0)), 0),
        }
    }

    pub(in crate::engine) fn max_size(&self) -> Option<usize> {
        match self {
            Self::Nothing(..) => Some(0),
            Self::Bounded(_, bounded) => Some(bounded.capacity()),
            Self::Unbounded(_) => None,
        }
    }
}

impl<K, V, S> Index<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[inline(always)]
    pub(in crate::engine) fn hash<Q: StdHash + ?Sized>(&self, key: &Q) -> Hash {
        match self {
            Self::Nothing(hasher, _) | Self::Bounded(hasher, _) => hash_of(hasher, key),
            Self::Unbounded(map) => map.hash(key),
        }
    }

    /// How often the cache was cleared.
    #[inline(always)]
    pub(in crate::engine) fn clears(&self) -> u64 {
        match self {
            Self::Bounded(_, bounded) => bounded.clears(),
            Self::Unbounded(map) => map.clears(),
            Self::Nothing(..) => 0,
        }
    }

    /// Reads a current entry. No use.
    #[inline(always)]
    pub(in crate::engine) fn peek<'l, Q, R>(
        &self,
        current: &Current,
        local: impl FnOnce() -> &'l Local<K, V>,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(hasher, bounded) => {
                let hash = hash_of(hasher, key);
                let _guard = current.participant().enter();
                let now = bounded.at(tick);
                // SAFETY: the guard is open for as long as the entry is used.
                unsafe { bounded.peek(hash, now, |k| key.equivalent(k)) }.map(|e| read(&e.value))
            }
            Self::Unbounded(map) => map.peek_with(current, local(), key, tick, read),
            Self::Nothing(..) => None,
        }
    }

    /// Reads a current entry: a use.
    #[inline(always)]
    pub(in crate::engine) fn get<Q, R>(
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
        match self {
            Self::Nothing(..) => None,
            Self::Bounded(hasher, bounded) => {
                let _guard = current.participant().enter();
                let hash = hash_of(hasher, key);
                // SAFETY: the guard is open for as long as the entry is used.
                let entry =
                    unsafe { bounded.probe_all(hash, bounded.at(tick), |k| key.equivalent(k)) };
                if entry.is_none() {
                    bounded.prefetch_insert(hash);
                }
                entry.map(|entry| read(&entry.value))
            }
            Self::Unbounded(map) => map.peek_with(current, local, key, tick, read),
        }
    }

    /// A current entry's value: a use.
    ///
    /// # Safety
    ///
    /// A guard of the calling thread is open for as long as the value is used.
    #[inline(always)]
    pub(in crate::engine) unsafe fn view<'v, Q>(
        &'v self,
        key: &Q,
        tick: u64,
        unbounded: Option<&'v UnboundedGuard<'_, K, V, S>>,
    ) -> Option<&'v V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(hasher, bounded) => {
                let (hash, now) = (hash_of(hasher, key), bounded.at(tick));
                // SAFETY: the same contract.
                unsafe { bounded.probe_all(hash, now, |k| key.equivalent(k)) }
                    .map(|entry| &*entry.value)
            }
            Self::Unbounded(map) => unbounded.and_then(|guard| map.get_in(key, tick, guard)),
            Self::Nothing(..) => None,
        }
    }

    /// What a view of a cache without a bound keeps open.
    pub(in crate::engine) fn unbounded_guard<'m>(
        &'m self,
        current: &Current,
        local: &'m Local<K, V>,
    ) -> Option<UnboundedGuard<'m, K, V, S>> {
        match self {
            Self::Unbounded(map) => Some(map.guard(current, local)),
            _ => None,
        }
    }

    /// Current entries.
    pub(in crate::engine) fn len<'l>(
        &self,
        current: &Current,
        local: impl FnOnce() -> &'l Local<K, V>,
        tick: u64,
    ) -> usize {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.len(bounded.at(tick))
            }
            Self::Unbounded(map) => map.len(current, local(), tick),
            Self::Nothing(..) => 0,
        }
    }

    /// Whether there is no current entry.
    pub(in crate::engine) fn is_empty<'l>(
        &self,
        current: &Current,
        local: impl FnOnce() -> &'l Local<K, V>,
        tick: u64,
    ) -> bool {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.is_empty(bounded.at(tick))
            }
            Self::Unbounded(map) => map.len(current, local(), tick) == 0,
            Self::Nothing(..) => true,
        }
    }

    /// Entries that hold a permit, or memory where there are no permits.
    pub(in crate::engine) fn resident(&self, current: &Current) -> usize {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.resident()
            }
            Self::Unbounded(map) => map.resident(),
            Self::Nothing(..) => 0,
        }
    }

    /// Visits the current entries of a step of a walk: one bucket, or all of a map without a bound. False: there is no such step.
    pub(in crate::engine) fn visit<'l>(
        &self,
        current: &Current,
        local: impl FnOnce() -> &'l Local<K, V>,
        step: usize,
        tick: u64,
        mut visit: impl FnMut(&K, &V),
    ) -> bool {
        self.visit_timed(current, local, step, tick, |key, value, _| {
            visit(key, value);
        })
    }

    /// The same with their deadlines.
    pub(in crate::engine) fn visit_timed<'l>(
        &self,
        current: &Current,
        local: impl FnOnce() -> &'l Local<K, V>,
        step: usize,
        tick: u64,
        mut visit: impl FnMut(&K, &V, Deadline),
    ) -> bool {
        match self {
            Self::Bounded(_, bounded) if step < bounded.buckets() => {
                let _guard = current.participant().enter();
                // SAFETY: the guard is open while the bucket is visited.
                unsafe {
                    bounded.each_in_bucket(step, bounded.at(tick), |e| {
                        visit(&e.key, &e.value, e.deadline);
                    });
                }
            }
            Self::Unbounded(map) if step == 0 => map.for_each(current, local(), tick, visit),
            _ => return false,
        }
        true
    }
}
