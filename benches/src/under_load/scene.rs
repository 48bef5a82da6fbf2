//! A full cache, and the reads and writes of a slice.

use std::{marker::PhantomData, sync::Barrier, time::Duration};

use hdrhistogram::Histogram;
use quanta::Clock;

use super::pace::{Count, follow, histogram};
use crate::peers::Peer;

/// Entries a cache may hold.
pub(super) const CAPACITY: u64 = 100_000;
/// Keys that are looked up, and written again and again.
pub(super) const HOT: u64 = 5_000;
/// The time to live of a cache's entries, where it has that.
pub(super) const TTL: Duration = Duration::from_secs(2);
/// The time to live of more than half of the new entries, where a cache has that per entry: short, so that they expire
/// before the eviction of what is never used comes to them.
pub(super) const SHORT_TTL: Duration = Duration::from_millis(10);

/// The timetables of one slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    read_every_ns: u64,
    write_every_ns: u64,
    reads: u64,
    writes: u64,
}

impl Plan {
    /// So many reads and writes a second, for the `slices`-th part of a second.
    pub(super) fn new(reads: u64, writes: u64, slices: u32) -> Self {
        Self {
            read_every_ns: 1_000_000_000 / reads,
            write_every_ns: 1_000_000_000 / writes,
            reads: reads / u64::from(slices),
            writes: writes / u64::from(slices),
        }
    }
}

/// What was seen of one cache.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) hits: Times,
    pub(super) writes: Times,
    pub(super) misses: u64,
}

/// The times of one kind of operation.
pub(super) struct Times {
    /// Of all slices.
    pub(super) all: Histogram<u64>,
    /// Of each slice: p99, p99.9, p99.99 and the maximum.
    pub(super) slices: Vec<[u64; 4]>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            all: histogram(),
            slices: Vec::new(),
        }
    }
}

impl Times {
    fn add(&mut self, slice: &Histogram<u64>) {
        let at = |quantile| slice.value_at_quantile(quantile);
        self.slices
            .push([at(0.99), at(0.999), at(0.9999), slice.max()]);
        self.all.add(slice).expect("the same bounds");
    }

    /// The medians over the slices.
    pub(super) fn of_the_median_slice(&self) -> [u64; 4] {
        std::array::from_fn(|index| {
            let mut found: Vec<u64> = self.slices.iter().map(|slice| slice[index]).collect();
            found.sort_unstable();
            found.get(found.len() / 2).copied().unwrap_or(0)
        })
    }
}

/// Something that can be measured for a slice.
pub(super) trait Slice {
    fn name(&self) -> &'static str;
    /// # Errors
    /// What was answered wrongly.
    fn slice(&mut self, plan: &Plan, clock: &Clock, recorded: &mut Recorded) -> Result<(), String>;
}

/// Nothing is done on time: what the machine adds by itself.
pub(super) struct Nothing;

impl Slice for Nothing {
    fn name(&self) -> &'static str {
        "no cache"
    }

    fn slice(&mut self, plan: &Plan, clock: &Clock, recorded: &mut Recorded) -> Result<(), String> {
        both(plan, clock, recorded, |_| Count::Yes, |_| ());
        Ok(())
    }
}

/// A cache at work.
pub(super) struct Scene<C> {
    name: &'static str,
    cache: C,
    /// The next key that was never written.
    fresh: u64,
    types: PhantomData<C>,
}

impl<C: Peer<u64, u64>> Scene<C> {
    pub(super) fn new(name: &'static str) -> Result<Self, String> {
        let cache = C::new(CAPACITY as usize, Some(TTL)).map_err(|e| format!("{name}: {e}"))?;
        Ok(Self {
            name,
            cache,
            fresh: HOT,
            types: PhantomData,
        })
    }

    /// What has expired since the last slice is there again, used, and the cache is full.
    fn refill(&mut self) {
        for _ in 0..CAPACITY - HOT {
            self.fresh += 1;
            self.cache.set(key(self.fresh), value_of(key(self.fresh)));
        }
        for hot in 0..HOT {
            self.cache.set(key(hot), value_of(key(hot)));
        }
        for hot in (0..HOT).chain(0..HOT) {
            let _ = self.cache.get(&key(hot));
        }
    }
}

const fn value_of(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const fn key(number: u64) -> u64 {
    (number ^ (number >> 3)).wrapping_mul(0xd134_2543_de82_ef95)
}

/// A number below `end` that looks random.
const fn scattered(number: u64, end: u64) -> u64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % end
}

impl<C: Peer<u64, u64> + Send + Sync> Slice for Scene<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn slice(&mut self, plan: &Plan, clock: &Clock, recorded: &mut Recorded) -> Result<(), String> {
        self.refill();
        let (cache, fresh) = (&self.cache, self.fresh);
        let (mut wrong, mut misses) = (0, 0);
        both(
            plan,
            clock,
            recorded,
            |number| {
                let key = key(scattered(number + fresh, HOT));
                match cache.get(&key) {
                    Some(value) => {
                        wrong |= value ^ value_of(key);
                        Count::Yes
                    }
                    None => {
                        misses += 1;
                        Count::No
                    }
                }
            },
            |number| {
                let new = key(fresh + 1 + number);
                match number % 10 {
                    0 | 5 => {
                        let hot = key(scattered(number, HOT));
                        cache.set(hot, value_of(hot));
                    }
                    1..=4 | 6 => cache.set_for(new, value_of(new), SHORT_TTL),
                    _ => cache.set(new, value_of(new)),
                }
            },
        );
        self.fresh += plan.writes + 1;
        recorded.misses += misses;
        if wrong == 0 {
            Ok(())
        } else {
            Err(format!("{} returned another key's value", self.name))
        }
    }
}

/// Both timetables at once, from one common start.
fn both(
    plan: &Plan,
    clock: &Clock,
    recorded: &mut Recorded,
    read: impl FnMut(u64) -> Count,
    mut write: impl FnMut(u64) + Send,
) {
    let (mut hits, mut writes) = (histogram(), histogram());
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        let ready = &ready;
        let (hits, writes) = (&mut hits, &mut writes);
        let writer = scope.spawn(move || {
            ready.wait();
            let every = plan.write_every_ns;
            follow(clock, clock.raw(), every, plan.writes, writes, |number| {
                write(number);
                Count::Yes
            });
        });
        ready.wait();
        follow(
            clock,
            clock.raw(),
            plan.read_every_ns,
            plan.reads,
            hits,
            read,
        );
        writer.join().expect("the writer does not panic");
    });
    recorded.hits.add(&hits);
    recorded.writes.add(&writes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Tux;

    #[test]
    fn a_slice_hits_evicts_and_expires() {
        let mut scene = Scene::<Tux<u64, u64>>::new("tux-cache").unwrap();
        let (plan, clock) = (Plan::new(50_000, 50_000, 4), Clock::new());
        let mut recorded = Recorded::default();
        for _ in 0..2 {
            scene.slice(&plan, &clock, &mut recorded).unwrap();
        }
        assert_eq!(recorded.hits.all.len() + recorded.misses, 2 * plan.reads);
        assert!(recorded.hits.all.len() > plan.reads, "{}", recorded.misses);
        assert_eq!(recorded.writes.all.len(), 2 * plan.writes);
        assert_eq!(recorded.hits.slices.len(), 2);
        let counters = scene.cache.counters().unwrap();
        assert!(
            counters.evictions > 0 && counters.expirations > 0,
            "{counters:?}"
        );
    }
}
