//! Look-ups that the short way does not answer.

use crate::engine::api::cache::TtlCache;
use crate::engine::entry::{Hash, hash_of};
use crate::engine::index::Index;
use crate::engine::reclaim::PinGuard;
use crate::engine::table::Near;
use crate::engine::threads::current::{current, own_pin};
use crate::engine::threads::local::Local;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::mem::MaybeUninit;

/// A look-up inside the short guard.
pub(crate) struct Pinned<'c, K, V> {
    pub(in crate::engine) local: &'c Local<K, V>,
    pub(in crate::engine) guard: PinGuard<'static>,
    pub(in crate::engine) hash: Hash,
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// [`get_with`](Self::get_with) that looks everywhere.
    #[cfg(feature = "backend")]
    #[inline(always)]
    pub(crate) fn get_anew<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: there is nothing to go on with.
        unsafe { self.look_elsewhere(None, Hash::new(0), key, read) }
    }

    /// [`get_with`](Self::get_with) for what does not stand where it is looked for first, of a thread that is new to this
    /// cache, and of caches that are not bounded.
    ///
    /// # Safety
    ///
    /// What there is to go on with is from [`get_at_home`](Self::get_at_home) of this cache and of this key.
    #[inline(always)]
    pub(crate) unsafe fn get_elsewhere<Q, R>(
        &self,
        inside: Option<Pinned<'_, K, V>>,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // What is in registers stays there.
        let Some(Pinned { local, guard, hash }) = inside else {
            // Of what is small not an `Option` from the function that is called: then the compiler would make one of
            // what was found at home too, and ask it, where the two ways meet, whether there is something in it. (What is
            // large would be copied.)
            if const { size_of::<R>() > size_of::<[usize; 2]>() } {
                return self.look_from_afar(key, read);
            }
            let (found, value) = self.look_from_afar_apart(key, read);
            // SAFETY: found, so there is a value.
            return found.then(|| unsafe { value.assume_init() });
        };
        guard.keep_pinned();
        // SAFETY: with a part goes the short guard; found, so there is a value.
        unsafe {
            if const { size_of::<R>() > size_of::<[usize; 2]>() } {
                return self.look_elsewhere(Some(local), hash, key, read);
            }
            let (found, value) = self.look_elsewhere_apart(Some(local), hash, key, read);
            found.then(|| value.assume_init())
        }
    }

    /// [`look_from_afar`](Self::look_from_afar) as [`look_elsewhere_apart`](Self::look_elsewhere_apart) answers.
    #[inline(never)]
    fn look_from_afar_apart<Q, R>(
        &self,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> (bool, MaybeUninit<R>)
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let Some((local, guard)) = self.try_pin_far() else {
            // SAFETY: there is nothing to go on with.
            return unsafe { self.look_elsewhere_apart(None, Hash::new(0), key, read) };
        };
        // SAFETY: only the parts of bounded caches are found (`made_far`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        let hash = hash_of(hasher, key);
        let line = || self.time.line();
        // SAFETY: the guard is open for as long as the entry is used.
        if let Some(entry) = unsafe { bounded.get_at_home(hash, line, |k| key.equivalent(k)) } {
            let value = read(&entry.value);
            local.counters.hits.add(1);
            drop(guard);
            return (true, MaybeUninit::new(value));
        }
        guard.keep_pinned();
        // SAFETY: with the part goes the short guard.
        unsafe { self.look_elsewhere_apart(Some(local), hash, key, read) }
    }

    /// Returns whether there is a value, and the value.
    ///
    /// # Safety
    ///
    /// As for `look_elsewhere`.
    #[cold]
    #[inline(never)]
    unsafe fn look_elsewhere_apart<Q, R>(
        &self,
        local: Option<&Local<K, V>>,
        hash: Hash,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> (bool, MaybeUninit<R>)
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: the same contract.
        match unsafe { self.look_elsewhere(local, hash, key, read) } {
            Some(value) => (true, MaybeUninit::new(value)),
            None => (false, MaybeUninit::uninit()),
        }
    }

    /// # Safety
    ///
    /// With a part of the cache, it is the calling thread's, which hands its short guard over, and the hash is the key's.
    #[inline]
    unsafe fn look_elsewhere<Q, R>(
        &self,
        local: Option<&Local<K, V>>,
        hash: Hash,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        if let Some(local) = local {
            // SAFETY: by the contract. The thread's participant is still the one whose short guard was entered: it changes when
            // the thread gets one, before, and when it gives it back, which does not come in between.
            let guard = unsafe { own_pin() };
            return self.look_near(local, guard, hash, key, read);
        }
        match self.try_pin() {
            Some(short) => {
                let hash = hash_of(short.hasher, key);
                self.look_near(short.local, short.guard, hash, key, read)
            }
            None => match self.try_pin_far() {
                Some((local, guard)) => {
                    // SAFETY: only the parts of bounded caches are found (`made_far`).
                    let hash = hash_of(unsafe { self.index.bounded() }.0, key);
                    self.look_near(local, guard, hash, key, read)
                }
                None => self.look_everywhere(key, read),
            },
        }
    }

    /// For threads that are not fast: what a hit does, with the part found in a longer way.
    #[inline(never)]
    fn look_from_afar<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let Some((local, guard)) = self.try_pin_far() else {
            // SAFETY: there is nothing to go on with.
            return unsafe { self.look_elsewhere(None, Hash::new(0), key, read) };
        };
        // SAFETY: only the parts of bounded caches are found (`made_far`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        let hash = hash_of(hasher, key);
        let line = || self.time.line();
        // SAFETY: the guard is open for as long as the entry is used.
        if let Some(entry) = unsafe { bounded.get_at_home(hash, line, |k| key.equivalent(k)) } {
            let value = read(&entry.value);
            local.counters.hits.add(1);
            return Some(value);
        }
        self.look_near(local, guard, hash, key, read)
    }

    #[inline]
    fn look_near<Q, R>(
        &self,
        local: &Local<K, V>,
        guard: PinGuard<'static>,
        hash: Hash,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: only the parts of bounded caches are fast (see `build`), and only with one is there a short guard to enter.
        let (_, bounded) = unsafe { self.index.bounded() };
        let line = || self.time.line();
        // SAFETY: the guard is open for as long as the entry is used.
        match unsafe { bounded.get_near(hash, line, |k| key.equivalent(k)) } {
            Near::Found(entry) => {
                let value = read(&entry.value);
                local.counters.hits.add(1);
                Some(value)
            }
            Near::Missing => {
                // Most misses are followed by a set.
                bounded.prefetch_insert(hash);
                local.counters.misses.add(1);
                None
            }
            Near::Unsure => {
                drop(guard);
                self.look_everywhere(key, read)
            }
        }
    }

    /// The rest of all look-ups, apart so that misses have no registers to save.
    #[inline(never)]
    fn look_everywhere<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let value = match &self.index {
            Index::Nothing(_) => None,
            Index::Bounded(hasher, bounded) => {
                let _guard = current.participant().enter();
                let hash = hash_of(hasher, key);
                // SAFETY: the guard is open for as long as the entry is used.
                let entry =
                    unsafe { bounded.get(hash, bounded.at(tick), move |k| key.equivalent(k)) };
                if entry.is_none() {
                    bounded.prefetch_insert(hash);
                }
                entry.map(|entry| read(&entry.value))
            }
            Index::Unbounded(map) => map.peek_with(&current, local, key, tick, read),
        };
        local.counters.looked_up(value.is_some());
        value
    }
}

#[cfg(test)]
mod tests;
