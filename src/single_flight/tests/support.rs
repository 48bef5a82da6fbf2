//! A small cache with leases over a mutex, and futures polled by hand.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::single_flight::{Group, LeaseSource, Loaded, SyncStore};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, StdArc, thread};

/// A cache of `V` by `u64`: one generation voids every lease, which is coarse and exact enough here.
pub(super) struct TestStore<V> {
    pub(super) map: Mutex<HashMap<u64, V>>,
    generation: AtomicU64,
    leases: StdArc<AtomicUsize>,
    pub(super) keeps: bool,
}

pub(super) struct TestLease {
    generation: u64,
    leases: StdArc<AtomicUsize>,
}

impl Drop for TestLease {
    fn drop(&mut self) {
        self.leases.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<V: Clone> TestStore<V> {
    pub(super) fn new() -> Self {
        Self {
            map: Mutex::new(HashMap::new()),
            generation: AtomicU64::new(0),
            leases: StdArc::new(AtomicUsize::new(0)),
            keeps: true,
        }
    }

    /// A cache of capacity 0.
    pub(super) fn keeps_nothing() -> Self {
        Self {
            keeps: false,
            ..Self::new()
        }
    }

    pub(super) fn set(&self, key: u64, value: V) {
        let mut map = self.map.lock().unwrap();
        self.generation.fetch_add(1, Ordering::SeqCst);
        map.insert(key, value);
    }

    pub(super) fn invalidate(&self, key: u64) {
        let mut map = self.map.lock().unwrap();
        self.generation.fetch_add(1, Ordering::SeqCst);
        map.remove(&key);
    }

    pub(super) fn get(&self, key: u64) -> Option<V> {
        self.map.lock().unwrap().get(&key).cloned()
    }

    /// Leases that somebody still holds.
    pub(super) fn leases_out(&self) -> usize {
        self.leases.load(Ordering::SeqCst)
    }
}

impl<V> LeaseSource<u64> for TestStore<V> {
    type Lease = TestLease;

    fn lease(&self, _key: &u64) -> TestLease {
        self.leases.fetch_add(1, Ordering::SeqCst);
        TestLease {
            generation: self.generation.load(Ordering::SeqCst),
            leases: StdArc::clone(&self.leases),
        }
    }

    fn is_valid(&self, lease: &TestLease) -> bool {
        self.generation.load(Ordering::SeqCst) == lease.generation
    }
}

impl<V: Clone> SyncStore<u64, V> for TestStore<V> {
    fn peek(&self, key: &u64) -> Option<V> {
        self.get(*key)
    }

    fn publish(&self, lease: &TestLease, key: &u64, loaded: Loaded<V>) -> bool {
        let mut map = self.map.lock().unwrap();
        let valid = self.is_valid(lease) && self.keeps;
        if valid {
            map.insert(*key, loaded.into_value());
        }
        valid
    }
}

pub(super) type TestGroup<V> = Group<u64, V, TestLease>;

/// Waits until `n` callers wait for the flight of `key`.
pub(super) fn until_waiting<V: Clone>(group: &TestGroup<V>, key: u64, n: usize) {
    until(|| group.waiting(&key) == n);
}

/// Waits for other threads; gives up after a minute, which no healthy run comes near.
pub(super) fn until(mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(
            started.elapsed().as_secs() < 60,
            "the other threads never came"
        );
        thread::yield_now();
    }
}

/// A panic that prints nothing, for tests that make thousands.
pub(super) fn quiet_panic() -> ! {
    std::panic::resume_unwind(Box::new("expected by the test"))
}

/// Nothing is left of the flights (L10).
pub(super) fn assert_at_rest<V: Clone>(group: &TestGroup<V>, store: &TestStore<V>) {
    assert_eq!(group.len(), 0, "L10: flights left in the registry");
    assert_eq!(store.leases_out(), 0, "L10: leases left");
}

/// Counts its wake-ups.
#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicUsize,
}

impl Bell {
    pub(super) fn rung(&self) -> usize {
        self.rung.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: StdArc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled when the test says so.
pub(super) struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    pub(super) bell: StdArc<Bell>,
}

impl<'a, T> Task<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self {
            future: Box::pin(future),
            bell: StdArc::default(),
        }
    }

    pub(super) fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(StdArc::clone(&self.bell));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    #[track_caller]
    pub(super) fn pending(&mut self) {
        assert!(self.poll().is_pending(), "ready too early");
    }

    #[track_caller]
    pub(super) fn ready(&mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("not ready"),
        }
    }
}
