//! Values that know their key and can tell when they are dead, and a census of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::hook::{Site, pass};

const ALIVE: u64 = 0x616c_6976_6521;
const DEAD: u64 = 0xdead_dead_dead;

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    /// Made and not dropped; negative if one was dropped twice.
    alive: AtomicI64,
    /// Dropped twice, or copied after it was dropped.
    wrong: AtomicU64,
}

/// How many values there were and are.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<Counts>);

/// A value under a key, and with a number. Its copies count as values of their own.
#[derive(Debug)]
pub struct Value {
    magic: AtomicU64,
    key: u64,
    number: u64,
    census: Census,
}

impl Census {
    /// A value with a number that no other one of this census has, unless it was given it.
    pub fn value(&self, key: u64) -> Value {
        let number = self.0.made.fetch_add(1, Ordering::Relaxed);
        self.made(key, number)
    }

    /// A value with this number.
    pub fn numbered(&self, key: u64, number: u64) -> Value {
        self.0.made.fetch_add(1, Ordering::Relaxed);
        self.made(key, number)
    }

    fn made(&self, key: u64, number: u64) -> Value {
        self.0.alive.fetch_add(1, Ordering::Relaxed);
        Value {
            magic: AtomicU64::new(ALIVE),
            key,
            number,
            census: self.clone(),
        }
    }

    /// Values, copies included, that are not dropped.
    ///
    /// # Panics
    /// If one was dropped twice.
    pub fn alive(&self) -> usize {
        let alive = self.0.alive.load(Ordering::SeqCst);
        usize::try_from(alive).expect("I4: no value is dropped twice")
    }

    /// Every value was dropped, and none twice (I4).
    ///
    /// # Panics
    /// If that is not so.
    pub fn assert_all_gone(&self, what: &str) {
        let wrong = self.0.wrong.load(Ordering::SeqCst);
        assert_eq!(wrong, 0, "I4, {what}: used after its drop");
        assert_eq!(self.alive(), 0, "I4, {what}: values left");
    }

    fn note(&self, dead: bool) {
        self.0.wrong.fetch_add(u64::from(dead), Ordering::Relaxed);
    }
}

impl Value {
    /// The key it was made for.
    ///
    /// # Panics
    /// If it was dropped.
    pub fn key(&self) -> u64 {
        assert_eq!(self.magic.load(Ordering::Relaxed), ALIVE, "a dead value");
        self.key
    }

    /// Its number, which its copies have too.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        pass(Site::Clone);
        self.census
            .note(self.magic.load(Ordering::Relaxed) != ALIVE);
        self.census.numbered(self.key, self.number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.census
            .note(self.magic.swap(DEAD, Ordering::Relaxed) != ALIVE);
        self.census.0.alive.fetch_sub(1, Ordering::Relaxed);
        // Last: a panic there leaves a value that was dropped.
        pass(Site::Drop);
    }
}

/// A small generator.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Other numbers for each seed.
    pub fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1))
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }
}
