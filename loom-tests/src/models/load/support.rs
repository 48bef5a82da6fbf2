//! A one-key-at-a-time cache under loom, with leases by one generation.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize as Counter, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use crate::single_flight::{
    FlightArrival, Group, JoinFuture, LeaderGuard, LeaseSource, Loaded, SyncStore,
};
use crate::sync::{AtomicU64, Mutex, Ordering, StdArc};

pub(super) const KEY: u8 = 1;

/// What all threads of a model share. Counters of the checks are plain atomics: loom runs one thread at a
/// time, and they must not add interleavings.
pub(super) struct World {
    pub(super) group: Group<u8, u32, Lease>,
    pub(super) cache: Cache,
    /// Loads begun.
    pub(super) loads: Counter,
    /// Loads running now.
    running: Counter,
}

pub(super) struct Cache {
    generation: AtomicU64,
    values: Mutex<[Option<u32>; 3]>,
    leases: StdArc<Counter>,
}

pub(super) struct Lease {
    generation: u64,
    leases: StdArc<Counter>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.fetch_sub(1, SeqCst);
    }
}

pub(super) type Guard = LeaderGuard<u8, u32, Lease>;
pub(super) type Join = JoinFuture<u8, u32, Lease>;

impl World {
    pub(super) fn new() -> StdArc<Self> {
        StdArc::new(Self {
            group: Group::new(),
            cache: Cache {
                generation: AtomicU64::new(0),
                values: Mutex::new([None; 3]),
                leases: StdArc::default(),
            },
            loads: Counter::new(0),
            running: Counter::new(0),
        })
    }

    /// A load in which a thread switch is possible, and which no other load of the key may overlap (L1)
    /// unless the model says so by not using it.
    pub(super) fn load(&self, value: u32) -> u32 {
        self.loads.fetch_add(1, SeqCst);
        assert_eq!(self.running.fetch_add(1, SeqCst), 0, "L1: two leaders");
        loom::thread::yield_now();
        self.running.fetch_sub(1, SeqCst);
        value
    }

    pub(super) fn fetch(&self, load: impl FnOnce() -> u32) -> u32 {
        self.group.get_or_fetch(&self.cache, KEY, load)
    }

    /// Leads a flight by hand.
    pub(super) fn lead(&self) -> Guard {
        match self.group.enter(&self.cache, &KEY) {
            FlightArrival::Lead(leadership) => leadership.begin(&self.cache),
            FlightArrival::Wait(_) | FlightArrival::Nested => panic!("a flight is under way"),
        }
    }

    /// Joins a flight by hand, while its guard is held.
    pub(super) fn join(&self) -> Join {
        match self.group.enter(&self.cache, &KEY) {
            FlightArrival::Wait(join) => join,
            FlightArrival::Lead(_) | FlightArrival::Nested => panic!("no flight to join"),
        }
    }

    /// L10: nothing is left of the flights.
    pub(super) fn assert_at_rest(&self) {
        assert_eq!(self.group.len(), 0, "L10: a flight stayed in the registry");
        assert_eq!(self.cache.leases.load(SeqCst), 0, "L10: a lease stayed out");
    }
}

impl Cache {
    pub(super) fn invalidate(&self, key: u8) {
        let mut values = self.values.lock().unwrap();
        self.generation.fetch_add(1, Ordering::Release);
        values[usize::from(key)] = None;
    }

    pub(super) fn get(&self, key: u8) -> Option<u32> {
        self.values.lock().unwrap()[usize::from(key)]
    }
}

impl LeaseSource<u8> for Cache {
    type Lease = Lease;

    fn lease(&self, _key: &u8) -> Lease {
        self.leases.fetch_add(1, SeqCst);
        Lease {
            generation: self.generation.load(Ordering::Acquire),
            leases: StdArc::clone(&self.leases),
        }
    }

    fn is_valid(&self, lease: &Lease) -> bool {
        self.generation.load(Ordering::Acquire) == lease.generation
    }
}

impl SyncStore<u8, u32> for Cache {
    fn peek(&self, key: &u8) -> Option<u32> {
        self.get(*key)
    }

    fn publish(&self, lease: &Lease, key: &u8, loaded: Loaded<u32>) -> bool {
        let mut values = self.values.lock().unwrap();
        let valid = self.is_valid(lease);
        if valid {
            values[usize::from(*key)] = Some(loaded.into_value());
        }
        valid
    }
}

/// Polls once with a waker that nobody hears.
pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A panic that prints nothing.
pub(super) fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("expected by the model"))
}

/// Whether the call panicked in its loader (any other panic is a finding and goes on).
pub(super) fn caught(call: impl FnOnce() -> u32) -> Option<u32> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) if is_expected(&*payload) => None,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

fn is_expected(payload: &(dyn std::any::Any + Send)) -> bool {
    payload.downcast_ref::<&str>() == Some(&"expected by the model")
}
