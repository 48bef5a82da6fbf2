//! Values that know their key and can tell when they are dead; a census of them; a generator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ALIVE: u64 = 0x616c_6976_6521;
const DEAD: u64 = 0xdead_dead_dead;

#[derive(Default)]
struct Counts {
    made: AtomicU64,
    dropped: AtomicU64,
    /// Dropped twice, or copied after it was dropped.
    wrong: AtomicU64,
}

#[derive(Clone)]
pub(crate) struct Census(Arc<Counts>);

pub(crate) struct Value {
    magic: AtomicU64,
    key: u64,
    number: u64,
    census: Census,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// A value with a number of its own.
    pub(crate) fn value(&self, key: u64) -> Value {
        Value {
            magic: AtomicU64::new(ALIVE),
            key,
            number: self.0.made.fetch_add(1, Ordering::Relaxed),
            census: self.clone(),
        }
    }

    /// Every value was dropped, and none twice (I4).
    pub(crate) fn assert_all_gone(&self, what: &str) {
        let counts = &*self.0;
        let load = |n: &AtomicU64| n.load(Ordering::SeqCst);
        assert_eq!(load(&counts.wrong), 0, "I4, {what}: used after its drop");
        assert_eq!(
            load(&counts.made),
            load(&counts.dropped),
            "I4, {what}: made, dropped"
        );
    }
}

impl Value {
    pub(crate) fn key(&self) -> u64 {
        assert_eq!(self.magic.load(Ordering::Relaxed), ALIVE, "a dead value");
        self.key
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        let dead = self.magic.load(Ordering::Relaxed) != ALIVE;
        self.census
            .0
            .wrong
            .fetch_add(u64::from(dead), Ordering::Relaxed);
        self.census.0.made.fetch_add(1, Ordering::Relaxed);
        Self {
            magic: AtomicU64::new(ALIVE),
            key: self.key,
            number: self.number,
            census: self.census.clone(),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let dead = self.magic.swap(DEAD, Ordering::Relaxed) != ALIVE;
        self.census
            .0
            .wrong
            .fetch_add(u64::from(dead), Ordering::Relaxed);
        self.census.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A small generator: runs are not repeated exactly anyway.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1))
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }
}
