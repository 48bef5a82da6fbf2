//! What the instruction counts are taken of: one public call, [`OPERATIONS`] times, on a prepared cache.
//!
//! Counts repeat exactly because nothing depends on chance or on the clock: hash seeds are fixed, time is a
//! [`ManualTicker`] that stands still, and there is one thread. Each function checks its own answers, and that check is
//! counted with it: two to four instructions an operation.
//!
//! The tests of this package run every function once without callgrind.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tux_cache::{
    Family, Lease, TtlCache, TypedCache, Update,
    backend::{Backend, CacheValue, InMemoryBackend, Json, KeyRef, Peek},
    managers::{GuildId, JailStatusCache, UserId},
    time::ManualTicker,
};

/// Calls of one count: enough that what comes once in 256 writes (freeing what was retired) has its share.
pub const OPERATIONS: u64 = 4_096;
/// Entries a cache may hold.
pub const CAPACITY: u64 = 10_000;
const TTL: Duration = Duration::from_secs(300);
const GUILD: u64 = 183_109_337_186_500_608;

/// A cache and the keys that its operations are about.
#[derive(Debug)]
pub struct Prepared {
    cache: TtlCache<u64, u64, ahash::RandomState>,
    keys: Vec<u64>,
    /// Loads of other keys under way.
    leases: Vec<Lease>,
    found: Vec<Option<u64>>,
}

/// Keys as a program has them: neither dense nor ordered.
const fn key(number: u64) -> u64 {
    (number ^ (number >> 3)).wrapping_mul(0xd134_2543_de82_ef95)
}

/// A cache into which `sets` keys were set, about to see [`OPERATIONS`] keys from `first` on.
fn prepared(sets: u64, first: u64) -> Box<Prepared> {
    let cache = TtlCache::builder()
        .ttl(TTL)
        .max_size(CAPACITY as usize)
        .hasher(ahash::RandomState::with_seeds(1, 2, 3, 4))
        .ticker(ManualTicker::new())
        .build()
        .expect("a valid cache");
    (0..sets).for_each(|number| cache.set(key(number), number));
    let keys: Vec<u64> = (first..first + OPERATIONS).map(key).collect();
    // Use counters stand at their maximum, as those of keys that are often asked for do; the thread has its slot.
    for _ in 0..4 {
        for key in &keys {
            let _ = black_box(cache.get(key));
        }
    }
    Box::new(Prepared {
        cache,
        keys,
        leases: Vec::new(),
        found: Vec::with_capacity(16),
    })
}

/// A full cache that has evicted nothing yet; the operations are about keys that are there.
pub fn full() -> Box<Prepared> {
    prepared(CAPACITY, 1_000)
}

/// The same while a thousand other keys are being loaded.
pub fn full_amid_loads() -> Box<Prepared> {
    let mut it = full();
    let others = 4 * CAPACITY..4 * CAPACITY + 1_000;
    it.leases = others.map(|number| it.cache.lease(&key(number))).collect();
    it
}

/// A full cache; the operations are about keys that are not there.
pub fn full_without() -> Box<Prepared> {
    prepared(CAPACITY, CAPACITY)
}

/// A cache with room for all that is going to be set.
pub fn with_room() -> Box<Prepared> {
    prepared(CAPACITY - OPERATIONS - 1_000, CAPACITY)
}

/// A cache that has evicted twice as many entries as it holds; the operations are about keys that are not there.
pub fn evicting() -> Box<Prepared> {
    prepared(3 * CAPACITY, 3 * CAPACITY)
}

/// `get`, a hit.
#[inline(never)]
pub fn hit(it: Box<Prepared>) -> Box<Prepared> {
    let mut sum = 0;
    for key in &it.keys {
        sum += it.cache.get(key).expect("a hit");
    }
    black_box(sum);
    it
}

/// `get` through a view of four look-ups, all hits.
#[inline(never)]
pub fn hit_pinned(it: Box<Prepared>) -> Box<Prepared> {
    let mut sum = 0;
    for four in it.keys.as_chunks::<4>().0 {
        let view = it.cache.pin();
        for key in four {
            sum += view.get(key).expect("a hit");
        }
    }
    black_box(sum);
    it
}

/// `get_many_into` of 16 keys, all hits. Counted per key.
#[inline(never)]
pub fn get_many(mut it: Box<Prepared>) -> Box<Prepared> {
    let mut hits = 0;
    for keys in it.keys.as_chunks::<16>().0 {
        it.found.clear();
        it.cache.get_many_into(keys, &mut it.found);
        hits += it.found.iter().filter(|found| found.is_some()).count();
    }
    assert_eq!(hits as u64, OPERATIONS);
    it
}

/// `get`, a miss.
#[inline(never)]
pub fn miss(it: Box<Prepared>) -> Box<Prepared> {
    assert!(it.keys.iter().all(|key| it.cache.get(key).is_none()));
    it
}

/// `set`, for every key of the preparation: an insert or an overwrite.
#[inline(never)]
pub fn set(it: Box<Prepared>) -> Box<Prepared> {
    it.keys.iter().for_each(|key| it.cache.set(*key, *key));
    it
}

/// `invalidate` of keys that are there.
#[inline(never)]
pub fn invalidate(it: Box<Prepared>) -> Box<Prepared> {
    assert!(it.keys.iter().all(|key| it.cache.invalidate(key)));
    it
}

/// `get_or_fetch`, a hit.
#[inline(never)]
pub fn fetch_hit(it: Box<Prepared>) -> Box<Prepared> {
    let mut sum = 0;
    for key in &it.keys {
        sum += it.cache.get_or_fetch(*key, || unreachable!("it is there"));
    }
    black_box(sum);
    it
}

/// `get_or_fetch_async`, a hit: made, polled once, and dropped.
#[inline(never)]
pub fn fetch_hit_async(it: Box<Prepared>) -> Box<Prepared> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut sum = 0;
    for key in &it.keys {
        let load = async || -> u64 { unreachable!("it is there") };
        let found = std::pin::pin!(it.cache.get_or_fetch_async(*key, load)).poll(&mut context);
        let std::task::Poll::Ready(value) = found else {
            unreachable!("a hit never waits")
        };
        sum += value;
    }
    black_box(sum);
    it
}

/// `update` of every key of the preparation, by one thread: of what is there, or of nothing.
#[inline(never)]
pub fn update(it: Box<Prepared>) -> Box<Prepared> {
    for key in &it.keys {
        let next = |old: Option<&u64>| Update::Set(old.map_or(1, |old| old.wrapping_add(1)));
        black_box(it.cache.update(*key, next));
    }
    it
}

/// `remove` of keys that are there.
#[inline(never)]
pub fn remove(it: Box<Prepared>) -> Box<Prepared> {
    assert!(it.keys.iter().all(|key| it.cache.remove(key).is_some()));
    it
}

/// `set_if_absent` of keys that are not there.
#[inline(never)]
pub fn set_if_absent(it: Box<Prepared>) -> Box<Prepared> {
    assert!(
        it.keys
            .iter()
            .all(|key| it.cache.set_if_absent(*key, *key).is_ok())
    );
    it
}

/// Whether a user is jailed, as the managers keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(bool);

impl CacheValue for Flag {
    fn to_json(&self) -> Json {
        Json::Bool(self.0)
    }

    fn from_json(json: &Json) -> Option<Self> {
        json.as_bool().map(Self)
    }
}

const JAILED: KeyRef<'static> = KeyRef::JailStatus {
    guild: GUILD,
    user: 7,
};

/// An in-memory backend that holds one entry: its seeds are its own, and with one entry they decide nothing.
pub fn backend() -> Backend {
    let memory = InMemoryBackend::builder()
        .default_ttl(TTL)
        .max_size(CAPACITY as usize)
        .ticker(ManualTicker::new())
        .build()
        .expect("a valid backend");
    let backend = Backend::from(memory);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let put = std::pin::pin!(backend.put(JAILED, Flag(true), None)).poll(&mut context);
    assert!(put.is_ready(), "memory never waits");
    for _ in 0..4 {
        let _ = black_box(backend.peek::<Flag>(JAILED));
    }
    backend
}

/// A typed hit on the in-memory backend.
#[inline(never)]
pub fn typed_hit(backend: Backend) -> Backend {
    for _ in 0..OPERATIONS {
        let found = backend.peek::<Flag>(black_box(JAILED));
        assert_eq!(found, Peek::Hit(Flag(true)));
    }
    backend
}

/// Memory that stands still, as [`backend`] has it.
fn memory() -> InMemoryBackend {
    InMemoryBackend::builder()
        .default_ttl(TTL)
        .max_size(CAPACITY as usize)
        .ticker(ManualTicker::new())
        .build()
        .expect("a valid backend")
}

/// The value of a future that never waits.
#[inline(always)]
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("memory never waits"),
    }
}

/// A manager that holds one entry.
pub fn manager() -> JailStatusCache {
    let jails = JailStatusCache::new(memory());
    now(jails.set(GUILD, 7_u64, true)).expect("memory takes it");
    manager_hit(jails)
}

/// A manager's `get`, a hit in memory.
#[inline(never)]
pub fn manager_hit(jails: JailStatusCache) -> JailStatusCache {
    for _ in 0..OPERATIONS {
        let (guild, user) = black_box((GUILD, 7_u64));
        let found = now(jails.get(guild, user)).expect("memory answers");
        assert_eq!(found, Some(true));
    }
    jails
}

/// Warnings of members, as an application declares them.
#[derive(Debug)]
pub struct Warnings;

impl Family for Warnings {
    type Key<'k> = (GuildId, UserId);
    type Value = bool;
    const NAME: &'static str = "warnings";
    const PREFIX: &'static str = "warn";
}

/// The cache of an application's family that holds one entry.
pub fn family() -> TypedCache<Warnings> {
    let warnings = TypedCache::new(memory());
    now(warnings.set((GuildId(GUILD), UserId(7)), true)).expect("memory takes it");
    family_hit(warnings)
}

/// Its `get`, a hit in memory.
#[inline(never)]
pub fn family_hit(warnings: TypedCache<Warnings>) -> TypedCache<Warnings> {
    for _ in 0..OPERATIONS {
        let key = black_box((GuildId(GUILD), UserId(7)));
        let found = now(warnings.get(key)).expect("memory answers");
        assert_eq!(found, Some(true));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preparation_is_what_it_says() {
        let stats = |it: Box<Prepared>| (it.cache.stats(), it.cache.resident() as u64);
        let (before, resident) = stats(full());
        assert_eq!((before.evictions, resident), (0, CAPACITY));

        let (after, resident) = stats(set(full()));
        assert_eq!((after.overwrites, after.evictions), (OPERATIONS, 0));
        assert_eq!(resident, CAPACITY);

        // Neither changes a key that is being loaded.
        for done in [set(full_amid_loads()), invalidate(full_amid_loads())] {
            let valid = done
                .leases
                .iter()
                .filter(|lease| done.cache.lease_is_valid(lease));
            assert_eq!(valid.count(), 1_000);
        }

        let (after, resident) = stats(set(with_room()));
        assert_eq!((after.evictions, resident), (0, CAPACITY - 1_000));
        assert_eq!(after.insertions, resident);

        let (after, resident) = stats(set(evicting()));
        assert_eq!(after.evictions, 2 * CAPACITY + OPERATIONS);
        assert_eq!(resident, CAPACITY);

        let (after, resident) = stats(invalidate(full()));
        assert_eq!(after.invalidations, OPERATIONS);
        assert_eq!(resident, CAPACITY - OPERATIONS);

        let (after, _) = stats(fetch_hit(get_many(hit_pinned(hit(full())))));
        assert_eq!((after.hits, after.misses), (8 * OPERATIONS, 0));
        let (after, _) = stats(fetch_hit_async(full()));
        assert_eq!((after.hits, after.misses), (5 * OPERATIONS, 0));
        let (after, _) = stats(update(full()));
        assert_eq!((after.overwrites, after.hits), (OPERATIONS, 4 * OPERATIONS));
        for done in [update(with_room()), set_if_absent(with_room())] {
            assert_eq!(stats(done).1, CAPACITY - 1_000);
        }
        assert_eq!(stats(remove(full())).1, CAPACITY - OPERATIONS);
        let (after, _) = stats(miss(full_without()));
        assert_eq!((after.hits, after.misses), (0, 5 * OPERATIONS));
        drop(typed_hit(backend()));
        drop((manager_hit(manager()), family_hit(family())));
    }
}
