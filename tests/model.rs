//! The cache against a sequential model: a map that may forget only by eviction, and only when every room is taken by
//! live entries. Times to live, clears, leases, predicates and statistics are exact. One thread; the concurrent
//! counterpart is `linearizability.rs`.

#[path = "model/map.rs"]
mod map;

use map::{Change, Model};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tux_cache::time::ManualTicker;
use tux_cache::{Lease, Remaining, TtlCache, Update};

const KEYS: u8 = 24;

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    GetMany(Vec<u8>),
    View(u8),
    Set(u8),
    SetWithTtl(u8, u64),
    SetForever(u8),
    GetOrFetch(u8),
    Peek(u8),
    Remaining(u8),
    Remove(u8),
    SetIfAbsent(u8),
    /// A kind of update, and a TTL for the kind that has one.
    Update(u8, Kind, u64),
    Retain(u8, u8),
    Invalidate(u8),
    InvalidateMatching(u8, u8),
    Clear,
    Sweep,
    Advance(u64),
    TakeLease(u8),
    /// Which of the leases that are out, and a TTL in microseconds, or the cache's own.
    SetLeased(prop::sample::Index, Option<u64>),
    DropLease(prop::sample::Index),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Keep,
    Set,
    SetWithTtl,
    SetKeepTtl,
    Remove,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Keep),
        Just(Kind::Set),
        Just(Kind::SetWithTtl),
        Just(Kind::SetKeepTtl),
        Just(Kind::Remove),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..KEYS;
    // Around whole milliseconds, since deadlines are kept in those; 0 deletes.
    let micros = || {
        prop_oneof![
            1 => Just(0),
            8 => (0u64..12, 0u64..3).prop_map(|(ms, off)| (ms * 1_000 + off).saturating_sub(1)),
            1 => Just(u64::MAX),
        ]
    };
    prop_oneof![
        6 => key().prop_map(Op::Get),
        1 => prop::collection::vec(key(), 0..20).prop_map(Op::GetMany),
        1 => key().prop_map(Op::View),
        10 => key().prop_map(Op::Set),
        5 => (key(), micros()).prop_map(|(key, ttl)| Op::SetWithTtl(key, ttl)),
        1 => key().prop_map(Op::SetForever),
        3 => key().prop_map(Op::GetOrFetch),
        2 => key().prop_map(Op::Peek),
        2 => key().prop_map(Op::Remaining),
        2 => key().prop_map(Op::Remove),
        4 => key().prop_map(Op::SetIfAbsent),
        6 => (key(), kind(), micros()).prop_map(|(key, kind, ttl)| Op::Update(key, kind, ttl)),
        1 => (2..6u8, 0..6u8).prop_map(|(n, rest)| Op::Retain(n, rest)),
        3 => key().prop_map(Op::Invalidate),
        1 => (2..6u8, 0..6u8).prop_map(|(n, rest)| Op::InvalidateMatching(n, rest)),
        1 => Just(Op::Clear),
        1 => Just(Op::Sweep),
        4 => (0u64..4_000).prop_map(Op::Advance),
        3 => key().prop_map(Op::TakeLease),
        4 => (any::<prop::sample::Index>(), prop::option::of(micros()))
            .prop_map(|(which, ttl)| Op::SetLeased(which, ttl)),
        1 => any::<prop::sample::Index>().prop_map(Op::DropLease),
    ]
}

/// The cache's own TTL, in microseconds.
const TTL: u64 = 9_500;

fn duration(micros: u64) -> Duration {
    match micros {
        u64::MAX => Duration::MAX,
        micros => Duration::from_micros(micros),
    }
}

struct Run {
    cache: TtlCache<u8, u64>,
    ticker: ManualTicker,
    model: Model,
    leases: Vec<(Lease, u8)>,
    capacity: Option<usize>,
    hits: u64,
    misses: u64,
}

impl Run {
    fn new(capacity: Option<usize>) -> Self {
        let ticker = ManualTicker::new();
        let builder = TtlCache::builder()
            .ttl(duration(TTL))
            .ticker(ticker.clone());
        let builder = match capacity {
            Some(capacity) => builder.max_size(capacity),
            None => builder.unbounded(),
        };
        Self {
            cache: builder.build().unwrap(),
            ticker,
            model: Model::default(),
            leases: Vec::new(),
            capacity,
            hits: 0,
            misses: 0,
        }
    }

    fn looked_up(&mut self, key: u8) -> Option<u64> {
        let value = self.model.get(key);
        *if value.is_some() {
            &mut self.hits
        } else {
            &mut self.misses
        } += 1;
        value
    }

    /// Runs one operation; returns the key it stored, if it stored one.
    fn step(&mut self, number: u64, op: &Op) -> Option<u8> {
        match *op {
            Op::Get(key) => assert_eq!(self.cache.get(&key), self.looked_up(key)),
            Op::GetMany(ref keys) => {
                let values: Vec<_> = keys.iter().map(|key| self.looked_up(*key)).collect();
                assert_eq!(self.cache.get_many(keys), values);
            }
            Op::View(key) => {
                let value = self.looked_up(key);
                assert_eq!(self.cache.pin().get(&key).copied(), value);
            }
            Op::Set(key) => {
                self.cache.set(key, number);
                return self.model.set(key, number, TTL);
            }
            Op::SetWithTtl(key, micros) => {
                self.cache.set_with_ttl(key, number, duration(micros));
                return self.model.set(key, number, micros);
            }
            Op::SetForever(key) => {
                self.cache.set_forever(key, number);
                return self.model.set(key, number, u64::MAX);
            }
            Op::GetOrFetch(key) => {
                let value = self.looked_up(key);
                assert_eq!(
                    self.cache.get_or_fetch(key, || number),
                    value.unwrap_or(number)
                );
                if value.is_none() {
                    return self.model.set(key, number, TTL);
                }
            }
            Op::Peek(key) => assert_eq!(self.cache.peek(&key), self.model.get(key)),
            Op::Remaining(key) => {
                let rest = self.model.remaining(key).map(|millis| match millis {
                    None => Remaining::Forever,
                    Some(millis) => Remaining::For(Duration::from_millis(millis)),
                });
                assert_eq!(self.cache.remaining(&key), rest);
            }
            Op::Remove(key) => {
                assert_eq!(self.cache.remove(&key), self.model.get(key));
                self.model.change(Change::Key(key));
            }
            Op::SetIfAbsent(key) => {
                let absent = self.model.get(key).is_none();
                let stored = self.cache.set_if_absent(key, number);
                assert_eq!(stored, if absent { Ok(()) } else { Err(number) });
                if absent {
                    return self.model.set(key, number, TTL);
                }
            }
            Op::Update(key, kind, micros) => return self.update(number, key, kind, micros),
            Op::Retain(n, rest) => {
                let goes = |value: u64| value % u64::from(n) == u64::from(rest);
                let going: Vec<u8> = self
                    .model
                    .live()
                    .filter(|(_, value)| goes(*value))
                    .map(|(key, _)| key)
                    .collect();
                assert_eq!(self.cache.retain(|_, value| !goes(*value)), going.len());
                self.model.void_all();
                self.model
                    .change(Change::Matching(&|key| going.contains(&key)));
            }
            Op::Invalidate(key) => {
                assert_eq!(self.cache.invalidate(&key), self.model.get(key).is_some());
                self.model.change(Change::Key(key));
            }
            Op::InvalidateMatching(n, rest) => {
                let matches = |key: u8| key % n == rest;
                let count = self.model.live().filter(|(k, _)| matches(*k)).count();
                assert_eq!(self.cache.invalidate_matching(|k| matches(*k)), count);
                self.model.change(Change::Matching(&matches));
            }
            Op::Clear => {
                self.cache.clear();
                assert!(self.cache.is_empty());
                self.model.change(Change::All);
            }
            Op::Sweep => {
                self.cache.sweep();
                assert_eq!(
                    self.cache.resident(),
                    self.model.live().count(),
                    "sweep leaves the live alone"
                );
            }
            Op::Advance(micros) => {
                self.ticker.advance(Duration::from_micros(micros));
                self.model.advance(micros);
            }
            Op::TakeLease(key) => {
                self.leases.push((self.cache.lease(&key), key));
                self.model.lease(key);
            }
            Op::DropLease(ref which) => {
                if !self.leases.is_empty() {
                    let n = which.index(self.leases.len());
                    self.leases.remove(n);
                    self.model.spend(n);
                }
            }
            Op::SetLeased(ref which, micros) => return self.set_leased(number, which, micros),
        }
        None
    }

    fn update(&mut self, number: u64, key: u8, kind: Kind, micros: u64) -> Option<u8> {
        let before = self.model.get(key);
        let standing = self.cache.update(key, |old| {
            assert_eq!(old.copied(), before);
            match kind {
                Kind::Keep => Update::Keep,
                Kind::Set => Update::Set(number),
                Kind::SetWithTtl => Update::SetWithTtl(number, duration(micros)),
                Kind::SetKeepTtl => Update::SetKeepTtl(number),
                Kind::Remove => Update::Remove,
            }
        });
        let stored = match kind {
            Kind::Keep => None,
            Kind::Set => self.model.set(key, number, TTL),
            Kind::SetKeepTtl if before.is_some() => self.model.replace(key, number),
            Kind::SetKeepTtl => self.model.set(key, number, TTL),
            Kind::SetWithTtl if micros > 0 => self.model.set(key, number, micros),
            // Removing what is not there voids the loads of it, too.
            Kind::SetWithTtl | Kind::Remove => {
                self.model.change(Change::Key(key));
                None
            }
        };
        let expected = match kind {
            Kind::Keep => before,
            _ => stored.map(|_| number),
        };
        assert_eq!(standing, expected);
        stored
    }

    fn set_leased(
        &mut self,
        number: u64,
        which: &prop::sample::Index,
        micros: Option<u64>,
    ) -> Option<u8> {
        if self.leases.is_empty() {
            return None;
        }
        let n = which.index(self.leases.len());
        let (lease, key) = self.leases.remove(n);
        let valid = self.model.spend(n);
        assert_eq!(valid, self.cache.lease_is_valid(&lease), "I8");
        let stored = match micros {
            None => self.cache.set_leased(lease, key, number),
            Some(micros) => {
                let ttl = Some(duration(micros));
                self.cache.set_leased_with_ttl(lease, key, number, ttl)
            }
        };
        assert_eq!(valid, stored, "I8: whether the lease publishes");
        if stored {
            self.model.set(key, number, micros.unwrap_or(TTL))
        } else {
            None
        }
    }

    /// Compares everything that can be seen; what is missing must have been evicted with good reason.
    fn compare(&mut self, stored: Option<u8>, live_before: usize) {
        let found: BTreeMap<u8, u64> = self.cache.iter().collect();
        let evicted: Vec<u8> = self.model.live().map(|(key, _)| key).collect();
        let evicted: Vec<u8> = evicted
            .into_iter()
            .filter(|key| !found.contains_key(key))
            .collect();
        if !evicted.is_empty() {
            assert_eq!(evicted.len(), 1, "one entry makes room for one");
            assert!(
                stored.is_some_and(|key| key != evicted[0]),
                "{evicted:?} left, but {stored:?} was stored"
            );
            assert_eq!(
                Some(live_before),
                self.capacity,
                "evicted though not all rooms were taken by live entries"
            );
            self.model.evict(evicted[0]);
        }
        assert_eq!(found, self.model.live().collect());
        assert_eq!(self.cache.len(), found.len());
        assert_eq!(self.cache.is_empty(), found.is_empty());
        assert!(found.len() <= self.cache.resident(), "I1");
        let s = self.cache.stats();
        assert_eq!((s.hits, s.misses), (self.hits, self.misses));
        if let Some(capacity) = self.capacity {
            assert!(self.cache.resident() <= capacity, "I1");
            let out = s.evictions + s.expirations + s.invalidations + s.cleared;
            assert_eq!(s.insertions, out + self.cache.resident() as u64, "{s:?}");
        } else {
            assert_eq!(s.evictions, 0);
        }
    }
}

fn run(capacity: Option<usize>, ops: &[Op]) {
    let mut run = Run::new(capacity);
    for (number, op) in ops.iter().enumerate() {
        let live_before = run.model.live().count();
        let stored = run.step(number as u64, op);
        run.compare(stored, live_before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Regressions become tests of their own.
        failure_persistence: None,
        ..ProptestConfig::with_cases(
            std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150),
        )
    })]

    #[test]
    fn bounded(capacity in 1usize..=16, ops in prop::collection::vec(op(), 1..250)) {
        run(Some(capacity), &ops);
    }

    #[test]
    fn unbounded(ops in prop::collection::vec(op(), 1..250)) {
        run(None, &ops);
    }
}
