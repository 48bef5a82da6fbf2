//! One thread against the oracle: every answer, every victim, every counter.

use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use tux_cache::time::ManualTicker;
use tux_cache::{Lease, TtlCache};

use crate::counts;
use crate::input::Input;
use crate::ops::Op;
use crate::oracle::{Counts, Hash, Model};
use crate::value::{Census, Value};

/// Leases out at a time. With that of a fetch they have a slot of the engine each, whatever level they stand on, so that
/// exactly the writes of their own key void them.
const LEASES: usize = 24;

/// Steps between two looks at the whole content. In between, what an operation touched is looked at.
const STEPS_PER_LOOK: u64 = 64;

/// A bounded cache against the oracle.
pub fn ops(data: &[u8]) {
    let mut input = Input(data);
    let Some(capacity) = input.pick(&[1_usize, 2, 3, 5, 7, 8, 10, 16, 31, 33, 64, 0]) else {
        return;
    };
    choose(input, Some(capacity));
}

/// An unbounded cache against the model.
pub fn unbounded(data: &[u8]) {
    choose(Input(data), None);
}

/// The head of an input: how many keys, how many of them are there from the start, which time to live, which hasher.
fn choose(mut input: Input<'_>, capacity: Option<usize>) {
    let around = u16::try_from(capacity.unwrap_or(60)).expect("small");
    let Some(head) = input.byte() else { return };
    let keys = [
        around + 1,
        around + around / 2 + 2,
        2 * around + 3,
        4 * around + 5,
    ][usize::from(head % 4)];
    // Mostly full: half of the inputs are to evict.
    let filled = match head / 4 % 8 {
        0 => 0,
        1 => around,
        _ => keys,
    };
    let Some(ttl) = input.ttl() else { return };
    let Some(hasher) = input.byte() else { return };
    // Not unbounded: papaya doubles its table for as long as colliding keys exceed its probe limit, without end.
    let hasher = if capacity.is_some() { hasher % 4 } else { 3 };
    let head = Head {
        capacity,
        keys,
        filled,
        ttl,
    };
    match hasher {
        0 => run(input, head, Colliding(1), true),
        1 => run(input, head, Colliding(5), true),
        // Seeded: an input must do the same tomorrow.
        _ => {
            let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
            run(input, head, hasher, false);
        }
    }
}

#[derive(Clone, Copy)]
struct Head {
    capacity: Option<usize>,
    keys: u16,
    filled: u16,
    ttl: Duration,
}

/// So many different hashes and no more.
#[derive(Clone)]
struct Colliding(u64);

struct CollidingHasher(u64, u64);

impl BuildHasher for Colliding {
    type Hasher = CollidingHasher;

    fn build_hasher(&self) -> CollidingHasher {
        CollidingHasher(self.0, 0)
    }
}

impl Hasher for CollidingHasher {
    fn finish(&self) -> u64 {
        self.1 % self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.1 = self.1.wrapping_mul(31).wrapping_add(u64::from(byte));
        }
    }
}

struct Run<S> {
    cache: TtlCache<u16, Value, S>,
    ticker: ManualTicker,
    head: Head,
    model: Model,
    census: Census,
    next_id: u64,
    steps: u64,
    /// In the order of the model's.
    leases: Vec<(Lease, u16)>,
    /// What the cache shows, by key.
    shown: Vec<Option<u64>>,
}

fn run<S: BuildHasher + Send + Sync + 'static>(
    mut input: Input<'_>,
    head: Head,
    hasher: S,
    plain: bool,
) {
    let ticker = ManualTicker::new();
    let hashes = (0..head.keys).map(|key| Hash::new(hasher.hash_one(key), plain));
    let hashes: Vec<_> = hashes.collect();
    let builder = TtlCache::builder()
        .ttl(head.ttl)
        .ticker(ticker.clone())
        .shards(4)
        .hasher(hasher);
    let builder = match head.capacity {
        Some(capacity) => builder.max_size(capacity),
        None => builder.unbounded(),
    };
    let census = Census::default();
    let mut run = Run {
        cache: builder.build().expect("every choice is in range"),
        ticker,
        head,
        model: Model::new(head.capacity, hashes),
        census: census.clone(),
        next_id: 0,
        steps: 0,
        leases: Vec::new(),
        shown: vec![None; usize::from(head.keys)],
    };
    (0..head.filled).for_each(|key| run.step(Op::Set(key)));
    let filled = run.steps;
    while let Some(op) = Op::read(&mut input, head.keys) {
        run.step(op);
    }
    run.leases.clear();
    run.look("the last operation");
    run.step(Op::Sweep);
    run.look("the last sweep");
    counts::note(run.steps - filled, run.model.counts().evictions > 0);
    drop(run);
    assert_eq!(census.alive(), 0, "I4: values outlive the cache");
}

impl<S: BuildHasher + Send + Sync + 'static> Run<S> {
    fn step(&mut self, op: Op) {
        let ttl = self.head.ttl;
        match op {
            Op::Get(key) => {
                let got = self.cache.get(&key).map(|value| value.id);
                assert_eq!(got, self.model.get(key), "I2, I6: get({key})");
            }
            Op::Contains(key) => self.agrees(key, "contains"),
            Op::Set(key) => {
                let value = self.value();
                self.model.set(key, value.id, ttl);
                self.cache.set(key, value);
                self.wrote(key);
            }
            Op::SetWithTtl(key, ttl) => {
                let value = self.value();
                self.model.set(key, value.id, ttl);
                self.cache.set_with_ttl(key, value, ttl);
                self.wrote(key);
            }
            Op::SetForever(key) => {
                let value = self.value();
                self.model.set(key, value.id, Duration::MAX);
                self.cache.set_forever(key, value);
                self.wrote(key);
            }
            Op::Scan(from, count) => {
                for n in 0..u16::from(count) {
                    self.step(Op::Set((from + n) % self.head.keys));
                }
                return;
            }
            Op::Invalidate(key) => {
                let went = self.cache.invalidate(&key);
                assert_eq!(went, self.model.invalidate(key), "invalidate({key})");
                self.wrote(key);
            }
            Op::InvalidateMatching { modulus, rest } => {
                let matches = |key: u16| key % modulus == rest;
                let went = self.cache.invalidate_matching(|&key| matches(key));
                let expected = self.model.invalidate_matching(matches);
                assert_eq!(went, expected, "invalidate_matching({modulus}, {rest})");
            }
            Op::Clear => {
                self.cache.clear();
                self.model.clear();
                assert!(self.cache.is_empty(), "I5: is_empty after clear");
            }
            Op::Fetch(_) | Op::FetchFails(_) | Op::FetchPanics(_) | Op::FetchOvertaken(_) => {
                self.fetch(op);
            }
            Op::Lease(key) => self.lease(key),
            Op::SetLeased(which, ttl) => self.set_leased(which, ttl),
            Op::GetMany(from, count) => {
                let keys = (0..u16::from(count)).map(|n| (from + n * 3) % self.head.keys);
                let keys: Vec<u16> = keys.collect();
                let got = self.cache.get_many(&keys);
                assert_eq!(got.len(), keys.len(), "get_many: one answer a key");
                for (key, got) in keys.into_iter().zip(got) {
                    let got = got.map(|value| value.id);
                    assert_eq!(got, self.model.get(key), "I2, I6: get_many, {key}");
                }
            }
            Op::Pin(from, count) => {
                let view = self.cache.pin();
                for key in (0..u16::from(count)).map(|n| (from + n) % self.head.keys) {
                    let got = view.get(&key).map(|value| value.id);
                    assert_eq!(got, self.model.get(key), "I2, I6: pin, {key}");
                }
            }
            Op::Advance(by) => {
                self.ticker.advance(by);
                self.model.advance(by);
            }
            Op::Sweep => {
                let (went, expected) = (self.cache.sweep(), self.model.sweep());
                assert_eq!(went, expected, "I6: sweep");
            }
        }
        let (resident, expected) = (self.cache.resident(), self.model.resident());
        assert_eq!(resident, expected, "I1: permits in use after {op:?}");
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.look("some operations");
        }
    }

    fn agrees(&self, key: u16, what: &str) {
        let (has, expected) = (self.cache.contains(&key), self.model.peek(key).is_some());
        assert_eq!(has, expected, "I2, I3, I6: {what}: key {key} is there");
    }

    fn value(&mut self) -> Value {
        self.next_id += 1;
        self.census.value(self.next_id)
    }

    /// A write of this key is over: the key is there or not as it must be, and who had to leave has left.
    fn wrote(&self, key: u16) {
        self.agrees(key, "a write");
        for &victim in &self.model.evicted {
            let spared = self.cache.contains(&victim);
            assert!(!spared, "key {victim} was to leave for key {key}");
        }
    }

    fn fetch(&mut self, op: Op) {
        let ttl = self.head.ttl;
        let (Op::Fetch(key) | Op::FetchFails(key) | Op::FetchPanics(key) | Op::FetchOvertaken(key)) =
            op
        else {
            unreachable!("called for these only");
        };
        let there = self.model.get(key);
        let (newer, fetched) = (self.value(), self.value());
        let (newer_id, fetched_id) = (newer.id, fetched.id);
        let mut called = false;
        let cache = &self.cache;
        let load = || {
            called = true;
            match op {
                Op::FetchFails(_) => return Err("no"),
                // `resume_unwind`: a fuzzer ends the process from the panic hook.
                Op::FetchPanics(_) => resume_unwind(Box::new("loader")),
                Op::FetchOvertaken(_) => cache.set(key, newer),
                _ => {}
            }
            Ok(fetched)
        };
        let got = catch_unwind(AssertUnwindSafe(|| cache.try_get_or_fetch(key, load)));
        let got = got.ok().map(|got| got.map(|value| value.id));
        assert_eq!(called, there.is_none(), "{op:?} loads what is missing");
        let expected = match (there, op) {
            (Some(id), _) => Some(Ok(id)),
            (None, Op::FetchFails(_)) => Some(Err("no")),
            // I9: its caller's.
            (None, Op::FetchPanics(_)) => None,
            (None, _) => Some(Ok(fetched_id)),
        };
        assert_eq!(got, expected, "what {op:?} returns");
        if called {
            self.model.lease(key);
            let own = self.leases.len();
            match op {
                Op::Fetch(_) => _ = self.model.set_leased(own, key, fetched_id, ttl),
                Op::FetchOvertaken(_) => {
                    self.model.set(key, newer_id, ttl);
                    // T26: the set during the flight wins.
                    let kept = self.model.set_leased(own, key, fetched_id, ttl);
                    debug_assert!(!kept);
                }
                _ => self.model.give_back(),
            }
        }
        self.wrote(key);
    }

    fn lease(&mut self, key: u16) {
        if self.leases.len() < LEASES {
            self.model.lease(key);
            self.leases.push((self.cache.lease(&key), key));
        }
        for (at, (lease, key)) in self.leases.iter().enumerate() {
            let (holds, expected) = (self.cache.lease_is_valid(lease), self.model.holds(at));
            assert_eq!(holds, expected, "I8: whether the lease on {key} holds");
        }
    }

    fn set_leased(&mut self, which: u8, ttl: Option<Duration>) {
        if self.leases.is_empty() {
            return;
        }
        let at = usize::from(which) % self.leases.len();
        let (lease, key) = self.leases.swap_remove(at);
        let value = self.value();
        let life = ttl.unwrap_or(self.head.ttl);
        let expected = self.model.set_leased(at, key, value.id, life);
        let published = match ttl {
            None => self.cache.set_leased(lease, key, value),
            Some(_) => self.cache.set_leased_with_ttl(lease, key, value, ttl),
        };
        assert_eq!(published, expected, "I8: a lease on key {key} publishes");
        self.wrote(key);
    }

    /// Compares the whole content and every counter.
    fn look(&mut self, after: &str) {
        self.shown.fill(None);
        let (shown, mut live) = (&mut self.shown, 0);
        self.cache.for_each(|&key, value| {
            let twice = shown[usize::from(key)].replace(value.id);
            assert_eq!(twice, None, "I2: key {key} is there twice after {after}");
            live += 1;
        });
        for (key, shown) in (0..self.head.keys).zip(&self.shown) {
            let expected = self.model.peek(key);
            assert_eq!(*shown, expected, "I2, I5, I6: key {key} after {after}");
        }
        let (len, empty) = (self.cache.len(), self.cache.is_empty());
        assert_eq!((len, empty), (live, live == 0), "len after {after}");
        let stats = self.cache.stats();
        let counted = Counts {
            hits: stats.hits,
            misses: stats.misses,
            insertions: stats.insertions,
            overwrites: stats.overwrites,
            evictions: stats.evictions,
            expirations: stats.expirations,
            invalidations: stats.invalidations,
            cleared: stats.cleared,
            voided: stats.voided,
        };
        assert_eq!(counted, self.model.counts(), "counters after {after}");
    }
}
