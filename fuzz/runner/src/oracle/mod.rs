//! An exact sequential model of a cache: which values it shows, which entry leaves for which, and every counter.
//!
//! Written from what DESIGN.md says of the engine, without any of its code: plain vectors and maps, one thread, no
//! atomics. [`bounded`] has the permits and [`slots`], [`policy`] the eviction clock with its [`ghosts`] and the
//! [`sweep_order`] of its hand, [`due`] the index of deadlines; this file has the time, the leases and the counters.

mod bounded;
mod due;
mod ghosts;
mod policy;
mod slots;
mod sweep_order;
mod unbounded;

use std::time::Duration;

use bounded::Bounded;
use unbounded::Unbounded;

/// A hash as the table uses it: odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) u64);

impl Hash {
    /// `plain`: of a hasher that is not ahash, so that the engine spreads it once more.
    pub(crate) fn new(hash: u64, plain: bool) -> Self {
        let spread = if plain {
            let product = u128::from(hash ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
            let bytes = product.to_le_bytes();
            let half = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
            half(0) ^ half(8)
        } else {
            hash
        };
        Self(spread | 1)
    }
}

/// The tick, and how often the cache was cleared.
#[derive(Debug, Clone, Copy)]
struct Now {
    tick: u64,
    clears: u64,
}

/// The last tick but one that fits an entry; from there on it is for ever.
const FOR_EVER: u64 = (1 << 48) - 1;

/// The tick from which an entry is dead; `None`: never.
type Deadline = Option<u64>;

fn has_passed(deadline: Deadline, tick: u64) -> bool {
    deadline.is_some_and(|deadline| deadline <= tick)
}

/// The earlier one.
fn earlier(a: Deadline, b: Deadline) -> Deadline {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// What the cache must have counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) insertions: u64,
    pub(crate) overwrites: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) invalidations: u64,
    pub(crate) cleared: u64,
    pub(crate) voided: u64,
}

#[derive(Debug)]
enum Index {
    Nothing,
    Bounded(Box<Bounded>),
    Unbounded(Unbounded),
}

#[derive(Debug)]
pub(crate) struct Model {
    nanos: u64,
    clears: u64,
    index: Index,
    hashes: Vec<Hash>,
    counts: Counts,
    /// The leases that are out: the key's hash, and whether they hold.
    leases: Vec<(Hash, bool)>,
    /// The keys that the last operation evicted.
    pub(crate) evicted: Vec<u16>,
}

impl Model {
    /// `hashes`: of all keys. `None`: a cache without a bound.
    pub(crate) fn new(capacity: Option<usize>, hashes: Vec<Hash>) -> Self {
        let keys = hashes.len();
        Self {
            nanos: 0,
            clears: 0,
            index: match capacity {
                None => Index::Unbounded(Unbounded::new(keys)),
                Some(0) => Index::Nothing,
                Some(capacity) => Index::Bounded(Box::new(Bounded::new(capacity, keys))),
            },
            hashes,
            counts: Counts::default(),
            leases: Vec::new(),
            evicted: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now {
            tick: self.nanos / 1_000_000,
            clears: self.clears,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos = self.nanos.saturating_add(by);
    }

    /// What a look-up that counts nothing finds.
    pub(crate) fn peek(&self, key: u16) -> Option<u64> {
        match &self.index {
            Index::Nothing => None,
            Index::Bounded(bounded) => bounded.peek(key, self.now()),
            Index::Unbounded(map) => map.peek(key, self.now()),
        }
    }

    pub(crate) fn get(&mut self, key: u16) -> Option<u64> {
        let got = self.peek(key);
        if got.is_some() {
            self.counts.hits += 1;
            if let Index::Bounded(bounded) = &mut self.index {
                bounded.touch(key);
            }
        } else {
            self.counts.misses += 1;
        }
        got
    }

    /// A write for `ttl`; `Duration::MAX` is for ever.
    pub(crate) fn set(&mut self, key: u16, id: u64, ttl: Duration) {
        if ttl.is_zero() {
            self.invalidate(key);
            return;
        }
        self.put(key, id, ttl);
    }

    fn put(&mut self, key: u16, id: u64, ttl: Duration) {
        self.evicted.clear();
        let (now, hash) = (self.now(), self.hashes[usize::from(key)]);
        self.void(hash);
        // Rounded up to whole ticks, and the tick under way on top.
        let ticks = ttl.as_nanos().div_ceil(1_000_000);
        let deadline = u64::try_from(u128::from(now.tick) + ticks + 1)
            .ok()
            .filter(|&deadline| deadline < FOR_EVER);
        match &mut self.index {
            Index::Nothing => {}
            Index::Bounded(bounded) => {
                let counts = &mut self.counts;
                bounded.set(key, id, hash, deadline, now, counts, &mut self.evicted);
            }
            Index::Unbounded(map) => map.set(key, id, deadline, now, &mut self.counts),
        }
    }

    /// True if a live entry went.
    pub(crate) fn invalidate(&mut self, key: u16) -> bool {
        self.evicted.clear();
        let (now, hash) = (self.now(), self.hashes[usize::from(key)]);
        self.void(hash);
        match &mut self.index {
            Index::Nothing => false,
            Index::Bounded(bounded) => bounded.invalidate(key, now, &mut self.counts),
            Index::Unbounded(map) => map.invalidate(key, now, &mut self.counts),
        }
    }

    pub(crate) fn invalidate_matching(&mut self, matches: impl Fn(u16) -> bool) -> usize {
        self.evicted.clear();
        self.void_all();
        let mut went = 0;
        for key in (0..self.hashes.len()).filter_map(|key| u16::try_from(key).ok()) {
            went += usize::from(matches(key) && self.take_out(key));
        }
        went
    }

    /// One of many keys that are removed together.
    fn take_out(&mut self, key: u16) -> bool {
        let now = self.now();
        match &mut self.index {
            Index::Nothing => false,
            Index::Bounded(bounded) => bounded.take_out(key, now, &mut self.counts),
            Index::Unbounded(map) => map.invalidate(key, now, &mut self.counts),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.evicted.clear();
        self.void_all();
        self.clears += 1;
        if let Index::Unbounded(map) = &mut self.index {
            map.clear(&mut self.counts);
        }
    }

    /// How many entries it reclaimed.
    pub(crate) fn sweep(&mut self) -> usize {
        self.evicted.clear();
        let now = self.now();
        match &mut self.index {
            Index::Nothing => 0,
            Index::Bounded(bounded) => bounded.sweep(now, &mut self.counts),
            Index::Unbounded(map) => map.sweep(now, &mut self.counts),
        }
    }

    /// Takes a lease; the number is its place among those that are out.
    pub(crate) fn lease(&mut self, key: u16) {
        self.leases.push((self.hashes[usize::from(key)], true));
    }

    /// Whether the lease at this place holds.
    pub(crate) fn holds(&self, at: usize) -> bool {
        self.leases[at].1
    }

    /// A leased write: it publishes if the lease holds, and is over either way.
    pub(crate) fn set_leased(&mut self, at: usize, key: u16, id: u64, ttl: Duration) -> bool {
        let (hash, holds) = self.leases.swap_remove(at);
        self.evicted.clear();
        if !holds {
            self.counts.voided += u64::from(!ttl.is_zero());
        } else if ttl.is_zero() {
            self.void(hash);
            let now = self.now();
            match &mut self.index {
                Index::Nothing => {}
                Index::Bounded(bounded) => bounded.remove_leased(key, now, &mut self.counts),
                Index::Unbounded(map) => {
                    map.invalidate(key, now, &mut self.counts);
                }
            }
        } else {
            self.put(key, id, ttl);
        }
        holds
    }

    /// Gives the lease that was taken last back unused.
    pub(crate) fn give_back(&mut self) {
        self.leases.pop();
    }

    /// A key of this hash has changed.
    fn void(&mut self, hash: Hash) {
        for (of, holds) in &mut self.leases {
            *holds &= *of != hash;
        }
    }

    fn void_all(&mut self) {
        self.leases.iter_mut().for_each(|(_, holds)| *holds = false);
    }

    /// Entries that hold a permit or, without a bound, memory.
    pub(crate) fn resident(&self) -> usize {
        match &self.index {
            Index::Nothing => 0,
            Index::Bounded(bounded) => bounded.resident(),
            Index::Unbounded(map) => map.resident(),
        }
    }
}
