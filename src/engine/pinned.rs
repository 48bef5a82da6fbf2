//! Several look-ups under one guard, by reference; and many look-ups that overlap their cache misses.

use super::bounded::Bounded;
use super::cache::{Index, TtlCache, hash_of};
use super::entry::Hash;
use super::local::Local;
use super::reclaim::Guard;
use super::thread::{Here, here, quick};
use crate::sync::MapGuard;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash as StdHash};

/// A window on the cache: look-ups hand out references, all under one guard. Made by [`TtlCache::pin`].
///
/// Values that are overwritten, evicted or invalidated meanwhile stay readable through references taken before; their
/// memory is freed after the view is dropped. While it is open *nothing* unlinked meanwhile is freed
/// ([`Stats::unreclaimed`](crate::Stats)), so keep it for the length of one event, never across an `.await`: it is not
/// `Send`. Forgotten with `mem::forget`, it holds memory back for ever.
pub struct View<'c, K, V, S> {
    cache: &'c TtlCache<K, V, S>,
    /// Behind a pointer, so that views of bounded caches are small.
    unbounded: Option<Box<MapGuard<'c>>>,
    /// Before `here`: the guard is left before a borrowed slot is given back.
    _guard: Guard<'static>,
    local: &'c Local<K, V>,
    _here: Here,
}

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
    #[inline]
    pub fn pin(&self) -> View<'_, K, V, S> {
        if let Index::Bounded(..) = &self.index
            && let Some(slot) = quick()
            && let Some(local) = self.locals.made(slot)
        {
            return View {
                cache: self,
                unbounded: None,
                _guard: slot.enter(),
                local,
                _here: slot.into(),
            };
        }
        self.pin_anyway()
    }

    /// [`pin`](Self::pin) by a thread that is new to this cache, and of caches that are not bounded.
    #[inline(never)]
    fn pin_anyway(&self) -> View<'_, K, V, S> {
        let unbounded = match &self.index {
            Index::Unbounded(map) => Some(Box::new(map.guard())),
            _ => None,
        };
        let here = here();
        View {
            cache: self,
            unbounded,
            _guard: here.slot().enter(),
            local: self.local(&here),
            _here: here,
        }
    }

    /// The values of several keys, in their order; `None` where there is no live entry. Faster than as many `get`s when
    /// the entries are not in the processor's cache: their memory is asked for ahead.
    pub fn get_many<Q>(&self, keys: &[Q]) -> Vec<Option<V>>
    where
        K: Borrow<Q>,
        Q: StdHash + Eq,
        V: Clone,
    {
        let mut values = Vec::with_capacity(keys.len());
        self.get_many_into(keys, &mut values);
        values
    }

    /// [`get_many`](Self::get_many) that appends to a vector of yours.
    pub fn get_many_into<Q>(&self, keys: &[Q], values: &mut Vec<Option<V>>)
    where
        K: Borrow<Q>,
        Q: StdHash + Eq,
        V: Clone,
    {
        const AHEAD: usize = 16;
        values.reserve(keys.len());
        let view = self.pin();
        let Index::Bounded(hasher, bounded) = &self.index else {
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
        K: Borrow<Q>,
        Q: StdHash + Eq + ?Sized,
    {
        match &self.cache.index {
            Index::Bounded(hasher, bounded) => self.look_up(bounded, hash_of(hasher, key), key),
            _ => self.look_up_unbounded(key),
        }
    }

    #[inline(always)]
    fn look_up<Q>(&self, bounded: &Bounded<K, V>, hash: Hash, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StdHash + Eq + ?Sized,
    {
        let clock = &self.cache.clock;
        // SAFETY: the view's guard is open for as long as the view is borrowed.
        match unsafe { bounded.get_at_home(hash, clock, |k| k.borrow() == key) } {
            Some(entry) => {
                self.local.counters.hits.add(1);
                Some(&entry.value)
            }
            None => self.look_up_elsewhere(bounded, hash, key),
        }
    }

    #[inline(never)]
    fn look_up_elsewhere<Q>(&self, bounded: &Bounded<K, V>, hash: Hash, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StdHash + Eq + ?Sized,
    {
        let now = bounded.at(self.cache.clock.tick());
        // SAFETY: the view's guard is open for as long as the view is borrowed.
        let found = unsafe { bounded.get(hash, now, |k| k.borrow() == key) };
        let counters = &self.local.counters;
        if found.is_some() {
            &counters.hits
        } else {
            &counters.misses
        }
        .add(1);
        found.map(|entry| &*entry.value)
    }

    #[inline(never)]
    fn look_up_unbounded<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StdHash + Eq + ?Sized,
    {
        let value = match (&self.cache.index, &self.unbounded) {
            (Index::Unbounded(map), Some(guard)) => {
                map.get_in(key, self.cache.clock.tick(), &**guard)
            }
            _ => None,
        };
        if value.is_some() {
            &self.local.counters.hits
        } else {
            &self.local.counters.misses
        }
        .add(1);
        value
    }
}

impl<K, V, S> std::fmt::Debug for View<'_, K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("cache", self.cache)
            .finish_non_exhaustive()
    }
}
