//! Hits that lend the value: what is read often and copied by its reader straight to where it is wanted.

use super::cache::TtlCache;
use super::get_slow::Pinned;
use super::short::Short;
use crate::engine::entry::hash_of;
use crate::engine::reclaim::PinGuard;
use crate::engine::threads::local::Local;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};

/// A value lent inside an open guard: it must not live across a wait.
pub(crate) struct ValueRef<'c, K, V> {
    /// Only for as long as the guard is open, whatever its lifetime says.
    value: &'c V,
    local: &'c Local<K, V>,
    _guard: PinGuard<'static>,
}

impl<K, V> ValueRef<'_, K, V> {
    /// The value. (Borrowed from `self`, which keeps the guard open.)
    #[inline(always)]
    pub(crate) fn value(&self) -> &V {
        self.value
    }

    /// Counts the loan as a hit.
    #[inline(always)]
    pub(crate) fn count(&self) {
        self.local.counters.hits.add(1);
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// The value, if it stands where it is looked for first. A use, but counted as a hit only by [`ValueRef::count`]. Otherwise what
    /// [`get_slow`](TtlCache::get_slow) needs to go on, if the look-up has come so far.
    #[inline(always)]
    pub(crate) fn get_at_home<Q>(
        &self,
        key: &Q,
    ) -> Result<ValueRef<'_, K, V>, Option<Pinned<'_, K, V>>>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let Some(short) = self.try_pin() else {
            return Err(None);
        };
        let Short { local, guard, .. } = short;
        let hash = hash_of(short.hasher, key);
        let line = || self.time.line();
        // SAFETY: the guard goes with the entry, which is lent only for as long as it is open.
        let entry = unsafe { short.bounded.probe_first(hash, line, |k| key.equivalent(k)) };
        match entry {
            Some(entry) => Ok(ValueRef {
                value: &entry.value,
                local,
                _guard: guard,
            }),
            None => Err(Some(Pinned { local, guard, hash })),
        }
    }
}
