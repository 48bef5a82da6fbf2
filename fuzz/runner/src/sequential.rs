//! One thread against the model: every answer is checked, and after every operation the whole content.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use tux_cache::time::ManualTicker;
use tux_cache::{Lease, Stats, TtlCache};

use crate::input::Input;
use crate::model::{Life, Model};
use crate::ops::Op;
use crate::value::{Tally, Value};

/// A bounded cache against a map that may forget only when it must.
pub fn ops(data: &[u8]) {
    let mut input = Input(data);
    let Some(capacity) = input.pick(&[1_usize, 2, 3, 5, 7, 8, 10, 16, 31, 33, 64, 0]) else {
        return;
    };
    choose(input, Some(capacity));
}

/// An unbounded cache against a map that never forgets.
pub fn unbounded(data: &[u8]) {
    choose(Input(data), None);
}

/// The head of an input: how many keys, which time to live, which hasher.
fn choose(mut input: Input<'_>, capacity: Option<usize>) {
    let around = u16::try_from(capacity.unwrap_or(60)).expect("small");
    let Some(keys) = input.pick(&[
        around + 1,
        around + around / 2 + 2,
        2 * around + 3,
        4 * around + 5,
    ]) else {
        return;
    };
    let Some(ttl) = input.ttl() else { return };
    let Some(hasher) = input.byte() else { return };
    // Not unbounded: papaya doubles its table for as long as colliding keys exceed its probe limit, without end.
    let hasher = if capacity.is_some() { hasher % 4 } else { 3 };
    match hasher {
        0 => run(input, capacity, keys, ttl, Colliding(1)),
        1 => run(input, capacity, keys, ttl, Colliding(5)),
        // Seeded: an input must do the same tomorrow.
        _ => run(
            input,
            capacity,
            keys,
            ttl,
            ahash::RandomState::with_seeds(1, 2, 3, 4),
        ),
    }
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
    capacity: Option<usize>,
    ticker: ManualTicker,
    ttl: Duration,
    model: Model,
    tally: Tally,
    keys: u16,
    next_id: u64,
    leases: Vec<Held>,
    /// What the counters must say.
    seen: Expected,
    evictions: u64,
}

/// A lease that is out: its key, and whether anything at all was written or removed since.
struct Held {
    lease: Lease,
    key: u16,
    key_untouched: bool,
    all_untouched: bool,
}

#[derive(Default)]
struct Expected {
    hits: u64,
    misses: u64,
    stored: u64,
    invalidations: u64,
}

fn run<S: BuildHasher + Send + Sync + 'static>(
    mut input: Input<'_>,
    capacity: Option<usize>,
    keys: u16,
    ttl: Duration,
    hasher: S,
) {
    let ticker = ManualTicker::new();
    let builder = TtlCache::builder()
        .ttl(ttl)
        .ticker(ticker.clone())
        .hasher(hasher);
    let builder = match capacity {
        Some(capacity) => builder.max_size(capacity),
        None => builder.unbounded(),
    };
    let tally = Tally::default();
    let mut run = Run {
        cache: builder.build().expect("every choice is in range"),
        capacity,
        ticker,
        ttl,
        model: Model::default(),
        tally: tally.clone(),
        keys,
        next_id: 0,
        leases: Vec::new(),
        seen: Expected::default(),
        evictions: 0,
    };
    while let Some(op) = Op::read(&mut input, keys) {
        run.step(op);
    }
    run.end();
    assert_eq!(tally.alive(), 0, "I4: values outlive the cache");
}

impl<S: BuildHasher + Send + Sync + 'static> Run<S> {
    fn step(&mut self, op: Op) {
        match op {
            Op::Get(key) => {
                let got = self.cache.get(&key).map(|value| value.id);
                self.looked_up(key, got);
            }
            Op::Contains(key) => {
                let got = self.cache.contains(&key);
                self.agrees(key, got, "contains");
            }
            Op::Set(key) => self.set(key, Some(self.ttl), |cache, key, value| {
                cache.set(key, value)
            }),
            Op::SetWithTtl(key, ttl) => self.set(key, Some(ttl), move |cache, key, value| {
                cache.set_with_ttl(key, value, ttl);
            }),
            Op::SetForever(key) => {
                self.set(key, None, |cache, key, value| cache.set_forever(key, value));
            }
            Op::Scan(from, count) => {
                for n in 0..u16::from(count) {
                    self.step(Op::Set((from + n) % self.keys));
                }
            }
            Op::Invalidate(key) => {
                let went = self.cache.invalidate(&key);
                self.agrees(key, went, "invalidate");
                self.seen.invalidations += u64::from(went);
                self.model.held.remove(&key);
                self.touched(Some(key));
            }
            Op::InvalidateMatching { modulus, rest } => self.invalidate_matching(modulus, rest),
            Op::Clear => {
                self.cache.clear();
                self.model.held.clear();
                self.touched(None);
                assert!(self.cache.is_empty(), "I5: is_empty after clear");
            }
            Op::Fetch(key) => self.fetch(key),
            Op::FetchFails(key) => self.fetch_fails(key),
            Op::FetchPanics(key) => self.fetch_panics(key),
            Op::FetchOvertaken(key) => self.fetch_overtaken(key),
            Op::Lease(key) => {
                if self.leases.len() < 4 {
                    let lease = self.cache.lease(&key);
                    assert!(
                        self.cache.lease_is_valid(&lease),
                        "I8: a fresh lease is void"
                    );
                    let held = Held {
                        lease,
                        key,
                        key_untouched: true,
                        all_untouched: true,
                    };
                    self.leases.push(held);
                }
            }
            Op::SetLeased(which, ttl) => self.set_leased(which, ttl),
            Op::GetMany(from, count) => {
                let keys: Vec<u16> = (0..u16::from(count))
                    .map(|n| (from + n * 3) % self.keys)
                    .collect();
                let got: Vec<_> = self
                    .cache
                    .get_many(&keys)
                    .iter()
                    .map(|v| v.as_ref().map(|v| v.id))
                    .collect();
                assert_eq!(got.len(), keys.len(), "get_many: one answer a key");
                keys.iter()
                    .zip(got)
                    .for_each(|(&key, got)| self.looked_up(key, got));
            }
            Op::Pin(from, count) => {
                let keys = (0..u16::from(count)).map(|n| (from + n) % self.keys);
                let view = self.cache.pin();
                let got: Vec<_> = keys
                    .map(|key| (key, view.get(&key).map(|value| value.id)))
                    .collect();
                drop(view);
                got.into_iter()
                    .for_each(|(key, got)| self.looked_up(key, got));
            }
            Op::Advance(by) => {
                self.ticker.advance(by);
                self.model.now += by.as_nanos();
            }
            Op::Sweep => {
                self.cache.sweep();
                assert_eq!(
                    self.cache.resident(),
                    self.cache.len(),
                    "sweep leaves nothing dead"
                );
            }
        }
        self.reconcile(&op);
    }

    /// A counted look-up answered this.
    fn looked_up(&mut self, key: u16, got: Option<u64>) {
        *(if got.is_some() {
            &mut self.seen.hits
        } else {
            &mut self.seen.misses
        }) += 1;
        self.agrees(key, got.is_some(), "get");
        if let (Some(got), Some((held, _))) = (got, self.model.may_have(key)) {
            assert_eq!(
                got, held.id,
                "I2: key {key} has another value than was last set"
            );
        }
    }

    /// The cache says that it has the key, or not.
    fn agrees(&self, key: u16, has: bool, what: &str) {
        match self.model.may_have(key) {
            None => assert!(!has, "I2, I6: {what}({key}) finds what is not there"),
            Some((_, Life::Live)) => assert!(has, "I2: {what}({key}) misses a live entry"),
            Some(_) => {}
        }
    }

    fn value(&mut self) -> Value {
        self.next_id += 1;
        self.tally.value(self.next_id)
    }

    /// The key has changed (or, without one, all have): leases on it are void.
    fn touched(&mut self, key: Option<u16>) {
        for held in &mut self.leases {
            held.all_untouched = false;
            held.key_untouched &= key.is_some_and(|key| key != held.key);
        }
    }

    /// Room is made only if there was none.
    fn storing(&mut self, key: u16, ttl: Option<Duration>, store: impl FnOnce(&mut Self)) {
        let resident = self.cache.resident();
        let before = self.cache.stats();
        store(self);
        let evicted = self.cache.stats().evictions - before.evictions;
        assert!(
            evicted <= 1,
            "one set of key {key} evicted {evicted} entries"
        );
        if evicted > 0 {
            assert_eq!(
                Some(resident),
                self.capacity,
                "evicted before the cache was full"
            );
        }
        let keeps = ttl != Some(Duration::ZERO) && self.capacity != Some(0);
        let has = self.cache.contains(&key);
        assert_eq!(has, keeps, "I3: key {key} right after its set");
    }

    fn set(
        &mut self,
        key: u16,
        ttl: Option<Duration>,
        store: impl FnOnce(&TtlCache<u16, Value, S>, u16, Value),
    ) {
        let value = self.value();
        let id = value.id;
        self.storing(key, ttl, |run| store(&run.cache, key, value));
        self.stored(key, id, ttl);
    }

    /// Brings the model up to date with a write.
    fn stored(&mut self, key: u16, id: u64, ttl: Option<Duration>) {
        if ttl == Some(Duration::ZERO) {
            // It invalidates: the counter says whether something live went, and `reconcile` reads it.
            self.seen.invalidations = self.cache.stats().invalidations;
        } else if self.capacity != Some(0) {
            self.seen.stored += 1;
        }
        if self.capacity != Some(0) {
            self.model.set(key, id, ttl);
        }
        self.touched(Some(key));
    }

    fn invalidate_matching(&mut self, modulus: u16, rest: u16) {
        let matches = |key: u16| key % modulus == rest;
        let (mut least, mut most) = (0, 0);
        for (&key, held) in self.model.held.iter().filter(|&(&key, _)| matches(key)) {
            let life = self.model.life(held);
            least += usize::from(life == Life::Live);
            most += usize::from(life != Life::Dead);
            debug_assert!(matches(key));
        }
        let went = self.cache.invalidate_matching(|&key| matches(key));
        assert!(
            (least..=most).contains(&went),
            "invalidate_matching: {went}, not {least}..={most}"
        );
        self.seen.invalidations += went as u64;
        self.model.held.retain(|&key, _| !matches(key));
        self.touched(None);
    }

    fn fetch(&mut self, key: u16) {
        let fresh = self.value();
        let fresh_id = fresh.id;
        let mut called = false;
        let mut got = 0;
        let ttl = Some(self.ttl);
        let was_there = self.cache.contains(&key);
        let fetch = |run: &mut Self| {
            got = run
                .cache
                .get_or_fetch(key, || {
                    called = true;
                    fresh
                })
                .id;
        };
        if was_there {
            fetch(self)
        } else {
            self.storing(key, ttl, fetch)
        }
        assert_eq!(
            called, !was_there,
            "get_or_fetch({key}) fetches exactly what is missing"
        );
        self.looked_up(key, was_there.then_some(got));
        if called {
            assert_eq!(got, fresh_id, "get_or_fetch({key}) returns what it fetched");
            self.stored(key, fresh_id, ttl);
        }
    }

    fn fetch_fails(&mut self, key: u16) {
        let was_there = self.cache.contains(&key);
        let got = self
            .cache
            .try_get_or_fetch(key, || Err::<Value, _>("no"))
            .map(|value| value.id);
        assert_eq!(
            got.is_ok(),
            was_there,
            "try_get_or_fetch({key}) fetches exactly what is missing"
        );
        self.looked_up(key, got.ok());
    }

    fn fetch_panics(&mut self, key: u16) {
        let was_there = self.cache.contains(&key);
        let cache = &self.cache;
        // `resume_unwind`: a fuzzer ends the process from the panic hook.
        let load = || {
            cache
                .get_or_fetch(key, || resume_unwind(Box::new("loader")))
                .id
        };
        let got = catch_unwind(AssertUnwindSafe(load)).ok();
        assert_eq!(
            got.is_some(),
            was_there,
            "I9: a panic of the loader is its caller's"
        );
        self.looked_up(key, got);
    }

    fn fetch_overtaken(&mut self, key: u16) {
        let (newer, fetched) = (self.value(), self.value());
        let (newer_id, fetched_id) = (newer.id, fetched.id);
        let was_there = self.cache.contains(&key);
        let cache = &self.cache;
        let load = || {
            cache.set(key, newer);
            fetched
        };
        let got = cache.get_or_fetch(key, load).id;
        self.looked_up(key, was_there.then_some(got));
        if !was_there {
            assert_eq!(got, fetched_id, "the caller gets what it fetched");
            // T26: the set during the flight wins.
            self.stored(key, newer_id, Some(self.ttl));
        }
    }

    fn set_leased(&mut self, which: u8, ttl: Option<Duration>) {
        if self.leases.is_empty() {
            return;
        }
        let held = self
            .leases
            .swap_remove(usize::from(which) % self.leases.len());
        let value = self.value();
        let (key, id) = (held.key, value.id);
        let published = match ttl {
            None => self.cache.set_leased(held.lease, key, value),
            Some(_) => self.cache.set_leased_with_ttl(held.lease, key, value, ttl),
        };
        assert!(
            !published || held.key_untouched,
            "I8: a void lease on key {key} published"
        );
        assert!(
            published || !held.all_untouched,
            "I8: nothing was touched, and nothing published"
        );
        if published {
            self.stored(key, id, Some(ttl.unwrap_or(self.ttl)));
        }
    }

    /// Compares the whole content, tells the model what was evicted, and checks every sum.
    fn reconcile(&mut self, op: &Op) {
        self.model.expire();
        let mut actual = BTreeMap::new();
        self.cache.for_each(|&key, value| {
            let twice = actual.insert(key, value.id);
            assert_eq!(twice, None, "I2: key {key} is there twice after {op:?}");
        });
        for (key, id) in &actual {
            let held = self.model.may_have(*key).map(|(held, _)| held.id);
            assert_eq!(held, Some(*id), "I2, I5, I6: key {key} after {op:?}");
        }
        let model = &mut self.model;
        let missing: Vec<_> = model
            .held
            .keys()
            .filter(|key| !actual.contains_key(key))
            .copied()
            .collect();
        let (mut live, mut dying) = (0, 0);
        for key in missing {
            match model.may_have(key) {
                Some((_, Life::Live)) => live += 1,
                // Expired, or evicted a moment before.
                _ => dying += 1,
            }
            model.held.remove(&key);
        }
        let stats = self.cache.stats();
        let evicted = stats.evictions - self.evictions;
        assert!(
            (live..=live + dying).contains(&evicted),
            "{op:?} evicted {evicted}, but {live} live entries are gone, and {dying} that had just expired"
        );
        self.evictions = stats.evictions;
        self.sums(&stats, actual.len(), op);
    }

    fn sums(&self, stats: &Stats, live: usize, op: &Op) {
        let (len, resident) = (self.cache.len(), self.cache.resident());
        assert_eq!(len, live, "len after {op:?}");
        assert_eq!(self.cache.is_empty(), live == 0, "is_empty after {op:?}");
        assert!(
            len <= resident,
            "I1: len {len} > resident {resident} after {op:?}"
        );
        if let Some(capacity) = self.capacity {
            assert!(resident <= capacity, "I1: {resident} resident after {op:?}");
            let left = stats.evictions + stats.expirations + stats.invalidations + stats.cleared;
            assert_eq!(
                stats.insertions,
                left + resident as u64,
                "what came in after {op:?}: {stats:?}"
            );
        } else {
            assert_eq!(stats.evictions, 0, "an unbounded cache evicts nothing");
        }
        let seen = &self.seen;
        assert_eq!(
            (stats.hits, stats.misses),
            (seen.hits, seen.misses),
            "hits and misses after {op:?}"
        );
        assert_eq!(
            stats.insertions + stats.overwrites,
            seen.stored,
            "stores after {op:?}: {stats:?}"
        );
        assert_eq!(
            stats.invalidations, seen.invalidations,
            "invalidations after {op:?}"
        );
    }

    fn end(mut self) {
        self.leases.clear();
        self.step(Op::Sweep);
        let mut copied: Vec<u16> = self.cache.iter().map(|(key, _)| key).collect();
        copied.sort_unstable();
        let keys: Vec<u16> = self.model.held.keys().copied().collect();
        assert_eq!(copied, keys, "iter");
    }
}
