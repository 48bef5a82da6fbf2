//! Looks at an entry that leave no trace.

use super::cache::TtlCache;
use super::ttl::EntryTtl;
use crate::engine::threads::current::current;
use crate::time::Deadline;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::time::Duration;

/// How long an entry will live from now on. Answered by [`TtlCache::remaining`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// At least so long, in whole milliseconds; in the last one it is zero.
    For(Duration),
    /// It does not expire. (It can still be evicted.)
    Forever,
}

impl Remaining {
    pub(super) fn of(deadline: Deadline, tick: u64) -> Self {
        deadline.remaining(tick).map_or(Self::Forever, Self::For)
    }
}

impl<K, V, S> TtlCache<K, V, S> {
    /// The time to live of entries that are set without one of their own, rounded up to whole milliseconds as it is applied; `None` if they
    /// do not expire. `Duration::ZERO`: they are not kept.
    #[doc(alias("time_to_live", "policy"))]
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        match self.ttl {
            EntryTtl::None => Some(Duration::ZERO),
            EntryTtl::For(ticks) => ticks.duration(),
            EntryTtl::Forever => None,
        }
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Whether a live entry is there. Neither a use nor a hit or miss. O(1).
    #[doc(alias = "contains_key")]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.peek_with(key, |_| ()).is_some()
    }

    /// The value of a live entry, copied out, as if nobody had looked: neither a use nor a hit or miss. O(1).
    #[must_use]
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
        V: Clone,
    {
        self.peek_with(key, V::clone)
    }

    /// How long a live entry will live from now on; `None` if there is none. Neither a use nor a hit or miss. O(1).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tux_cache::{Remaining, TtlCache, time::ManualTicker};
    ///
    /// let ticker = ManualTicker::new();
    /// let cache = TtlCache::builder()
    ///     .ttl(Duration::from_secs(60))
    ///     .max_size(100)
    ///     .ticker(ticker.clone())
    ///     .build()?;
    /// cache.set("session", 1);
    /// cache.set_forever("root", 2);
    /// ticker.advance(Duration::from_secs(20));
    /// assert_eq!(cache.remaining("session"), Some(Remaining::For(Duration::from_secs(40))));
    /// assert_eq!(cache.remaining("root"), Some(Remaining::Forever));
    /// assert_eq!(cache.remaining("nobody"), None);
    /// # Ok::<(), tux_cache::Error>(())
    /// ```
    #[doc(alias("time_to_live", "expires_at", "pttl"))]
    #[must_use]
    pub fn remaining<Q>(&self, key: &Q) -> Option<Remaining>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let current = current();
        let tick = self.time.tick();
        let deadline = self
            .index
            .deadline(&current, self.local(&current), key, tick)?;
        Some(Remaining::of(deadline, tick))
    }

    /// Reads a live entry without counting anything.
    pub(in crate::engine) fn peek_with<Q, R>(
        &self,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let current = current();
        let tick = self.time.tick();
        let local = || self.local(&current);
        self.index.peek(&current, local, key, tick, read)
    }
}
