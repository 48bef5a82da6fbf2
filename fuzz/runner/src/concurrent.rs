//! Two or three threads at once. Only invariants can be checked, but sharp ones: every key but a few has one
//! writer, so that readers know which versions are over.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;

use crate::counts;
use crate::input::Input;
use crate::ops::Op;
use crate::threads::{Job, Threads};
use crate::value::{Census, Value};

/// Keys that every thread writes.
const SHARED: u16 = 4;
/// A value's number holds its version above and its key below.
const KEY_BITS: u32 = 16;
/// One input in so many gets threads that end with it; the others share threads that stay.
const INPUTS_PER_NEW_THREADS: usize = 16;

thread_local! {
    static THREADS: RefCell<Threads> = RefCell::default();
}

/// The input's operations, dealt out to two or three threads on one small cache.
pub fn ops_mt(data: &[u8]) {
    let mut input = Input(data);
    let Some(capacity) = input.pick(&[1_usize, 2, 3, 7, 8, 16, 33]) else {
        return;
    };
    let Some(head) = input.byte() else { return };
    let threads = [2_u16, 2, 3][usize::from(head % 3)];
    let full = head / 3 % 4 > 0;
    let Some(ttl) = input.ttl() else { return };
    // A table of its own size for every thread's part; a multiple of the threads, so that owners are plain.
    let owned = threads * (u16::try_from(capacity).expect("small") / 2 + 2);
    let ticker = ManualTicker::new();
    let census = Census::default();
    let shared = Arc::new(Shared {
        cache: TtlCache::builder()
            .ttl(ttl)
            .max_size(capacity)
            .ticker(ticker.clone())
            .hasher(ahash::RandomState::with_seeds(1, 2, 3, 4))
            .build()
            .expect("every choice is in range"),
        capacity,
        threads,
        owned,
        ticker,
        census: census.clone(),
        over: (0..owned).map(|_| AtomicU64::new(0)).collect(),
        versions: AtomicU64::new(0),
        steps: AtomicU64::new(0),
    });
    if full {
        (0..owned + SHARED).for_each(|key| shared.cache.set(key, shared.value(key)));
    }
    let chunk = input.0.len().div_ceil(usize::from(threads)).max(1);
    let parts = (0..threads).zip(input.0.chunks(chunk));
    let jobs = parts.map(|(me, part)| -> Job {
        let (shared, part) = (Arc::clone(&shared), Box::<[u8]>::from(part));
        Box::new(move || Thread::new(&shared, me).run(Input(&part)))
    });
    let jobs: Vec<Job> = jobs.collect();
    if jobs.is_empty() {
        return;
    }
    if data.len().is_multiple_of(INPUTS_PER_NEW_THREADS) {
        let mut own = Threads::default();
        own.run(jobs);
        own.dismiss();
    } else {
        THREADS.with_borrow_mut(|kept| kept.run(jobs));
    }
    let shared = Arc::into_inner(shared).expect("the threads have let go of it");
    at_rest(&shared);
    let evictions = shared.cache.stats().evictions;
    counts::note(shared.steps.load(Ordering::Relaxed), evictions > 0);
    drop(shared);
    assert_eq!(census.alive(), 0, "I4: values outlive the cache");
}

struct Shared {
    cache: TtlCache<u16, Value, ahash::RandomState>,
    capacity: usize,
    threads: u16,
    owned: u16,
    ticker: ManualTicker,
    census: Census,
    /// Per owned key: versions up to this one are overwritten or removed; stored after the call returned.
    over: Vec<AtomicU64>,
    versions: AtomicU64,
    /// Operations done.
    steps: AtomicU64,
}

impl Shared {
    fn value(&self, key: u16) -> Value {
        let version = self.versions.fetch_add(1, Ordering::Relaxed) + 1;
        self.census.value(version << KEY_BITS | u64::from(key))
    }
}

fn at_rest(shared: &Shared) {
    let cache = &shared.cache;
    cache.sweep();
    let mut keys: Vec<u16> = cache.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), cache.len(), "keys found at rest against len");
    assert_eq!(keys.len(), cache.resident(), "sweep leaves nothing dead");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), cache.len(), "I2: a key is there twice");
    keys.iter()
        .for_each(|key| assert!(cache.contains(key), "I4: key {key} is only in the walk"));
    let stats = cache.stats();
    let left = stats.evictions + stats.expirations + stats.invalidations + stats.cleared;
    assert_eq!(
        stats.insertions,
        left + cache.resident() as u64,
        "what came in: {stats:?}"
    );
}

struct Thread<'a> {
    shared: &'a Shared,
    me: u16,
    /// Per owned key: the newest version this thread has seen or written.
    newest: Vec<u64>,
    lease: Option<(tux_cache::Lease, u16)>,
}

impl<'a> Thread<'a> {
    fn new(shared: &'a Shared, me: u16) -> Self {
        Self {
            shared,
            me,
            newest: vec![0; usize::from(shared.owned)],
            lease: None,
        }
    }

    fn run(mut self, mut input: Input<'_>) {
        let keys = self.shared.owned + SHARED;
        let mut steps = 0;
        while let Some(op) = Op::read(&mut input, keys) {
            // A scan is as many writes.
            steps += if let Op::Scan(_, count) = op {
                u64::from(count)
            } else {
                1
            };
            self.step(op);
            let (len, resident) = (self.shared.cache.len(), self.shared.cache.resident());
            let capacity = self.shared.capacity;
            assert!(
                len <= capacity && resident <= capacity,
                "I1: {len}, {resident} of {capacity}"
            );
        }
        self.shared.steps.fetch_add(steps, Ordering::Relaxed);
    }

    fn step(&mut self, op: Op) {
        let cache = &self.shared.cache;
        match op {
            Op::Get(key) => {
                let over = self.over(key);
                let got = cache.get(&key).map(|value| value.id);
                self.read(key, over, got);
            }
            Op::Contains(key) => {
                cache.contains(&key);
            }
            Op::Set(key) => self.write(key, |key, value| cache.set(key, value)),
            Op::SetWithTtl(key, ttl) => {
                self.write(key, |key, value| cache.set_with_ttl(key, value, ttl));
                if let (true, Some(key)) = (ttl.is_zero(), self.mine(key)) {
                    self.is_over(key);
                }
            }
            Op::SetForever(key) => self.write(key, |key, value| cache.set_forever(key, value)),
            Op::Scan(from, count) => {
                for n in 0..u16::from(count) {
                    self.step(Op::Set((from + n) % (self.shared.owned + SHARED)));
                }
            }
            Op::Invalidate(key) => {
                if let Some(key) = self.mine(key) {
                    cache.invalidate(&key);
                    self.is_over(key);
                }
            }
            Op::InvalidateMatching { modulus, rest } => {
                cache.invalidate_matching(|key| key % modulus == rest);
                self.all_over(|key| key % modulus == rest);
            }
            Op::Clear => {
                cache.clear();
                self.all_over(|_| true);
            }
            Op::Fetch(key) => self.fetch(key, false),
            Op::FetchPanics(key) => self.fetch(key, true),
            Op::FetchFails(key) => {
                if let Some(key) = self.mine(key) {
                    let over = self.over(key);
                    let got = cache.try_get_or_fetch(key, || Err::<Value, _>("no"));
                    // Others fetch the shared keys and may hand us their value.
                    self.read(key, over, got.ok().map(|value| value.id));
                }
            }
            Op::FetchOvertaken(key) => {
                if let Some(key) = self.mine(key) {
                    let (newer, fetched) = (self.shared.value(key), self.shared.value(key));
                    let (newer_id, fetched_id) = (newer.id, fetched.id);
                    let load = || {
                        cache.set(key, newer);
                        fetched
                    };
                    let got = cache.get_or_fetch(key, load).id;
                    assert_eq!(got & 0xffff, u64::from(key), "I2: another key's value");
                    if got == fetched_id && key < self.shared.owned {
                        // T26: the set within the flight won, the fetched value was not kept.
                        self.newest[usize::from(key)] = newer_id >> KEY_BITS;
                        self.set_over(key, (newer_id >> KEY_BITS) - 1);
                        let kept = cache.get(&key).map(|value| value.id);
                        assert_ne!(kept, Some(fetched_id), "T26: an overtaken fetch was kept");
                    }
                }
            }
            Op::Lease(key) => self.lease = self.mine(key).map(|key| (cache.lease(&key), key)),
            Op::SetLeased(..) => {
                if let Some((lease, key)) = self.lease.take() {
                    self.write(key, |key, value| {
                        cache.set_leased(lease, key, value);
                    });
                }
            }
            Op::GetMany(from, count) => {
                let keys = self.some_keys(from, u16::from(count));
                let over: Vec<u64> = keys.iter().map(|&key| self.over(key)).collect();
                let got = cache.get_many(&keys);
                for ((&key, over), got) in keys.iter().zip(over).zip(got) {
                    self.read(key, over, got.map(|value| value.id));
                }
            }
            Op::Pin(from, count) => self.pin(from, u16::from(count)),
            Op::Advance(by) => self
                .shared
                .ticker
                .advance(by.min(Duration::from_millis(20))),
            Op::Sweep => {
                cache.sweep();
            }
        }
    }

    /// Reads references, lets them go stale by a write, and reads them again.
    fn pin(&mut self, from: u16, count: u16) {
        let shared = self.shared;
        let keys = self.some_keys(from, count);
        let view = shared.cache.pin();
        let held: Vec<_> = keys
            .iter()
            .map(|&key| (key, self.over(key), view.get(&key)))
            .collect();
        let ids: Vec<_> = held
            .iter()
            .map(|(.., value)| value.map(|value| value.id))
            .collect();
        self.step(Op::Set(from));
        for (&(key, over, value), id) in held.iter().zip(ids) {
            assert_eq!(
                value.map(|value| value.id),
                id,
                "I4: a value changed under a view"
            );
            self.read_unordered(key, over, id);
        }
    }

    fn some_keys(&self, from: u16, count: u16) -> Vec<u16> {
        (0..count)
            .map(|n| (from + n) % (self.shared.owned + SHARED))
            .collect()
    }

    fn fetch(&mut self, key: u16, panics: bool) {
        let Some(key) = self.mine(key) else { return };
        let cache = &self.shared.cache;
        let over = self.over(key);
        let value = self.shared.value(key);
        let fetched = value.id;
        let mut called = false;
        let load = || {
            called = true;
            if panics {
                // `resume_unwind`: a fuzzer ends the process from the panic hook.
                resume_unwind(Box::new("loader"));
            }
            value
        };
        let got = catch_unwind(AssertUnwindSafe(|| cache.get_or_fetch(key, load).id));
        match got {
            Err(_) => assert!(panics && called, "I9: a panic that is not its caller's"),
            Ok(got) if called => assert_eq!(got, fetched, "a leader gets what it fetched"),
            Ok(got) => self.read(key, over, Some(got)),
        }
        if called && !panics && key < self.shared.owned {
            self.newest[usize::from(key)] = fetched >> KEY_BITS;
            self.set_over(key, (fetched >> KEY_BITS) - 1);
        }
    }

    /// The key itself if everybody may write it, else the nearest one that is this thread's.
    fn mine(&self, key: u16) -> Option<u16> {
        if key >= self.shared.owned {
            return Some(key);
        }
        let own = key - key % self.shared.threads + self.me;
        (own < self.shared.owned).then_some(own)
    }

    fn write(&mut self, key: u16, store: impl FnOnce(u16, Value)) {
        let Some(key) = self.mine(key) else { return };
        let value = self.shared.value(key);
        let version = value.id >> KEY_BITS;
        let over = self.over(key);
        store(key, value);
        if key < self.shared.owned {
            // Whether or not it was kept (a void lease, a zero time to live), nothing newer can be there; and what
            // was there before is over unless the store did nothing.
            let got = self.shared.cache.get(&key).map(|value| value.id);
            if got == Some(version << KEY_BITS | u64::from(key)) {
                self.set_over(key, version - 1);
            }
            self.read(key, over, got);
        }
    }

    /// The versions of a key that are over at this moment.
    fn over(&self, key: u16) -> u64 {
        let over = self.shared.over.get(usize::from(key));
        over.map_or(0, |over| over.load(Ordering::SeqCst))
    }

    fn set_over(&self, key: u16, version: u64) {
        self.shared.over[usize::from(key)].fetch_max(version, Ordering::SeqCst);
    }

    /// This thread has just removed its own key.
    fn is_over(&mut self, key: u16) {
        if key < self.shared.owned {
            // Everything issued so far for this key was issued by us and has been written.
            let version = self.shared.versions.load(Ordering::Relaxed);
            self.set_over(key, version);
            self.newest[usize::from(key)] = self.newest[usize::from(key)].max(version);
        }
    }

    fn all_over(&mut self, which: impl Fn(u16) -> bool) {
        for key in (self.me..self.shared.owned).step_by(usize::from(self.shared.threads)) {
            if which(key) {
                self.is_over(key);
            }
        }
    }

    /// A look-up that began when versions up to `over` were over found this.
    fn read(&mut self, key: u16, over: u64, got: Option<u64>) {
        self.read_unordered(key, over, got);
        if let (Some(got), Some(newest)) = (got, self.newest.get_mut(usize::from(key))) {
            let version = got >> KEY_BITS;
            assert!(
                version >= *newest,
                "I2: key {key} went back from version {newest} to {version}"
            );
            *newest = version;
        }
    }

    fn read_unordered(&self, key: u16, over: u64, got: Option<u64>) {
        let Some(got) = got else { return };
        assert_eq!(got & 0xffff, u64::from(key), "I2: another key's value");
        assert!(
            got >> KEY_BITS > over,
            "I2: key {key} shows a version that was over"
        );
        let issued = self.shared.versions.load(Ordering::SeqCst);
        assert!(
            got >> KEY_BITS <= issued,
            "I2: key {key} shows a value nobody wrote"
        );
    }
}
