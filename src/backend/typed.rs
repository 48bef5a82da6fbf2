//! The typed face of a [`Backend`]: what the managers are built on.

use super::key::{KeyRef, KeySet, Reach, WIRE_PREFIX};
use super::lease::{Base, Snapshot, StoreLease};
use super::ttl::Ttl;
use super::value::{CacheValue, Json, Value};
use super::{Backend, ServingStore, TypedRef};
use crate::error::{Error, Result};

/// The answer of a look-up that may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek<T> {
    /// The value.
    Hit(T),
    /// There is none.
    Miss,
    /// Only the store can tell: ask with [`Backend::get_as`].
    Ask,
}

/// How often a read-merge-write starts afresh before it gives up. Each failure means that another writer
/// of the same key got through; 1,000 in a row are no contention but a fault.
const MAX_UPDATE_ATTEMPTS: usize = 1_000;

impl Backend {
    /// A typed look-up that answers at once or not at all. Memory always answers; a hit there allocates
    /// nothing. A value of the wrong shape is counted and is a miss.
    #[inline(always)]
    pub fn peek<T: CacheValue>(&self, key: KeyRef<'_>) -> Peek<T> {
        self.peek_with(key, T::clone)
    }

    /// [`peek`](Self::peek) that lends the value to `f` instead of cloning it. `f` must not wait.
    #[inline(always)]
    pub fn peek_with<T: CacheValue, R>(&self, key: KeyRef<'_>, f: impl FnOnce(&T) -> R) -> Peek<R> {
        match self.try_get_ref::<T>(key) {
            Some(lent) => {
                let read = f(lent.value());
                lent.count();
                Peek::Hit(read)
            }
            None => self.peek_slow(key, f),
        }
    }

    /// What memory has where it is looked for first; `None` says nothing. Counted by its caller, if it is used.
    #[inline(always)]
    pub(crate) fn try_get_ref<T: CacheValue>(&self, key: KeyRef<'_>) -> Option<TypedRef<'_, T>> {
        self.memory()?.try_get_ref(key)
    }

    /// [`peek_with`](Self::peek_with) of what is not [found at once](Self::try_get_ref).
    #[inline(never)]
    pub(crate) fn peek_slow<T: CacheValue, R>(
        &self,
        key: KeyRef<'_>,
        f: impl FnOnce(&T) -> R,
    ) -> Peek<R> {
        match self.memory() {
            Some(memory) => match memory.read_slow(key, f) {
                Some(found) => Peek::Hit(found),
                None => Peek::Miss,
            },
            None => Peek::Ask,
        }
    }

    /// The value under `key` as a `T`. A value of the wrong shape is counted and is a miss.
    ///
    /// # Errors
    /// As [`Backend::get`].
    pub async fn get_as<T: CacheValue>(&self, key: KeyRef<'_>) -> Result<Option<T>> {
        match self.store() {
            ServingStore::Memory(memory) => Ok(memory.read(key, T::clone)),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.get_as(key).await,
            ServingStore::Custom(custom) => custom.get_as(key).await,
        }
    }

    /// Several values in the order of `keys`; one round trip in Valkey.
    ///
    /// # Errors
    /// As [`Backend::get_many`].
    pub async fn get_many_as<T: CacheValue>(&self, keys: &[KeyRef<'_>]) -> Result<Vec<Option<T>>> {
        match self.store() {
            ServingStore::Memory(memory) => {
                Ok(keys.iter().map(|key| memory.read(*key, T::clone)).collect())
            }
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.get_many_as(keys).await,
            ServingStore::Custom(custom) => custom.get_many_as(keys).await,
        }
    }

    /// Writes a value; `ttl` as for [`Backend::set`], or a [built-in](Ttl::built_in) one. Voids the leases on `key`.
    ///
    /// # Errors
    /// As [`Backend::set`].
    pub async fn put<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
        value: T,
        ttl: impl Into<Ttl>,
    ) -> Result<()> {
        self.put_value(key, Value::new(value), ttl).await
    }

    /// [`put`](Self::put) of a value whose type is erased.
    ///
    /// # Errors
    /// As [`Backend::set`].
    pub async fn put_value(
        &self,
        key: KeyRef<'_>,
        value: Value,
        ttl: impl Into<Ttl>,
    ) -> Result<()> {
        let ttl = ttl.into();
        self.shadow_key(|| key.to_wire());
        match self.store() {
            ServingStore::Memory(memory) => memory.set_value(key, value, ttl),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.put(key, &value, ttl.time()).await,
            ServingStore::Custom(custom) => {
                let json = value.to_json();
                custom.set(&key.to_string(), json, ttl.time()).await
            }
        }
    }

    /// Writes several values with one TTL; one round trip in Valkey.
    ///
    /// # Errors
    /// As [`Backend::set_many`].
    pub async fn put_many(
        &self,
        entries: Vec<(KeyRef<'_>, Value)>,
        ttl: impl Into<Ttl>,
    ) -> Result<()> {
        let ttl = ttl.into();
        for (key, _) in &entries {
            self.shadow_key(|| key.to_wire());
        }
        match self.store() {
            ServingStore::Memory(memory) => entries
                .into_iter()
                .try_for_each(|(key, value)| memory.set_value(key, value, ttl)),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.put_many(&entries, ttl.time()).await,
            ServingStore::Custom(custom) => {
                let texts: Vec<(String, Json)> = entries
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_json()))
                    .collect();
                let entries: Vec<_> = texts
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.clone(), ttl.time()))
                    .collect();
                custom.set_many(&entries).await
            }
        }
    }

    /// Removes one key and voids the leases on it; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`]. The leases are void even then.
    pub async fn remove(&self, key: KeyRef<'_>) -> Result<bool> {
        self.shadow_key(|| key.to_wire());
        match self.store() {
            ServingStore::Memory(memory) => Ok(memory.remove(key)),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.remove(key).await,
            ServingStore::Custom(custom) => custom.delete(&key.to_string()).await,
        }
    }

    /// Removes a set of keys, by predicate in memory and by prefix elsewhere, and voids the leases it reaches: those on
    /// the guild's keys if it is one guild's, else all. Says how many went.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`]. The leases are void even then.
    pub async fn remove_set(&self, set: &KeySet<'_>) -> Result<usize> {
        match set.reach() {
            Reach::Key(key) => self.shadow_key(|| key.to_wire()),
            Reach::Prefix(prefix) => self.shadow_prefix(|| format!("{WIRE_PREFIX}{prefix}")),
        }
        match self.store() {
            ServingStore::Memory(memory) => Ok(memory.remove_set(set)),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.remove_set(set).await,
            ServingStore::Custom(custom) => custom.delete_set(set).await,
        }
    }

    /// [`remove`](Self::remove) of several keys and [`remove_set`](Self::remove_set) of several sets; in Valkey the
    /// keys are one write and the sets one pass over the server's keys, at the same time. What can be removed is
    /// removed; the first error is returned.
    pub(crate) async fn remove_together(
        &self,
        keys: &[KeyRef<'_>],
        sets: &[KeySet<'_>],
    ) -> Result<usize> {
        #[cfg(feature = "valkey")]
        if let ServingStore::Valkey(valkey) = self.store() {
            return valkey.remove_together(keys, sets).await;
        }
        let (mut removed, mut first_error) = (0, None);
        let mut note = |result: Result<usize>| match result {
            Ok(count) => removed += count,
            Err(error) => {
                first_error.get_or_insert(error);
            }
        };
        for key in keys {
            note(self.remove(*key).await.map(usize::from));
        }
        for set in sets {
            note(self.remove_set(set).await);
        }
        first_error.map_or(Ok(removed), Err)
    }

    /// A lease on `key`, to be taken before its value is loaded.
    pub fn lease(&self, key: KeyRef<'_>) -> StoreLease {
        match self.store() {
            ServingStore::Memory(memory) => memory.lease(key),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.lease(key),
            ServingStore::Custom(custom) => custom.lease(key),
        }
    }

    /// Whether nothing has voided the lease yet. It may be void a moment later:
    /// [`put_leased`](Self::put_leased) decides. A lease of another backend is void.
    pub fn lease_is_valid(&self, lease: &StoreLease) -> bool {
        match self.store() {
            ServingStore::Memory(memory) => memory.lease_is_valid(lease),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.lease_is_valid(lease),
            ServingStore::Custom(custom) => custom.lease_is_valid(lease),
        }
    }

    /// Publishes a loaded value under its lease. `Ok(false)`: the key was set, invalidated or cleared
    /// since, in this process, and nothing is stored (behind a socket the lease is checked again after
    /// the reply, and the value taken back if it has become void).
    ///
    /// # Errors
    /// As [`Backend::set`].
    ///
    /// # Cancel safety
    /// In memory there is nothing to cancel. In Valkey a dropped call takes back by itself what it may
    /// have written. With a user's store run it in a task of its own.
    pub async fn put_leased(
        &self,
        lease: StoreLease,
        key: KeyRef<'_>,
        value: Value,
        ttl: impl Into<Ttl>,
    ) -> Result<bool> {
        let ttl = ttl.into();
        self.shadow_key(|| key.to_wire());
        match self.store() {
            ServingStore::Memory(memory) => memory.set_leased(lease, key, value, ttl),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.put_leased(lease, key, &value, ttl.time()).await,
            ServingStore::Custom(custom) => {
                custom
                    .set_leased(lease, &key.to_string(), &value, ttl.time())
                    .await
            }
        }
    }

    /// [`put_leased`](Self::put_leased) of several values with one TTL; one round trip in Valkey. Says
    /// for each whether it was published.
    ///
    /// # Errors
    /// As [`Backend::set_many`].
    pub async fn put_many_leased(
        &self,
        entries: Vec<(StoreLease, KeyRef<'_>, Value)>,
        ttl: impl Into<Ttl>,
    ) -> Result<Vec<bool>> {
        let ttl = ttl.into();
        let entries = entries.into_iter();
        let entries = entries.map(|(lease, key, value)| (lease, key, value, ttl));
        self.publish(entries.collect()).await
    }

    /// Reads `key` as the base of a read-merge-write.
    ///
    /// # Errors
    /// As [`Backend::get`].
    pub async fn snapshot(&self, key: KeyRef<'_>) -> Result<Snapshot> {
        match self.store() {
            ServingStore::Memory(memory) => Ok(memory.snapshot(key)),
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.snapshot(key).await,
            ServingStore::Custom(custom) => {
                let found = custom.get(&key.to_string()).await?;
                Ok(Snapshot::custom(found.map(Value::from_json)))
            }
        }
    }

    /// Writes `value` if `key` is as it was at `snapshot`. `Ok(false)`: it changed; read again and merge
    /// anew. One step everywhere: in Valkey a script compares the whole old text and sets.
    ///
    /// # Errors
    /// As [`Backend::set`]; after `Timeout` it is not known whether the value was written (in Valkey the key is then
    /// removed later).
    pub async fn commit(
        &self,
        key: KeyRef<'_>,
        snapshot: Snapshot,
        value: Value,
        ttl: impl Into<Ttl>,
    ) -> Result<bool> {
        let ttl = ttl.into();
        self.shadow_key(|| key.to_wire());
        let (old, base) = snapshot.into_parts();
        match (self.store(), base) {
            (ServingStore::Memory(memory), Base::Memory(lease)) => {
                memory.commit(key, lease, value, ttl)
            }
            #[cfg(feature = "valkey")]
            (ServingStore::Valkey(valkey), Base::Text { store, text }) => {
                valkey
                    .commit(key, store, text.as_deref(), &value, ttl.time())
                    .await
            }
            (ServingStore::Custom(custom), Base::Custom) => {
                let old = old.map(|old| old.to_json());
                custom
                    .compare_and_set(&key.to_string(), old.as_ref(), value.to_json(), ttl.time())
                    .await
            }
            // A snapshot of another backend: its base says nothing about this one.
            _ => Ok(false),
        }
    }

    /// Read-merge-write until it goes through: `merge` gets what is there and returns what shall be
    /// there. It may run several times. Returns what was written.
    ///
    /// # Errors
    /// As [`Backend::set`].
    pub async fn update<F>(
        &self,
        key: KeyRef<'_>,
        ttl: impl Into<Ttl>,
        mut merge: F,
    ) -> Result<Value>
    where
        F: FnMut(Option<&Value>) -> Value + Send,
    {
        self.try_update(key, ttl.into(), |old| Ok(merge(old))).await
    }

    /// [`update`](Self::update) whose merge may fail: nothing is written then.
    pub(crate) async fn try_update<F>(
        &self,
        key: KeyRef<'_>,
        ttl: Ttl,
        mut merge: F,
    ) -> Result<Value>
    where
        F: FnMut(Option<&Value>) -> Result<Value> + Send,
    {
        #[cfg(feature = "valkey")]
        let _lock = match self.store() {
            ServingStore::Valkey(valkey) => Some(valkey.update_lock(key).await),
            _ => None,
        };
        for attempt in 0..MAX_UPDATE_ATTEMPTS {
            let snapshot = self.snapshot(key).await?;
            let value = merge(snapshot.value())?;
            if self.commit(key, snapshot, value.clone(), ttl).await? {
                return Ok(value);
            }
            if attempt > 2 {
                tokio::task::yield_now().await;
            }
        }
        Err(Error::unavailable(format!(
            "{key}: {MAX_UPDATE_ATTEMPTS} updates in a row were overtaken by other writers"
        )))
    }
}
