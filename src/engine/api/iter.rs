//! Walks over all entries.

use super::cache::TtlCache;
#[cfg(feature = "snapshot")]
use super::peek::Remaining;
use crate::engine::threads::current::current;
#[cfg(feature = "snapshot")]
use crate::time::Deadline;
use std::hash::{BuildHasher, Hash};
use std::iter::FusedIterator;

impl<K, V, S> TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Visits every live entry in no particular order. Weakly consistent: what is set or removed meanwhile may or may not
    /// be seen; nothing is seen twice unless it is removed and set again. Counts as no use. `visit` may call the cache.
    pub fn for_each(&self, mut visit: impl FnMut(&K, &V)) {
        let tick = self.time.tick();
        let current = current();
        let mut step = 0;
        while self
            .index
            .visit(&current, || self.local(&current), step, tick, &mut visit)
        {
            step += 1;
        }
    }

    /// [`for_each`](Self::for_each) with how long each entry will live; `None` after each step, outside guards.
    #[cfg(feature = "snapshot")]
    pub(crate) fn for_each_remaining(&self, mut visit: impl FnMut(Option<(&K, &V, Remaining)>)) {
        let current = current();
        let local = || self.local(&current);
        for step in 0.. {
            // A long walk: what expires on the way is left out.
            let tick = self.time.tick();
            let entry = |key: &K, value: &V, deadline: Deadline| {
                visit(Some((key, value, Remaining::of(deadline, tick))));
            };
            if !self.index.visit_timed(&current, local, step, tick, entry) {
                break;
            }
            visit(None);
        }
    }

    /// Copies of the live entries, as [`for_each`](Self::for_each) meets them; a bucket of at most seven at a time on a
    /// bounded cache, all at once on an unbounded one.
    pub fn iter(&self) -> Iter<'_, K, V, S> {
        Iter {
            cache: self,
            bucket: 0,
            ready: Vec::new(),
        }
    }
}

/// Copies of the live entries. Made by [`TtlCache::iter`].
pub struct Iter<'c, K, V, S> {
    cache: &'c TtlCache<K, V, S>,
    bucket: usize,
    ready: Vec<(K, V)>,
}

impl<K, V, S> Iterator for Iter<'_, K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        while self.ready.is_empty() {
            let tick = self.cache.time.tick();
            let current = current();
            let local = || self.cache.local(&current);
            let ready = &mut self.ready;
            let copy = |k: &K, v: &V| ready.push((k.clone(), v.clone()));
            if !self
                .cache
                .index
                .visit(&current, local, self.bucket, tick, copy)
            {
                return None;
            }
            self.bucket += 1;
        }
        self.ready.pop()
    }
}

impl<K, V, S> FusedIterator for Iter<'_, K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
}

impl<'c, K, V, S> IntoIterator for &'c TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    type Item = (K, V);
    type IntoIter = Iter<'c, K, V, S>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V, S> std::fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}
