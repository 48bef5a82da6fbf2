//! Q1 over random calls of several threads that take turns: after each of them every live entry is in a queue.

use super::*;
use crate::engine::entry::Hash;
use crate::engine::reclaim::Domain;
use crate::engine::reclaim::supply::{Batches, Budget, Supply};
use crate::time::Deadline;

struct World {
    cache: Bounded<u64, u64>,
    locals: Vec<Local<u64, u64>>,
    domain: Domain,
    tick: u64,
    next: u64,
    random: u64,
}

impl World {
    fn new(capacity: usize, threads: usize, holders: usize) -> Self {
        let cache = Bounded::new(capacity, Arc::new(LeaseTable::new(1).unwrap())).unwrap();
        let supply = Supply::new(cache.slab(), holders, Batches::all(64), Budget::new(1_000));
        Self {
            locals: (0..threads)
                .map(|participant| Local::new(&supply, participant))
                .collect(),
            cache,
            domain: Domain::new(|| false),
            tick: 0,
            next: 0,
            random: 1,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn hash(key: u64) -> Hash {
        Hash::new(std::hash::BuildHasher::hash_one(
            &ahash::RandomState::with_seeds(1, 2, 3, 4),
            key,
        ))
    }

    fn set(&mut self, key: u64) {
        let local = &self.locals[usize::try_from(self.next).unwrap() % self.locals.len()];
        let deadline = match key % 40 {
            0 => Deadline::at(self.tick + 20),
            _ => Deadline::NEVER,
        };
        self.cache
            .set(local, Self::hash(key), key, key, deadline, self.tick, None);
    }

    /// One of the youngest keys, more than there is room for.
    fn known(&mut self) -> u64 {
        let among = 3 * self.cache.capacity() as u64 / 2 + 1;
        self.next.saturating_sub(self.random(among))
    }

    fn step(&mut self) {
        match self.random(40) {
            0..22 | 37..39 => {
                self.next += 1;
                self.set(self.next);
            }
            22..28 => {
                let key = self.known();
                self.set(key);
            }
            28..35 => {
                let key = self.known();
                let now = self.cache.at(self.tick);
                for _ in 0..self.random(4) {
                    // SAFETY: inside the guard, and not kept.
                    unsafe { self.cache.probe_all(Self::hash(key), now, |k| *k == key) };
                }
            }
            35 => {
                let key = self.known();
                let local = &self.locals[0];
                self.cache
                    .invalidate(local, Self::hash(key), self.tick, |k| *k == key);
            }
            36 => self.tick += 1,
            // In and out again, so often that the ring is full of what has gone.
            _ => {
                for _ in 0..self.random(300) {
                    self.next += 1;
                    self.set(self.next);
                    let key = self.next;
                    self.cache
                        .invalidate(&self.locals[0], Self::hash(key), self.tick, |k| *k == key);
                }
            }
        }
    }
}

#[test]
fn q1_every_live_entry_is_in_a_queue() {
    for (capacity, threads, holders, steps) in [
        (1, 1, 1, 2_000),
        (2, 2, 2, 4_000),
        (3, 2, 0, 4_000),
        (5, 3, 1, 4_000),
        (8, 2, 1, 4_000),
        (33, 3, 3, 4_000),
        (100, 4, 2, 4_000),
        (1_100, 1, 1, 4_000),
        (2_100, 2, 2, 8_000),
        (5_000, 3, 3, 20_000),
    ] {
        let mut world = World::new(capacity, threads, holders);
        let participant = world.domain.acquire();
        let participant = std::ptr::from_ref(participant);
        for step in 0..steps + capacity {
            {
                // SAFETY: the domain outlives the loop.
                let _guard = unsafe { &*participant }.enter();
                if step < capacity {
                    world.next += 1;
                    world.set(world.next);
                } else {
                    world.step();
                }
                if step % (1 + capacity / 50) == 0 {
                    let locals: Vec<_> = world.locals.iter().collect();
                    let lost = world.cache.in_no_queue(&locals);
                    assert_eq!(lost, None, "capacity {capacity}, step {step}");
                }
            }
            for local in &world.locals {
                local.collect(&world.domain);
            }
            if step % 7_000 == 6_999 {
                world.cache.clear(&world.locals[0]);
            }
        }
        let evictions = world
            .locals
            .iter()
            .map(|local| local.counters.evictions.get());
        assert!(evictions.sum::<u64>() > 100, "{capacity}");
    }
}

thread_local! {
    /// How many more comparisons go well.
    static GOOD: std::cell::Cell<u32> = const { std::cell::Cell::new(u32::MAX) };
}

/// A key that stands where all others stand, so that each is compared with each.
#[derive(Clone)]
struct Crowded(u64);

impl PartialEq for Crowded {
    fn eq(&self, other: &Self) -> bool {
        let good = GOOD.get();
        GOOD.set(good.saturating_sub(1));
        assert!(good > 0, "a comparison that panics");
        self.0 == other.0
    }
}

impl Eq for Crowded {}

/// A panic while keys are compared leaves nobody out, neither the victim that was chosen before.
#[test]
fn q1_after_panics_in_comparisons() {
    let cache = Bounded::<Crowded, u64>::new(5, Arc::new(LeaseTable::new(1).unwrap())).unwrap();
    let supply = Supply::new(cache.slab(), 1, Batches::all(64), Budget::new(1_000));
    let (local, domain) = (Local::new(&supply, 0), Domain::new(|| false));
    let participant = domain.acquire();
    let set = |key| {
        let _guard = participant.enter();
        let (hash, never) = (Hash::new(7), Deadline::NEVER);
        cache.set(&local, hash, Crowded(key), key, never, 0, None);
    };
    (0..10).for_each(set);
    let mut panics = 0;
    for n in 0..40 {
        GOOD.set(n);
        let panicked = catch_unwind(AssertUnwindSafe(|| set(100 + u64::from(n))));
        GOOD.set(u32::MAX);
        panics += u32::from(panicked.is_err());
        assert_eq!(cache.in_no_queue(&[&local]), None, "comparison {n}");
    }
    assert!((5..40).contains(&panics), "{panics}");
}
