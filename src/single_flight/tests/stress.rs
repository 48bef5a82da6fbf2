//! Everything at once, on real threads: no stale answer, nobody left waiting, nothing left behind.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::{Task, TestGroup, TestLease, TestStore, assert_at_rest, quiet_panic};
use crate::single_flight::{FlightArrival, Joined, LeaderGuard};
use crate::sync::{AtomicU64, Mutex, Ordering, thread};

const KEYS: u64 = 3;

/// xorshift: the schedule of one thread, reproducible but for the threads' timing.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// The database: one version per key, raised by each write, which then invalidates the cache.
struct Truth {
    versions: [AtomicU64; KEYS as usize],
    /// The newest version whose invalidation has returned.
    settled: [AtomicU64; KEYS as usize],
}

impl Truth {
    fn new() -> Self {
        Self {
            versions: [const { AtomicU64::new(0) }; KEYS as usize],
            settled: [const { AtomicU64::new(0) }; KEYS as usize],
        }
    }

    fn read(&self, key: u64) -> u64 {
        self.versions[key as usize].load(Ordering::SeqCst)
    }

    /// What an answer to a call that begins now must be at least.
    fn floor(&self, key: u64) -> u64 {
        self.settled[key as usize].load(Ordering::SeqCst)
    }

    fn write(&self, store: &TestStore<u64>, key: u64) {
        let version = self.versions[key as usize].fetch_add(1, Ordering::SeqCst) + 1;
        store.invalidate(key);
        self.settled[key as usize].fetch_max(version, Ordering::SeqCst);
    }
}

/// I8, L5: a call that begins after a write's invalidation returned sees that write or a later one.
#[test]
fn threads_with_loaders_that_fail_and_panic_never_read_stale() {
    let (group, store, truth) = (TestGroup::new(), TestStore::new(), Truth::new());
    thread::scope(|scope| {
        for seed in 1..=6_u64 {
            let (group, store, truth) = (&group, &store, &truth);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                for _ in 0..20_000 {
                    let key = dice.roll(KEYS);
                    let (what, yields) = (dice.roll(10), dice.roll(3));
                    if what == 0 {
                        truth.write(store, key);
                        continue;
                    }
                    let floor = truth.floor(key);
                    let load = || {
                        let value = truth.read(key);
                        (0..yields).for_each(|_| thread::yield_now());
                        if what == 1 {
                            quiet_panic();
                        }
                        if what == 2 { Err(seed) } else { Ok(value) }
                    };
                    let answer = if let Some(value) = store.get(key) {
                        Ok(Ok(value))
                    } else if what == 3 {
                        Ok(Ok(group.get_or_fetch(store, key, || truth.read(key))))
                    } else {
                        catch_unwind(AssertUnwindSafe(|| {
                            group.try_get_or_fetch(store, key, load)
                        }))
                    };
                    if let Ok(Ok(value)) = answer {
                        assert!(value >= floor, "stale: {value} after {floor}");
                    }
                }
            });
        }
    });
    assert_at_rest(&group, &store);
}

/// L1, L4, L7: leaders and waiters are dropped at every stage, by every thread.
#[test]
fn futures_dropped_at_random_strand_nobody() {
    let (group, store, truth) = (TestGroup::new(), TestStore::new(), Truth::new());
    // Guards wander between threads, as tasks do.
    let tasks: Mutex<Vec<LeaderGuard<u64, u64, TestLease>>> = Mutex::new(Vec::new());
    let finish = |guard: LeaderGuard<u64, u64, TestLease>, fate: u64| match fate {
        0 => drop(guard),
        1 => drop(guard.complete(Err(String::from("thrown dice")))),
        2 => drop(guard.expire()),
        _ => {
            let value = truth.read(*guard.key());
            guard.publish(&store, value);
            guard.complete(Ok::<_, Infallible>(value));
        }
    };
    thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let (group, store, truth, tasks, finish) = (&group, &store, &truth, &tasks, &finish);
            scope.spawn(move || {
                let mut dice = Dice::new(seed);
                let mut waiting: Vec<Task<'_, Joined<u64, u64, TestLease>>> = Vec::new();
                for _ in 0..30_000 {
                    let key = dice.roll(KEYS);
                    match dice.roll(6) {
                        0 => truth.write(store, key),
                        1 | 2 => match group.enter(store, &key) {
                            FlightArrival::Lead(leadership) if dice.roll(8) == 0 => {
                                drop(leadership)
                            }
                            FlightArrival::Lead(leadership) => {
                                tasks.lock().unwrap().push(leadership.begin(store))
                            }
                            FlightArrival::Wait(join) => waiting.push(Task::new(join)),
                            FlightArrival::Nested => panic!("no loader runs here"),
                        },
                        3 => {
                            let guard = tasks.lock().unwrap().pop();
                            if let Some(guard) = guard {
                                finish(guard, dice.roll(6));
                            }
                        }
                        4 if !waiting.is_empty() => {
                            let at = dice.roll(waiting.len() as u64) as usize;
                            drop(waiting.swap_remove(at));
                        }
                        _ => waiting.retain_mut(|task| match task.poll() {
                            std::task::Poll::Pending => true,
                            std::task::Poll::Ready(Joined::Done(_)) => false,
                            std::task::Poll::Ready(Joined::Promoted(leadership)) => {
                                tasks.lock().unwrap().push(leadership.begin(store));
                                false
                            }
                        }),
                    }
                }
                // Whoever still waits comes to an end once every leader has: none sleeps for ever.
                while !waiting.is_empty() {
                    let guard = tasks.lock().unwrap().pop();
                    if let Some(guard) = guard {
                        finish(guard, 3);
                    }
                    waiting.retain_mut(|task| match task.poll() {
                        std::task::Poll::Pending => true,
                        std::task::Poll::Ready(Joined::Done(_)) => false,
                        std::task::Poll::Ready(Joined::Promoted(leadership)) => {
                            finish(leadership.begin(store), 3);
                            false
                        }
                    });
                }
            });
        }
    });
    let left: Vec<_> = tasks.lock().unwrap().drain(..).collect();
    left.into_iter().for_each(|guard| finish(guard, 3));
    assert_at_rest(&group, &store);
}
