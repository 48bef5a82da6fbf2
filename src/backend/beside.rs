//! What is kept beside a store and has to go by its time and its keys.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::key::set::starts_with;
use super::key::{AsKeyRef, Key, KeyRef, KeySet, Reach};
use super::ttl::{InMemory, Ttl};
use super::value::CacheValue;
use super::{Backend, ServingStore};
use crate::TtlCache;
use crate::error::Result;
use crate::time::{CoarseTicker, StoreClock};

/// How long an entry has left, as far as its store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLeft {
    /// The store does not say.
    Unknown,
    /// It does not expire.
    Forever,
    For(Duration),
}

impl Backend {
    /// The time that its entries go by: the ticker of a store in memory, else the process's.
    pub(crate) fn clock(&self) -> StoreClock {
        match self {
            Self::Memory(memory) => memory.shared.clock.clone(),
            #[cfg(feature = "valkey")]
            Self::UntilConnected(both) => both.memory().shared.clock.clone(),
            _ => CoarseTicker::store_clock(),
        }
    }

    /// Whether both are handles on one store.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(a), Self::Memory(b)) => a.shared.number == b.shared.number,
            (Self::Custom(a), Self::Custom(b)) => a.is_same(b),
            #[cfg(feature = "valkey")]
            (Self::Valkey(a), Self::Valkey(b)) => a.is_same(b),
            #[cfg(feature = "valkey")]
            (Self::UntilConnected(a), Self::UntilConnected(b)) => a.valkey().is_same(b.valkey()),
            _ => false,
        }
    }

    /// Whether memory stood in for a server that serves by now.
    pub(crate) fn has_moved(&self) -> bool {
        match self {
            #[cfg(feature = "valkey")]
            Self::UntilConnected(both) => both.has_moved(),
            _ => false,
        }
    }

    /// How long an entry lives that is written now with this TTL; `None`: it does not expire.
    pub(crate) fn lifetime(&self, ttl: Ttl) -> Option<Duration> {
        let ServingStore::Memory(memory) = self.store() else {
            return ttl.time();
        };
        match ttl.in_memory(memory.per_entry_ttl) {
            InMemory::Delete => Some(Duration::ZERO),
            InMemory::Default => memory.shared.default_ttl,
            InMemory::Own(time) => time,
        }
    }

    /// [`kept`](Self::kept) of every store that serves this backend now or later.
    pub(crate) fn kept_by_each<T: Any + Send + Sync>(
        &self,
        make: impl Fn() -> T,
    ) -> impl Iterator<Item = Arc<T>> {
        #[cfg(feature = "valkey")]
        let later = match self {
            Self::UntilConnected(both) => Some(both.valkey().kept().of(&make)),
            _ => None,
        };
        #[cfg(not(feature = "valkey"))]
        let later = None;
        [Some(self.kept(&make)), later].into_iter().flatten()
    }

    /// [`get_as`](Self::get_as), and how long the entry has left; in Valkey one round trip with two commands.
    pub(crate) async fn get_with_time_left<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
    ) -> Result<Option<(T, TimeLeft)>> {
        #[cfg(feature = "valkey")]
        if let ServingStore::Valkey(valkey) = self.store() {
            return valkey.get_with_time_left(key).await;
        }
        let found = self.get_as(key).await?;
        Ok(found.map(|value| (value, TimeLeft::Unknown)))
    }
}

/// Values by the keys of a store.
#[derive(Debug)]
pub(crate) struct BesideCache<V: Send + Sync + 'static>(TtlCache<Key, V>);

impl<V: Send + Sync + 'static> BesideCache<V> {
    /// By the time of the store.
    ///
    /// # Errors
    /// Kind `Config` when `max_entries` is absurdly large.
    pub(crate) fn new(
        ttl: Option<Duration>,
        max_entries: usize,
        clock: StoreClock,
    ) -> Result<Self> {
        let builder = TtlCache::builder().max_size(max_entries).ticker(clock);
        let builder = match ttl {
            Some(ttl) => builder.ttl(ttl),
            None => builder.no_expiry(),
        };
        Ok(Self(builder.build()?))
    }

    /// Reads without counting it as a use of the store. `read` must not wait.
    #[inline]
    pub(crate) fn get_with<R>(&self, key: KeyRef<'_>, read: impl FnOnce(&V) -> R) -> Option<R> {
        match key.numeric_head() {
            Some(numeric) => self.0.get_with(&numeric, read),
            None => self.0.get_with(&key as &dyn AsKeyRef, read),
        }
    }

    /// To be taken before what is stored under it is read or written elsewhere.
    pub(crate) fn lease(&self, key: KeyRef<'_>) -> crate::Lease {
        match key.numeric_head() {
            Some(numeric) => self.0.lease(&numeric),
            None => self.0.lease(&key as &dyn AsKeyRef),
        }
    }

    /// False: the key was stored or removed since.
    pub(crate) fn set_leased(&self, lease: crate::Lease, key: Key, value: V) -> bool {
        self.0.set_leased(lease, key, value)
    }

    pub(crate) fn remove(&self, key: KeyRef<'_>) -> bool {
        match key.numeric_head() {
            Some(numeric) => self.0.invalidate(&numeric),
            None => self.0.invalidate(&key as &dyn AsKeyRef),
        }
    }

    /// Removes what a set of keys reaches; `gone` sees each value first. O(n), but for a set of one key.
    pub(crate) fn remove_set(&self, set: &KeySet<'_>, mut gone: impl FnMut(&V)) {
        match set.reach() {
            Reach::Key(key) => {
                self.get_with(key, gone);
                self.remove(key);
            }
            Reach::Prefix(prefix) => {
                let is_in = |key: &Key| starts_with(key.as_key_ref(), &prefix);
                self.0.for_each(|key, value| {
                    if is_in(key) {
                        gone(value);
                    }
                });
                self.0.invalidate_matching(is_in);
            }
        }
    }

    pub(crate) fn remove_all(&self, mut gone: impl FnMut(&V)) {
        self.0.for_each(|_, value| gone(value));
        self.0.clear();
    }
}
