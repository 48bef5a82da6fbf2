//! Look-ups that the short way does not answer.

use super::{Index, TtlCache, hash_of};
use crate::engine::thread::{here, quick};
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::mem::MaybeUninit;

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// [`get_with`](Self::get_with) for what is not at home, of a thread that is new to this cache, and of caches that are
    /// not bounded.
    #[inline(always)]
    pub(crate) fn get_elsewhere<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // Of what is small not an `Option` from the function that is called: then the compiler would make one of
        // what was found at home too, and ask it, where the two ways meet, whether there is something in it. (What is
        // large would be copied.)
        if const { size_of::<R>() > size_of::<[usize; 2]>() } {
            return self.look_elsewhere(key, read);
        }
        let (found, value) = self.look_elsewhere_apart(key, read);
        // SAFETY: found, so there is a value.
        found.then(|| unsafe { value.assume_init() })
    }

    #[inline(never)]
    fn look_elsewhere<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        if self.misses(key) {
            return None;
        }
        self.look_everywhere(key, read)
    }

    /// Returns whether there is a value, and the value.
    #[inline(never)]
    fn look_elsewhere_apart<Q, R>(
        &self,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> (bool, MaybeUninit<R>)
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        if self.misses(key) {
            return (false, MaybeUninit::uninit());
        }
        match self.look_everywhere(key, read) {
            Some(value) => (true, MaybeUninit::new(value)),
            None => (false, MaybeUninit::uninit()),
        }
    }

    /// Whether the key is seen to be missing at once; then it counts as a miss. False says nothing.
    #[inline(always)]
    fn misses<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let Some(local) = self.locals.made(quick()) else {
            return false;
        };
        // SAFETY: only the parts of bounded caches are quick (see `build`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        let hash = hash_of(hasher, key);
        let lacks = bounded.lacks(hash);
        if lacks {
            // Most misses are followed by a set.
            bounded.prefetch_insert(hash);
            local.counters.misses.add(1);
        }
        lacks
    }

    /// The rest of [`get_elsewhere`](Self::get_elsewhere), apart so that misses have no registers to save.
    #[inline(never)]
    fn look_everywhere<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let here = here();
        let counters = &self.local(&here).counters;
        let tick = self.clock.tick();
        let value = match &self.index {
            Index::Nothing(_) => None,
            Index::Bounded(hasher, bounded) => {
                let _guard = here.slot().enter();
                let hash = hash_of(hasher, key);
                // SAFETY: the guard is open for as long as the entry is used.
                let entry =
                    unsafe { bounded.get(hash, bounded.at(tick), move |k| key.equivalent(k)) };
                if entry.is_none() {
                    bounded.prefetch_insert(hash);
                }
                entry.map(|entry| read(&entry.value))
            }
            Index::Unbounded(map) => map.peek_with(key, tick, read),
        };
        counters.looked_up(value.is_some());
        value
    }
}
