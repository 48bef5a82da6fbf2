//! Storing values, with and without a lease.

use super::cache::TtlCache;
use super::short::Short;
use super::ttl::EntryTtl;
use crate::engine::entry::hash_of;
use crate::engine::index::Write;
use crate::engine::threads::current::{Current, current};
use crate::engine::threads::local::Local;
use crate::lease::Lease;
#[cfg(feature = "backend")]
use crate::lease::LeaseTable;
#[cfg(feature = "backend")]
use crate::sync::Arc;
use crate::time::{Deadline, Stamp};
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// Writes between two looks at the real time.
const WRITES_PER_CORRECTION: u32 = 64;

impl<K, V, S> TtlCache<K, V, S> {
    /// What the deadline of a write is reckoned from, and the tick at which it finds others expired. Corrects a late ticker
    /// now and then.
    #[inline(always)]
    pub(super) fn time_of_write(&self, local: &Local<K, V>) -> (Stamp, u64) {
        let writes = local.writes.get();
        if writes.is_multiple_of(WRITES_PER_CORRECTION) {
            let lag = self.time.correct();
            if lag > local.counters.ticker_lag.get() {
                local.counters.ticker_lag.set(lag);
            }
        }
        local.writes.set(writes.wrapping_add(1));
        (self.time.stamp(), self.time.tick())
    }

    /// When an entry that is written now ends, and the tick at which its write finds others expired.
    #[inline(always)]
    pub(super) fn deadline_of_write(&self, local: &Local<K, V>, ttl: EntryTtl) -> (Deadline, u64) {
        match ttl {
            EntryTtl::For(ticks) => {
                self.ticking.turn_on();
                let (stamp, tick) = self.time_of_write(local);
                (Deadline::after(stamp, ticks), tick)
            }
            _ => (Deadline::NEVER, self.time.tick()),
        }
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Stores a value for the cache's time to live. Never refused; at capacity another entry leaves. O(1) amortised.
    ///
    /// Drops of earlier values may run here, also those of other keys, once no reader can hold them any more.
    #[doc(alias("insert", "put", "add"))]
    #[inline]
    pub fn set(&self, key: K, value: V) {
        self.store_now(key, value, self.ttl);
    }

    /// Stores a value for `ttl`, rounded up to whole milliseconds. `Duration::ZERO`: do not keep it, and drop what was
    /// there. More than 8,900 years is for ever.
    #[doc(alias("insert_with_ttl", "expire_after"))]
    pub fn set_with_ttl(&self, key: K, value: V, ttl: Duration) {
        self.store_now(key, value, Some(ttl).into());
    }

    /// Stores a value without expiry. It can still be evicted.
    #[doc(alias = "insert_forever")]
    pub fn set_forever(&self, key: K, value: V) {
        self.store_now(key, value, EntryTtl::Forever);
    }

    /// Takes a lease on a key, to be taken before its value is loaded from elsewhere.
    #[doc(alias = "get_value_or_guard")]
    pub fn lease<Q>(&self, key: &Q) -> Lease
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.lease_in(key, None)
    }

    /// [`lease`](Self::lease) on a key that belongs to a group, for [`invalidate_reached`](Self::invalidate_reached).
    pub(crate) fn lease_in<Q>(&self, key: &Q, group: Option<u64>) -> Lease
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.leases
            .lease_in(self.hash(key).bits(), group, || self.clears())
    }

    /// Where the leases on its keys stand.
    #[cfg(feature = "backend")]
    pub(crate) fn lease_table(&self) -> &Arc<LeaseTable> {
        &self.leases
    }

    /// Whether the key has not been set, invalidated or cleared since. The answer may be old at once: it can spare a
    /// load, [`set_leased`](Self::set_leased) decides.
    #[must_use]
    pub fn lease_is_valid(&self, lease: &Lease) -> bool {
        lease.is_of(&self.leases) && lease.is_valid(self.clears())
    }

    /// [`set`](Self::set), if nothing has set, invalidated or cleared the key since the lease was taken; check and
    /// publication are one step to other threads. False: nothing was stored. (With more than 50,000 leases out at once it
    /// may also be false because another key changed.) A lease of another cache, or on another key, publishes nothing.
    pub fn set_leased(&self, lease: Lease, key: K, value: V) -> bool {
        self.store(key, value, self.ttl, Some(&lease))
    }

    /// [`set_leased`](Self::set_leased) with a time to live of its own; `None` is for ever.
    pub fn set_leased_with_ttl(
        &self,
        lease: Lease,
        key: K,
        value: V,
        ttl: Option<Duration>,
    ) -> bool {
        self.store(key, value, ttl.into(), Some(&lease))
    }

    /// [`store`](Self::store) without a lease. Most writes are of entries that expire, to bounded caches, by threads that have
    /// written before: they take one frame of the stack, and no turn that depends on the rest.
    #[inline(never)]
    pub(in crate::engine) fn store_now(&self, key: K, value: V, ttl: EntryTtl) {
        if let EntryTtl::For(ticks) = ttl
            && self.ticking.is_on()
            && let Some(short) = self.try_pin()
        {
            let Short {
                participant,
                local,
                hasher,
                bounded,
                guard,
            } = short;
            if local.is_due() {
                drop(guard);
                return self.store_behind_collecting(&participant.into(), local, key, value, ttl);
            }
            let home = bounded.home_of(hash_of(hasher, &key));
            let (stamp, tick) = self.time_of_write(local);
            let deadline = Deadline::after(stamp, ticks);
            bounded.set_now(local, home, key, value, deadline, tick);
        } else {
            self.store(key, value, ttl, None);
        }
    }

    /// What is due is freed before the entry is published, not behind it: a heavy fence takes longer than many inserts of another
    /// thread, and a newcomer to a small cache lives only for so many. A panic of a drop does not keep the entry out.
    #[cold]
    #[inline(never)]
    fn store_behind_collecting(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: K,
        value: V,
        ttl: EntryTtl,
    ) {
        let freed = catch_unwind(AssertUnwindSafe(|| self.collect(current, local)));
        self.store(key, value, ttl, None);
        if let Err(panic) = freed {
            resume_unwind(panic);
        }
    }

    #[inline(never)]
    pub(in crate::engine) fn store(
        &self,
        key: K,
        value: V,
        ttl: EntryTtl,
        lease: Option<&Lease>,
    ) -> bool {
        if ttl == EntryTtl::None {
            return match lease {
                None => {
                    self.invalidate(&key);
                    true
                }
                Some(lease) => self.invalidate_leased(&key, lease),
            };
        }
        let current = current();
        let local = self.local(&current);
        let hash = self.hash(&key);
        if lease.is_some_and(|lease| {
            !lease.is_of(&self.leases) || !self.leases.covers(lease, hash.bits())
        }) {
            return false;
        }
        let (deadline, tick) = self.deadline_of_write(local, ttl);
        let stored = {
            let write = Write {
                hash,
                key,
                value,
                deadline,
                tick,
            };
            self.index.set(&current, local, write, lease)
        };
        self.collect(&current, local);
        stored
    }
}
