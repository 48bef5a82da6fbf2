//! Changes that depend on what stands there.

use super::cache::TtlCache;
use super::ttl::EntryTtl;
use crate::engine::entry::Hash;
use crate::engine::index::Write;
use crate::engine::index::version::Version;
use crate::engine::threads::current::current;
use crate::engine::threads::local::Local;
use crate::lease::Watch;
use crate::time::Deadline;
use crossbeam_utils::Backoff;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::time::Duration;

/// What [`TtlCache::update`] is to make of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update<V> {
    /// Leave it as it is.
    Keep,
    /// Store this value for the cache's time to live.
    Set(V),
    /// Store this value for so long. `Duration::ZERO` removes the key, `Duration::MAX` is for ever.
    SetWithTtl(V, Duration),
    /// Store this value, to end when the one before would have: a window that does not move. Where there is none, for the cache's time to
    /// live.
    SetKeepTtl(V),
    /// Remove it.
    Remove,
}

/// When an entry that is written ends: as its predecessor, or so long after now.
enum Ends {
    At(Deadline),
    After(EntryTtl),
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Removes a key and returns its value; `None` if there was no live entry. Of removals at the same time one gets the value. Voids loads
    /// of the key under way. O(1).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tux_cache::TtlCache;
    /// let tokens = TtlCache::new(Duration::from_secs(60), 100);
    /// tokens.set("once", 7);
    /// assert_eq!(tokens.remove("once"), Some(7));
    /// assert_eq!(tokens.remove("once"), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If `V::clone` does; the entry is gone then all the same.
    #[doc(alias("pop", "take", "delete"))]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
        V: Clone,
    {
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(key);
        let tick = self.time.tick();
        let value = self.index.take(&current, local, hash, key, tick, V::clone);
        self.collect(&current, local);
        value
    }

    /// Stores a value for the cache's time to live if there is no live entry; an expired one counts as none. Of any number of threads that
    /// try at the same time exactly one succeeds. O(1) amortised.
    ///
    /// In a full cache the entry may be [evicted](Self#how-long-a-new-entry-stays) before the next one tries, who then succeeds as well; a
    /// cache of capacity 0 keeps nothing, and so everybody does.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tux_cache::TtlCache;
    /// let seen = TtlCache::unbounded(Duration::from_secs(600));
    /// assert_eq!(seen.set_if_absent("event 1", "first"), Ok(()));
    /// assert_eq!(seen.set_if_absent("event 1", "second"), Err("second"));
    /// ```
    ///
    /// # Errors
    ///
    /// The value, if there is a live entry, which stays as it is.
    #[doc(alias(
        "add",
        "put_if_absent",
        "insert_if_absent",
        "try_insert",
        "setnx",
        "or_insert"
    ))]
    pub fn set_if_absent(&self, key: K, value: V) -> Result<(), V> {
        self.store_if_absent(self.hash(&key), key, value, Ends::After(self.ttl))
            .map_err(|(_, value)| value)
    }

    /// Makes of what stands under a key whatever `change` says, as one step: no change of another thread is lost in between. Returns the
    /// value that stands then, `None` if there is none.
    ///
    /// `change` sees a copy of the live value, or `None`, and runs outside of all locks and guards. If the key has changed meanwhile it is
    /// called again with what stands there then, so it should have no other effects, and it must not change this key itself: that would
    /// never end. If it panics, nothing is changed. What it sees counts as a use, and neither as a hit nor as a miss.
    ///
    /// In a full cache an entry may be [evicted](Self#how-long-a-new-entry-stays) between two calls: the next one sees `None`. A cache of
    /// capacity 0 keeps nothing, so there each call sees `None`, and returns it.
    ///
    /// # Progress
    ///
    /// Of updates of one key that collide one comes through, also if a thread has stopped half-way through another. A single one may have to
    /// call `change` again as often as others come through; it gives them its processor time meanwhile. On unbounded caches as far as
    /// papaya's writes do. O(1) amortised without collisions; the value is copied twice.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tux_cache::{TtlCache, Update};
    ///
    /// // At most three messages in ten seconds, from the first one on.
    /// let sent: TtlCache<u64, u32> = TtlCache::new(Duration::from_secs(10), 10_000);
    /// let message = |user| {
    ///     let count = sent.update(user, |count| match count {
    ///         None => Update::Set(1),
    ///         Some(count) => Update::SetKeepTtl(count + 1),
    ///     });
    ///     count.is_some_and(|count| count <= 3)
    /// };
    /// assert_eq!([(); 5].map(|()| message(7)), [true, true, true, false, false]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `change` or `V::clone` does.
    #[doc(alias(
        "compute",
        "entry",
        "and_upsert_with",
        "and_modify",
        "fetch_update",
        "get_or_insert_with",
        "upsert"
    ))]
    pub fn update(&self, mut key: K, mut change: impl FnMut(Option<&V>) -> Update<V>) -> Option<V>
    where
        V: Clone,
    {
        let backoff = Backoff::new();
        loop {
            match self.try_update(key, &mut change) {
                Ok(standing) => return standing,
                Err(again) => key = again,
            }
            backoff.snooze();
        }
    }

    /// One attempt; the key, if somebody else changed it meanwhile.
    fn try_update(
        &self,
        key: K,
        change: &mut impl FnMut(Option<&V>) -> Update<V>,
    ) -> Result<Option<V>, K>
    where
        V: Clone,
    {
        let hash = self.hash(&key);
        // Before the look (V2).
        let watch = self.leases.watch(hash.bits(), || self.clears());
        let (old, seen) = {
            let current = current();
            let (local, tick) = (self.local(&current), self.time.tick());
            match self.index.look(&current, local, &key, tick, V::clone) {
                Some(seen) => (Some(seen.read), Some((seen.version, seen.deadline))),
                None => (None, None),
            }
        };
        let (value, ends) = match change(old.as_ref()) {
            Update::Keep => return Ok(old),
            Update::Set(value) => (Some(value), Ends::After(self.ttl)),
            Update::SetWithTtl(value, ttl) => (Some(value), Ends::After(Some(ttl).into())),
            Update::SetKeepTtl(value) => match seen {
                Some((_, deadline)) => (Some(value), Ends::At(deadline)),
                None => (Some(value), Ends::After(self.ttl)),
            },
            Update::Remove => (None, Ends::After(EntryTtl::None)),
        };
        let is_kept = !matches!(ends, Ends::After(EntryTtl::None));
        let Some(value) = value.filter(|_| is_kept) else {
            return match seen {
                Some((version, _)) => self.remove_if(hash, key, version, &watch).map(|()| None),
                None => {
                    // Nothing to remove, but loads under way may bring what is not wanted any more. (Not `invalidate`: what has come
                    // meanwhile was not seen.)
                    self.leases.void(hash.bits());
                    Ok(None)
                }
            };
        };
        let standing = value.clone();
        match seen {
            Some((version, _)) => self.replace_if(hash, key, value, ends, version, &watch)?,
            None => self
                .store_if_absent(hash, key, value, ends)
                .map_err(|(key, _)| key)?,
        }
        Ok(Some(standing).filter(|_| self.max_size() != Some(0)))
    }

    fn store_if_absent(&self, hash: Hash, key: K, value: V, ends: Ends) -> Result<(), (K, V)> {
        if matches!(ends, Ends::After(EntryTtl::None)) {
            // Not to be kept.
            return if self.contains(&key) {
                Err((key, value))
            } else {
                Ok(())
            };
        }
        let current = current();
        let local = self.local(&current);
        let write = self.write(local, hash, (key, value), &ends);
        let stored = self.index.set_if_absent(&current, local, write);
        self.collect(&current, local);
        stored
    }

    fn replace_if(
        &self,
        hash: Hash,
        key: K,
        value: V,
        ends: Ends,
        seen: Version,
        watch: &Watch,
    ) -> Result<(), K> {
        let current = current();
        let local = self.local(&current);
        let write = self.write(local, hash, (key, value), &ends);
        let replaced = self.index.replace_if(&current, local, write, seen, watch);
        self.collect(&current, local);
        replaced
    }

    fn remove_if(&self, hash: Hash, key: K, seen: Version, watch: &Watch) -> Result<(), K> {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let removed = self
            .index
            .remove_if(&current, local, hash, &key, tick, seen, watch);
        self.collect(&current, local);
        if removed { Ok(()) } else { Err(key) }
    }

    fn write(
        &self,
        local: &Local<K, V>,
        hash: Hash,
        (key, value): (K, V),
        ends: &Ends,
    ) -> Write<K, V> {
        let (deadline, tick) = match *ends {
            Ends::At(deadline) => (deadline, self.time_of_write(local).1),
            Ends::After(ttl) => self.deadline_of_write(local, ttl),
        };
        Write {
            hash,
            key,
            value,
            deadline,
            tick,
        }
    }

    /// Removes every live entry that `keep` refuses, and voids all loads under way; returns how many went. O(capacity).
    ///
    /// Weakly consistent: what is set meanwhile may or may not be asked about. `keep` may call the cache.
    #[doc(alias("invalidate_entries_if", "filter"))]
    pub fn retain(&self, keep: impl FnMut(&K, &V) -> bool) -> usize {
        let current = current();
        let local = self.local(&current);
        let tick = self.time.tick();
        let count = self.index.retain(&current, local, tick, keep, || {
            self.collect(&current, local);
        });
        self.collect(&current, local);
        count
    }
}
