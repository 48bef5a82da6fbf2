//! Look-ups that the short way does not answer.

use crate::engine::api::cache::TtlCache;
use crate::engine::entry::{Hash, hash_of};
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

/// An `Option` as a flag and a value.
struct Flagged<R>(bool, MaybeUninit<R>);

impl<R> From<Option<R>> for Flagged<R> {
    #[inline(always)]
    fn from(value: Option<R>) -> Self {
        match value {
            Some(value) => Self(true, MaybeUninit::new(value)),
            None => Self(false, MaybeUninit::uninit()),
        }
    }
}

impl<R> Flagged<R> {
    #[inline(always)]
    fn into_option(self) -> Option<R> {
        let Self(found, value) = self;
        // SAFETY: found, so there is a value.
        found.then(|| unsafe { value.assume_init() })
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// [`get_with`](Self::get_with) that begins anew.
    #[cfg(feature = "backend")]
    #[inline(always)]
    pub(crate) fn get_anew<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.get_unpinned::<_, _, Option<R>>(key, read)
    }

    /// [`get_with`](Self::get_with) for what does not stand where it is looked for first, of a thread that is new to this
    /// cache, and of caches that are not bounded.
    ///
    /// # Safety
    ///
    /// What there is to go on with is from [`get_at_home`](Self::get_at_home) of this cache and of this key.
    #[inline(always)]
    pub(crate) unsafe fn get_slow<Q, R>(
        &self,
        pinned: Option<Pinned<'_, K, V>>,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // Of what is small not an `Option` from the function that is called: then the compiler would make one of
        // what was found at home too, and ask it, where the two ways meet, whether there is something in it. (What is
        // large would be copied.)
        let is_large = const { size_of::<R>() > size_of::<[usize; 2]>() };
        // What is in registers stays there.
        let Some(Pinned { local, guard, hash }) = pinned else {
            return if is_large {
                self.get_far(key, read)
            } else {
                self.get_far::<_, _, Flagged<R>>(key, read).into_option()
            };
        };
        guard.keep_pinned();
        // SAFETY: with the part goes the short guard, and the hash is the key's.
        unsafe {
            if is_large {
                self.get_pinned(local, hash, key, read)
            } else {
                self.get_pinned::<_, _, Flagged<R>>(local, hash, key, read)
                    .into_option()
            }
        }
    }

    /// For threads that are not fast: what a hit does, with the part found in a longer way.
    #[inline(never)]
    fn get_far<Q, R, A: From<Option<R>>>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> A
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let Some((local, guard)) = self.try_pin_far() else {
            return self.get_unpinned(key, read);
        };
        // SAFETY: only the parts of bounded caches are found (`made_far`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        let hash = hash_of(hasher, key);
        let line = || self.time.line();
        // SAFETY: the guard is open for as long as the entry is used.
        if let Some(entry) = unsafe { bounded.probe_first(hash, line, |k| key.equivalent(k)) } {
            let value = read(&entry.value);
            local.counters.hits.add(1);
            drop(guard);
            return Some(value).into();
        }
        guard.keep_pinned();
        // SAFETY: with the part goes the short guard, and the hash is the key's.
        unsafe { self.get_pinned(local, hash, key, read) }
    }

    /// Whatever the thread is: it may have a place now, and be outside its short guard.
    #[cold]
    #[inline(never)]
    fn get_unpinned<Q, R, A: From<Option<R>>>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> A
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let short = self.try_pin().map(|short| (short.local, short.guard));
        let Some((local, guard)) = short.or_else(|| self.try_pin_far()) else {
            return self.get_all(key, read).into();
        };
        // SAFETY: only the parts of bounded caches are fast or found (`build`, `made_far`).
        let (hasher, _) = unsafe { self.index.bounded() };
        // Before the guard is handed over: a hash may panic.
        let hash = hash_of(hasher, key);
        guard.keep_pinned();
        // SAFETY: with the part goes the short guard, and the hash is the key's.
        unsafe { self.get_pinned(local, hash, key, read) }
    }

    /// # Safety
    ///
    /// The part is the calling thread's, which hands its short guard over, and the hash is the key's.
    #[cold]
    #[inline(never)]
    unsafe fn get_pinned<Q, R, A: From<Option<R>>>(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> A
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        // SAFETY: by the contract. The thread's participant is still the one whose short guard was entered: it changes when
        // the thread gets one, before, and when it gives it back, which does not come in between.
        let guard = unsafe { own_pin() };
        // SAFETY: only the parts of bounded caches are fast (see `build`), and only with one is there a short guard to enter.
        let (_, bounded) = unsafe { self.index.bounded() };
        let line = || self.time.line();
        // SAFETY: the guard is open for as long as the entry is used.
        let value = match unsafe { bounded.probe_home(hash, line, |k| key.equivalent(k)) } {
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
                return self.get_all(key, read).into();
            }
        };
        value.into()
    }

    /// The rest of all look-ups, apart so that misses have no registers to save.
    #[inline(never)]
    fn get_all<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let value = self.index.get(&current, local, key, tick, read);
        local.counters.looked_up(value.is_some());
        value
    }
}

#[cfg(test)]
mod tests;
