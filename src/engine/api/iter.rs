//! Walks over all entries.

use super::cache::TtlCache;
use crate::engine::index::Index;
use crate::engine::threads::current::current;
use std::hash::{BuildHasher, Hash};

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
        match &self.index {
            Index::Bounded(_, bounded) => {
                for bucket in 0..bounded.buckets() {
                    let _guard = current.participant().enter();
                    // SAFETY: the guard is open while the bucket is visited.
                    unsafe {
                        bounded
                            .each_in_bucket(bucket, bounded.at(tick), |e| visit(&e.key, &e.value));
                    }
                }
            }
            Index::Unbounded(map) => map.for_each(&current, self.local(&current), tick, visit),
            Index::Nothing(_) => {}
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
            match &self.cache.index {
                Index::Bounded(_, bounded) if self.bucket < bounded.buckets() => {
                    let current = current();
                    let _guard = current.participant().enter();
                    let ready = &mut self.ready;
                    // SAFETY: the guard is open while the bucket is visited.
                    unsafe {
                        bounded.each_in_bucket(self.bucket, bounded.at(tick), |e| {
                            ready.push((e.key.clone(), V::clone(&e.value)));
                        });
                    }
                }
                Index::Unbounded(map) if self.bucket == 0 => {
                    let current = current();
                    let ready = &mut self.ready;
                    let copy = |k: &K, v: &V| ready.push((k.clone(), v.clone()));
                    map.for_each(&current, self.cache.local(&current), tick, copy);
                }
                _ => return None,
            }
            self.bucket += 1;
        }
        self.ready.pop()
    }
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
