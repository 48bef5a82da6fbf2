//! The public cache: keys are hashed, a guard is entered, the time is read; the index does the rest.

use super::builder::TtlCacheBuilder;
use super::short::Short;
use super::stats::Stats;
use super::ttl::EntryTtl;
use crate::engine::entry::{DefaultHasher, Hash};
use crate::engine::index::Index;
use crate::engine::reclaim::PinGuard;
use crate::engine::threads::current::{Current, current, far, fast};
use crate::engine::threads::local::Local;
use crate::engine::threads::registry::Locals;
use crate::lease::{Lease, LeaseTable};
use crate::single_flight::Group;
use crate::sync::Arc;
use crate::time::{Ticking, TimeSource};
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::time::Duration;

/// A concurrent map whose entries expire and whose size is bounded.
///
/// Share it between threads by reference, in a `static` or in an `Arc`; all operations take `&self`. The handle itself is not `Clone`: a
/// clone that shares would look like a copy, and would cost the reference count also where none is needed. On a bounded cache every
/// operation but [`get_or_fetch`](Self::get_or_fetch) and its kin is lock-free: no thread waits for another, also not for one that was
/// stopped half-way. Unbounded caches inherit
/// [papaya](https://docs.rs/papaya)'s progress: reads never wait, writes may help the map to grow.
///
/// `None` is a value like any other: `TtlCache<K, Option<V>>` caches absence.
///
/// # How long a new entry stays
///
/// While there is room, until it expires. In a full cache a new key waits in a queue of 2 % of `max_size` (at least two entries; the share
/// adapts between 1 % and 80 %), and leaves at its end unless it was used meanwhile more recently than what it would replace: so it
/// outlives at least about as many later inserts of new keys as that queue has places. In a small cache that is little: of 1,000
/// entries it is twenty inserts, of 100 or fewer two. A thread that sets a key and is interrupted before it reads it back may find that another
/// thread's inserts have pushed it out; where a value must be at hand, keep the one you have set, or use
/// [`get_or_fetch`](Self::get_or_fetch), which returns it.
///
/// ```
/// use std::{sync::Arc, thread, time::Duration};
/// use tux_cache::TtlCache;
///
/// let cache = Arc::new(TtlCache::new(Duration::from_secs(300), 1_000));
/// let shared = Arc::clone(&cache);
/// thread::spawn(move || shared.set("key", 1)).join().unwrap();
/// assert_eq!(cache.get("key"), Some(1));
/// assert!(cache.invalidate("key"));
/// assert_eq!(cache.get_or_fetch("key", || 2), 2);
/// ```
#[doc(alias("Cache", "LruCache"))]
pub struct TtlCache<K, V, S = DefaultHasher> {
    /// First, since it is dropped first: what was unlinked and waits to be freed goes before what it was unlinked from.
    pub(in crate::engine) locals: Locals<K, V>,
    pub(in crate::engine) index: Index<K, V, S>,
    pub(in crate::engine) time: TimeSource,
    /// Keeps the process-wide ticker going from the first deadline on.
    pub(in crate::engine) ticking: Ticking,
    pub(in crate::engine) ttl: EntryTtl,
    pub(in crate::engine) leases: Arc<LeaseTable>,
    pub(in crate::engine) loads: Group<K, V, Lease>,
}

impl<K, V> TtlCache<K, V>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A cache of at most `max_size` entries that live for `ttl`. 0 keeps nothing.
    ///
    /// # Panics
    ///
    /// If [`build`](TtlCacheBuilder::build) fails, with its text: `max_size` is beyond 2^30, or more than there is
    /// memory for.
    #[must_use]
    pub fn new(ttl: Duration, max_size: usize) -> Self {
        match Self::builder().ttl(ttl).max_size(max_size).build() {
            Ok(cache) => cache,
            Err(error) => panic!("{error}"),
        }
    }

    /// A cache without a bound, whose entries live for `ttl`.
    #[must_use]
    pub fn unbounded(ttl: Duration) -> Self {
        match Self::builder().ttl(ttl).unbounded().build() {
            Ok(cache) => cache,
            Err(error) => panic!("{error}"),
        }
    }

    /// All settings.
    pub fn builder() -> TtlCacheBuilder<K, V> {
        TtlCacheBuilder::new()
    }
}

impl<K, V, S> TtlCache<K, V, S> {
    /// The bound, if there is one.
    #[doc(alias("max_capacity", "capacity"))]
    #[must_use]
    pub fn max_size(&self) -> Option<usize> {
        self.index.max_size()
    }

    /// What has been counted so far. O(threads).
    #[doc(alias = "metrics")]
    #[must_use]
    pub fn stats(&self) -> Stats {
        let current = current();
        let _guard = current.participant().enter();
        Stats::sum(&self.locals)
    }

    /// Enters the calling thread's short guard, if this cache is bounded, the thread is not new to it, and outside its short guard.
    #[inline(always)]
    pub(in crate::engine) fn try_pin(&self) -> Option<Short<'_, K, V, S>> {
        let participant = fast();
        let (local, guard) = self.locals.try_pin(participant)?;
        // SAFETY: only the parts of bounded caches are fast (see `build`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        Some(Short {
            participant,
            local,
            hasher,
            bounded,
            guard,
        })
    }

    /// [`try_pin`](Self::try_pin) for threads beyond those that it is for.
    #[inline(always)]
    pub(in crate::engine) fn try_pin_far(&self) -> Option<(&Local<K, V>, PinGuard<'static>)> {
        let (far, place) = far()?;
        let local = self.locals.made_far(place)?;
        Some((local, far.try_pin()?))
    }

    /// The calling thread's part of this cache.
    #[inline(always)]
    pub(in crate::engine) fn local(&self, current: &Current) -> &Local<K, V> {
        self.locals.of(current.participant())
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    pub(in crate::engine) fn hash<Q: StdHash + ?Sized>(&self, key: &Q) -> Hash {
        self.index.hash(key)
    }

    /// The value of a live entry, copied out. O(1). A hit writes to no memory that other threads use, once the entry's
    /// use counter stands at its maximum; it reads no clock.
    ///
    /// A key is looked up by whatever hashes as it does and [knows it](Equivalent) when it sees it: by what the key can be borrowed as,
    /// such as a `str` for a `String`, or by a type of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tux_cache::{Equivalent, TtlCache};
    ///
    /// /// A `(String, u32)` that owns nothing.
    /// #[derive(Hash)]
    /// struct Ranked<'a>(&'a str, u32);
    ///
    /// impl Equivalent<(String, u32)> for Ranked<'_> {
    ///     fn equivalent(&self, key: &(String, u32)) -> bool {
    ///         self.0 == key.0 && self.1 == key.1
    ///     }
    /// }
    ///
    /// let cache = TtlCache::new(Duration::from_secs(60), 100);
    /// cache.set((String::from("mods"), 3), true);
    /// assert_eq!(cache.get(&Ranked("mods", 3)), Some(true));
    /// assert_eq!(cache.get(&Ranked("mods", 4)), None);
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// [`get`](Self::get) that lends the value instead of copying it, by whatever hashes as the key does and knows it
    /// when it sees it. `read` runs inside the guard: it must not wait.
    #[inline(always)]
    pub(crate) fn get_with<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self.get_at_home(key) {
            Ok(value_ref) => {
                let value = read(value_ref.value());
                value_ref.count();
                Some(value)
            }
            // The guard goes with the call, so that nothing of the above need be kept.
            // SAFETY: of this cache and key.
            Err(inside) => unsafe { self.get_slow(inside, key, read) },
        }
    }
}

impl<K, V, S> std::fmt::Debug for TtlCache<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TtlCache")
            .field("ttl", &self.ttl)
            .field("max_size", &self.max_size())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// SAFETY: the index and the locals hold raw pointers to entries that the cache owns; they may move to and be used from any
// thread if keys and values may. Locals are touched by the owner of their participant only.
unsafe impl<K: Send + Sync, V: Send + Sync, S: Send> Send for TtlCache<K, V, S> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync, S: Sync> Sync for TtlCache<K, V, S> {}
