//! The calls whose accesses are counted.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    engine::TtlCache,
    time::ManualTicker,
    watch::{Counts, observed},
};

/// Entries of the caches.
pub const CAPACITY: u64 = 4_096;
/// Calls that are looked at: enough to meet what comes once in a batch of retired entries.
const CALLS: u64 = 4_096;
const TTL: Duration = Duration::from_secs(300);

/// A public call in a stated situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `get` of a key that is there and whose use counter stands at its maximum.
    Hit,
    /// The same through an open view.
    PinnedHit,
    /// `get_or_fetch` of such a key.
    FetchHit,
    /// `get` of a key that is not there.
    Miss,
    /// `set` of a new key while there is room.
    InsertBelow,
    /// `set` of a new key into a full cache.
    InsertAt,
    /// `set` of a key that is there.
    Overwrite,
    /// `invalidate` of a key that is there.
    Invalidate,
    /// `clear` of a cache with entries in it.
    Clear,
    /// 80 % look-ups that hit; else a look-up that misses and the `set` of that key into a full cache.
    Mixed,
}

impl Call {
    /// Those with a stated maximum.
    pub const ALL: [Call; 9] = [
        Call::Hit,
        Call::PinnedHit,
        Call::FetchHit,
        Call::Miss,
        Call::InsertBelow,
        Call::InsertAt,
        Call::Overwrite,
        Call::Invalidate,
        Call::Clear,
    ];

    /// The name in tables and records.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Hit => "hit",
            Call::PinnedHit => "hit in a view",
            Call::FetchHit => "get_or_fetch hit",
            Call::Miss => "miss",
            Call::InsertBelow => "insert below capacity",
            Call::InsertAt => "insert at capacity",
            Call::Overwrite => "overwrite",
            Call::Invalidate => "invalidate",
            Call::Clear => "clear",
            Call::Mixed => "mixed 80 % hits",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const fn key(number: u64) -> u64 {
    (number ^ (number >> 3)).wrapping_mul(0xd134_2543_de82_ef95)
}

/// A cache on which one kind of call is made again and again, by any thread.
pub(crate) struct Stage {
    call: Call,
    cache: TtlCache<u64, u64, ahash::RandomState>,
    capacity: u64,
    /// Keys that were never set.
    fresh: AtomicU64,
}

impl Stage {
    /// Seeds are fixed and time stands still, so that a single thread's accesses are the same each time.
    pub(crate) fn new(call: Call, capacity: u64) -> Self {
        let cache = TtlCache::builder()
            .ttl(TTL)
            // With room for all calls below capacity, and some to spare.
            .max_size((if call == Call::InsertBelow { 4 } else { 1 } * capacity) as usize)
            .hasher(ahash::RandomState::with_seeds(1, 2, 3, 4))
            .ticker(ManualTicker::new())
            .build()
            .expect("a valid cache");
        (0..capacity).for_each(|number| cache.set(key(number), number));
        if matches!(call, Call::InsertAt | Call::Mixed) {
            (capacity..3 * capacity).for_each(|number| cache.set(key(number), number));
            // The keys that are to be hit are in again, and were used often.
            (0..capacity / 2).for_each(|number| cache.set(key(number), number));
        }
        for _ in 0..4 {
            for number in 0..capacity {
                let _ = cache.get(&key(number));
            }
        }
        Self {
            call,
            cache,
            capacity,
            fresh: AtomicU64::new(3 * capacity),
        }
    }

    /// The thread's `turn`-th call. What has to be so before it is made so first; only the call itself is watched.
    pub(crate) fn step(&self, random: &mut Random) -> Vec<crate::Touch> {
        let cache = &self.cache;
        let present = key(random.below(self.capacity));
        let new = || key(self.fresh.fetch_add(1, Ordering::Relaxed));
        match self.call {
            Call::Hit => {
                let (found, seen) = observed(|| cache.get(&present));
                assert!(found.is_some(), "a hit");
                seen
            }
            Call::PinnedHit => {
                let view = cache.pin();
                let (found, seen) = observed(|| view.get(&present).is_some());
                assert!(found, "a hit");
                seen
            }
            Call::FetchHit => observed(|| cache.get_or_fetch(present, || unreachable!("a hit"))).1,
            Call::Miss => {
                let absent = new();
                let (found, seen) = observed(|| cache.get(&absent));
                assert!(found.is_none(), "a miss");
                seen
            }
            Call::InsertBelow | Call::InsertAt => {
                let new = new();
                observed(|| cache.set(new, new)).1
            }
            Call::Overwrite => observed(|| cache.set(present, 1)).1,
            Call::Invalidate => {
                cache.set(present, 1);
                let (went, seen) = observed(|| cache.invalidate(&present));
                assert!(went, "it was there");
                seen
            }
            Call::Clear => {
                cache.set(present, 1);
                observed(|| cache.clear()).1
            }
            Call::Mixed => {
                let key = if random.below(5) > 0 {
                    key(random.below(self.capacity / 2))
                } else {
                    new()
                };
                let answer = observed(|| {
                    if cache.get(&key).is_none() {
                        cache.set(key, 1);
                    }
                });
                answer.1
            }
        }
    }
}

/// Numbers that depend on the seed alone.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// What one thread alone does in calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// The most of each kind of access in one call.
    pub max: Counts,
    /// Accesses per call, on the mean.
    pub mean: f64,
}

/// Looks at calls of each kind by one thread that nobody disturbs, by the call's name. (A thread that loses a race
/// starts its step again; lock-free calls have no bound on how often.)
///
/// The numbers repeat exactly if no other thread of the process uses a cache meanwhile.
pub fn alone() -> BTreeMap<&'static str, Summary> {
    let look = |call: Call| {
        let (stage, mut random) = (Stage::new(call, CAPACITY), Random::new(1));
        let mut summary = Summary::default();
        let mut accesses = 0;
        for _ in 0..CALLS {
            let seen = stage.step(&mut random);
            accesses += seen.len();
            summary.max = summary.max.max(Counts::of(&seen));
        }
        summary.mean = accesses as f64 / CALLS as f64;
        (call.name(), summary)
    };
    Call::ALL.into_iter().map(look).collect()
}

/// The stated maxima, by the call's name.
///
/// # Errors
/// What is wrong with the text.
pub fn stated(json: &str) -> Result<BTreeMap<String, Counts>, String> {
    serde_json::from_str(json).map_err(|error| format!("maxima.json: {error}"))
}
