//! Several look-ups under one guard, by reference; and many look-ups that overlap their cache misses.

use super::cache::TtlCache;
use crate::engine::entry::{Hash, hash_of};
use crate::engine::index::bounded::Bounded;
use crate::engine::index::unbounded::UnboundedGuard;
use crate::engine::reclaim::Guard;
use crate::engine::table::Near;
use crate::engine::threads::current::{Current, current, fast};
use crate::engine::threads::local::Local;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::ptr::NonNull;

/// A window on the cache: look-ups hand out references, all under one guard. Made by [`TtlCache::pin`].
///
/// Values that are overwritten, evicted or invalidated meanwhile stay readable through references taken before; their
/// memory is freed after the view is dropped. While it is open *nothing* unlinked meanwhile is freed
/// ([`Stats::unreclaimed`](crate::Stats)), so keep it for the length of one event, never across an `.await`: it is not
/// `Send`. Forgotten with `mem::forget`, it holds memory back for ever.
pub struct View<'c, K, V, S> {
    cache: &'c TtlCache<K, V, S>,
    local: &'c Local<K, V>,
    /// Before `rare`: the guard is left before a borrowed participant is given back.
    _guard: Guard<'static>,
    /// `None` only for a bounded cache. Behind a pointer, so that the views of most calls fit into registers: that is also why
    /// no function which is not inlined takes a view by reference.
    rare: ViewExtraBox<'c, K, V, S>,
}

/// What only some views have.
struct ViewExtra<'c, K, V, S> {
    unbounded: Option<UnboundedGuard<'c, K, V, S>>,
    current: Current,
}

/// The calling thread's part of a cache, and what its view has besides.
type LocalAndExtra<'c, K, V, S> = (&'c Local<K, V>, Box<ViewExtra<'c, K, V, S>>);

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Opens a view: one guard for several look-ups, without cloning values.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tux_cache::TtlCache;
    /// let cache = TtlCache::new(Duration::from_secs(60), 100);
    /// cache.set(1, String::from("one"));
    /// let view = cache.pin();
    /// assert_eq!(view.get(&1).map(String::as_str), Some("one"));
    /// ```
    #[doc(alias = "guard")]
    #[inline]
    pub fn pin(&self) -> View<'_, K, V, S> {
        let participant = fast();
        if let Some(local) = self.locals.made(participant) {
            return View {
                cache: self,
                local,
                _guard: participant.enter(),
                rare: ViewExtraBox(None),
            };
        }
        let (local, rare) = self.pin_cold();
        View {
            cache: self,
            local,
            _guard: rare.current.participant().enter(),
            rare: rare.into(),
        }
    }

    /// What the view has of a thread that is new to this cache or inside its short guard, and of caches that are not bounded. (Not
    /// the view itself: that would come back in memory.)
    #[cold]
    #[inline(never)]
    fn pin_cold(&self) -> LocalAndExtra<'_, K, V, S> {
        let current = current();
        let local = self.local(&current);
        let unbounded = self.index.unbounded_guard(&current, local);
        (local, Box::new(ViewExtra { unbounded, current }))
    }

    /// The values of several keys, in their order; `None` where there is no live entry. Faster than as many `get`s when
    /// the entries are not in the processor's cache: their memory is asked for ahead.
    #[doc(alias("get_all", "mget"))]
    pub fn get_many<Q>(&self, keys: &[Q]) -> Vec<Option<V>>
    where
        Q: Equivalent<K> + StdHash,
        V: Clone,
    {
        let mut values = Vec::with_capacity(keys.len());
        self.get_many_into(keys, &mut values);
        values
    }

    /// [`get_many`](Self::get_many) that appends to a vector of yours.
    pub fn get_many_into<Q>(&self, keys: &[Q], values: &mut Vec<Option<V>>)
    where
        Q: Equivalent<K> + StdHash,
        V: Clone,
    {
        const AHEAD: usize = 16;
        values.reserve(keys.len());
        let view = self.pin();
        let Some((hasher, bounded)) = self.index.as_bounded() else {
            values.extend(keys.iter().map(|key| view.get(key).cloned()));
            return;
        };
        for keys in keys.chunks(AHEAD) {
            let mut hashes = [Hash::new(0); AHEAD];
            for (hash, key) in hashes.iter_mut().zip(keys) {
                *hash = hash_of(hasher, key);
                bounded.prefetch_bucket(*hash);
            }
            for hash in &hashes[..keys.len()] {
                bounded.prefetch_entry(*hash);
            }
            values.extend(
                keys.iter()
                    .zip(&hashes)
                    .map(|(key, hash)| view.look_up(bounded, *hash, key).cloned()),
            );
        }
    }
}

impl<K, V, S> View<'_, K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// The value of a live entry. Counts like [`TtlCache::get`].
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        if self.rare.0.is_none() {
            // SAFETY: so it was when the view was made (`pin`).
            let (hasher, bounded) = unsafe { self.cache.index.bounded() };
            self.look_up(bounded, hash_of(hasher, key), key)
        } else {
            self.look_up_elsewhere(key)
        }
    }

    #[inline(always)]
    fn look_up<Q>(&self, bounded: &Bounded<K, V>, hash: Hash, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let line = || self.cache.time.line();
        // SAFETY: the view's guard is open for as long as the view is borrowed.
        if let Some(entry) = unsafe { bounded.probe_first(hash, line, |k| key.equivalent(k)) } {
            self.local.counters.hits.add(1);
            return Some(&entry.value);
        }
        // SAFETY: as above.
        unsafe { self.cache.view_near(self.local, hash, key) }
    }

    #[inline(always)]
    fn look_up_elsewhere<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: the view's guard is open for as long as the view is borrowed.
        unsafe { self.cache.view(self.local, self.rare.get(), key) }
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Looks near its home for what a view of a bounded cache wants, and then everywhere, and counts.
    ///
    /// # Safety
    ///
    /// A guard of the calling thread is open for as long as the value is used, and the cache is bounded.
    #[cold]
    #[inline(never)]
    unsafe fn view_near<'v, Q>(&'v self, local: &Local<K, V>, hash: Hash, key: &Q) -> Option<&'v V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: the same contract.
        unsafe {
            let (_, bounded) = self.index.bounded();
            let line = || self.time.line();
            let value = match bounded.probe_home(hash, line, |k| key.equivalent(k)) {
                Near::Found(entry) => Some(&*entry.value),
                Near::Missing => None,
                Near::Unsure => return self.view(local, None, key),
            };
            local.counters.looked_up(value.is_some());
            value
        }
    }

    /// Looks everywhere for what a view wants, and counts.
    ///
    /// # Safety
    ///
    /// A guard of the calling thread is open for as long as the value is used.
    #[cold]
    #[inline(never)]
    unsafe fn view<'v, Q>(
        &'v self,
        local: &Local<K, V>,
        rare: Option<&'v ViewExtra<'_, K, V, S>>,
        key: &Q,
    ) -> Option<&'v V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let tick = self.time.tick();
        let value = {
            let guard = rare.and_then(|rare| rare.unbounded.as_ref());
            // SAFETY: the same contract.
            unsafe { self.index.view(key, tick, guard) }
        };
        local.counters.looked_up(value.is_some());
        value
    }
}

/// What a view has of [`ViewExtra`], as a box. (A `Box` would be dropped by a function that takes the view by reference.)
struct ViewExtraBox<'c, K, V, S>(Option<NonNull<ViewExtra<'c, K, V, S>>>);

impl<'c, K, V, S> ViewExtraBox<'c, K, V, S> {
    #[inline(always)]
    fn get(&self) -> Option<&ViewExtra<'c, K, V, S>> {
        // SAFETY: from a box, and freed only with `self`.
        self.0.map(|rare| unsafe { rare.as_ref() })
    }
}

impl<'c, K, V, S> From<Box<ViewExtra<'c, K, V, S>>> for ViewExtraBox<'c, K, V, S> {
    fn from(rare: Box<ViewExtra<'c, K, V, S>>) -> Self {
        Self(Some(NonNull::from(Box::leak(rare))))
    }
}

impl<K, V, S> Drop for ViewExtraBox<'_, K, V, S> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(rare) = self.0 {
            // SAFETY: from a box, and not used afterwards.
            unsafe { drop_rare(rare) }
        }
    }
}

/// # Safety
///
/// It is from a box, and not used afterwards.
#[cold]
unsafe fn drop_rare<K, V, S>(rare: NonNull<ViewExtra<'_, K, V, S>>) {
    // SAFETY: by the contract.
    drop(unsafe { Box::from_raw(rare.as_ptr()) });
}

impl<K, V, S> std::fmt::Debug for View<'_, K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("cache", self.cache)
            .finish_non_exhaustive()
    }
}
