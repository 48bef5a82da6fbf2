//! Settings of a cache, checked.

use super::cache::TtlCache;
use crate::engine::entry::DefaultHasher;
use crate::engine::index::Index;
use crate::engine::index::bounded::Bounded;
use crate::engine::index::unbounded::Unbounded;
use crate::engine::reclaim::supply::{Batches, Budget, Supply};
use crate::engine::table::MAX_CAPACITY;
use crate::engine::threads::registry::Locals;
use crate::error::Error;
use crate::lease::LeaseTable;
use crate::single_flight::Group;
use crate::sync::Arc;
use crate::time::{CoarseTicker, Ticker, Ticking, TimeSource};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::time::Duration;

const MAX_SHARDS: usize = 1 << 16;

/// Builds a [`TtlCache`]; made by [`TtlCache::builder`].
///
/// ```
/// use std::time::Duration;
/// use tux_cache::TtlCache;
///
/// let cache: TtlCache<(u64, u64), bool> =
///     TtlCache::builder().ttl(Duration::from_secs(300)).max_size(5_000).build()?;
/// # drop(cache);
/// # Ok::<(), tux_cache::Error>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct TtlCacheBuilder<K, V, S = DefaultHasher> {
    ttl: Option<Duration>,
    bound: Option<Bound>,
    hasher: S,
    time: Option<TimeSource>,
    shards: usize,
    types: PhantomData<fn() -> (K, V)>,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Entries(usize),
    Unbounded,
}

impl<K, V> TtlCacheBuilder<K, V> {
    pub(super) fn new() -> Self {
        Self {
            ttl: None,
            bound: None,
            hasher: DefaultHasher::new(),
            time: None,
            shards: 64,
            types: PhantomData,
        }
    }
}

impl<K, V, S> TtlCacheBuilder<K, V, S> {
    /// The time to live of entries set without one of their own. `Duration::ZERO`: `set` keeps nothing;
    /// `Duration::MAX` is the same as [`no_expiry`](Self::no_expiry).
    #[doc(alias("time_to_live", "expire_after_write"))]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self {
            ttl: Some(ttl),
            ..self
        }
    }

    /// Entries set without a time to live of their own never expire. The default.
    pub fn no_expiry(self) -> Self {
        Self { ttl: None, ..self }
    }

    /// The most entries the cache holds, 0 to 2^30; 0 keeps nothing. The memory for the table (about 40 bytes an
    /// entry) is reserved at once and touched as it fills.
    #[doc(alias("max_capacity", "capacity"))]
    pub fn max_size(self, entries: usize) -> Self {
        Self {
            bound: Some(Bound::Entries(entries)),
            ..self
        }
    }

    /// No bound: entries leave only by expiry and invalidation.
    pub fn unbounded(self) -> Self {
        Self {
            bound: Some(Bound::Unbounded),
            ..self
        }
    }

    /// Another hasher. One that can be foreseen lets an attacker choose keys that collide.
    #[doc(alias("with_hasher", "build_with_hasher"))]
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> TtlCacheBuilder<K, V, T> {
        TtlCacheBuilder {
            ttl: self.ttl,
            bound: self.bound,
            hasher,
            time: self.time,
            shards: self.shards,
            types: PhantomData,
        }
    }

    /// Another source of time; the default is the process-wide [`CoarseTicker`].
    #[doc(alias = "clock")]
    pub fn ticker(self, ticker: impl Ticker) -> Self {
        Self {
            time: Some(TimeSource::new(ticker)),
            ..self
        }
    }

    /// Into how many stripes (rounded up to a power of two; default 64) the leases that are out are split at first. Each
    /// is one cache line, for four keys that are being loaded. When more are loaded at once, 1.1 MiB is added by itself, once,
    /// for some 60,000 more; so leave this alone, unless even that shall not be needed. The table needs no such number:
    /// its buckets are independent of each other.
    pub fn shards(self, shards: usize) -> Self {
        Self { shards, ..self }
    }
}

impl<K, V, S> TtlCacheBuilder<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// Kind [`Config`](crate::ErrorKind::Config) if neither `max_size` nor `unbounded` was called, or a number is out of
    /// range; [`OutOfMemory`](crate::ErrorKind::OutOfMemory) if the table cannot be allocated.
    pub fn build(self) -> Result<TtlCache<K, V, S>, Error> {
        if self.shards == 0 || self.shards > MAX_SHARDS {
            return Err(Error::config(format!(
                "shards is {}; it must be 1 to {MAX_SHARDS}",
                self.shards
            )));
        }
        let Some(leases) = LeaseTable::new(self.shards).map(Arc::new) else {
            return Err(Error::new(
                crate::ErrorKind::OutOfMemory,
                format!(
                    "no memory for {} stripes of leases; choose fewer",
                    self.shards
                ),
            ));
        };
        let index = match self.bound {
            None => {
                return Err(Error::config(
                    "no bound given: call `max_size(entries)` or `unbounded()`",
                ));
            }
            Some(Bound::Entries(0)) => Index::Nothing(self.hasher, Arc::clone(&leases)),
            Some(Bound::Entries(n)) if n > MAX_CAPACITY => {
                return Err(Error::config(format!(
                    "max_size is {n}; it must be 0 to {MAX_CAPACITY}"
                )));
            }
            Some(Bound::Entries(n)) => match Bounded::new(n, Arc::clone(&leases)) {
                Some(bounded) => Index::Bounded(self.hasher, bounded),
                None => {
                    return Err(Error::new(
                        crate::ErrorKind::OutOfMemory,
                        format!("no memory for a table of {n} entries; choose a smaller max_size"),
                    ));
                }
            },
            Some(Bound::Unbounded) => {
                Index::Unbounded(Unbounded::new(self.hasher, Arc::clone(&leases)))
            }
        };
        let (slab, holders) = index.supplies();
        let (batches, budget) = match self.bound {
            Some(Bound::Entries(n)) => (Batches::for_capacity(n), Budget::for_capacity(n)),
            _ => (Batches::all(32), Budget::for_capacity(0)),
        };
        // Hits take it for certain that parts found at once are a bounded cache's (`Index::bounded`).
        let is_bounded = index.as_bounded().is_some();
        let supply = Supply::new(slab, holders, batches, budget);
        let locals = Locals::new(supply, is_bounded);
        Ok(TtlCache {
            index,
            time: self.time.unwrap_or_else(CoarseTicker::time_source),
            ticking: Ticking::default(),
            ttl: self.ttl.into(),
            leases,
            locals,
            loads: Group::new(),
        })
    }
}

impl<K, V, S> std::fmt::Debug for TtlCacheBuilder<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TtlCacheBuilder")
            .field("ttl", &self.ttl)
            .field("bound", &self.bound)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}
