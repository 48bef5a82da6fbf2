//! What each manager counts.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::histogram::DurationHistogram;
use crate::sync::PerProcess;
use crossbeam_utils::CachePadded;

/// Counters of one manager since it was made; every clone of it counts into the same ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManagerStats {
    /// Look-ups that found a usable value (a value known to be absent is one).
    pub hits: u64,
    /// Look-ups that found nothing, or nothing usable.
    pub misses: u64,
    /// Look-ups that could not be answered, because the shared tier was unavailable. Neither hits nor misses.
    pub unavailable: u64,
    /// Values of a wrong shape found under a key; each is a miss too.
    pub undecodable: u64,
    /// Loaders run.
    pub loads: u64,
    /// Loaders that returned an error.
    pub load_errors: u64,
    /// Loads that took longer than allowed.
    pub load_timeouts: u64,
    /// Loaded values that were stored.
    pub published: u64,
    /// Loaded values that were not stored, because the key was set, invalidated or cleared meanwhile.
    pub overtaken: u64,
    /// Loaded values that could not be stored: the store failed or refused them.
    pub publish_errors: u64,
    /// Values written by setters.
    pub sets: u64,
    /// Invalidations asked for, of any width.
    pub invalidations: u64,
    /// Answers given from what was remembered: during an outage, or because a load failed, was slow or goes on.
    pub stale_answers: u64,
    /// Loads begun in the background, for a value that ends soon or has ended.
    pub refreshes: u64,
    /// Those of them that brought no value.
    pub refresh_errors: u64,
    /// Loads not tried, because one of the same key had failed a moment ago.
    pub throttled: u64,
    /// Callers that did not wait longer for a load and got a stale value.
    pub soft_timeouts: u64,
}

impl ManagerStats {
    /// Hits per answered look-up, 0 to 1; 0 if there was none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        match self.hits + self.misses {
            0 => 0.0,
            all => self.hits as f64 / all as f64,
        }
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Event {
    Hit,
    Miss,
    Unavailable,
    Undecodable,
    Load,
    LoadError,
    LoadTimeout,
    Published,
    Overtaken,
    PublishError,
    Set,
    Invalidation,
    StaleAnswer,
    Refresh,
    RefreshError,
    Throttled,
    SoftTimeout,
}

const EVENTS: usize = Event::SoftTimeout as usize + 1;
/// Threads that count into a stripe of their own. The last stripe is for all others.
const OWN: usize = 31;

/// The live counters: a padded set per thread, so that a hit writes no line that others write, and needs no
/// read-modify-write. Relaxed throughout: sums for reports.
#[derive(Default)]
pub(crate) struct EventCounters {
    stripes: [CachePadded<[AtomicU64; EVENTS]>; OWN + 1],
    /// How long loaders ran. No hit comes near it.
    pub(crate) load_times: DurationHistogram,
}

impl fmt::Debug for EventCounters {
    /// The sums: nobody can read thirty-two stripes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

/// The stripes that no living thread has, lowest last.
/// (A child of `fork` begins without: what its parent's threads had is not used again.)
static FREE: PerProcess<Mutex<Vec<usize>>> = PerProcess::new(Mutex::default);
static UNUSED: AtomicUsize = AtomicUsize::new(0);

/// Gives the stripe back when the thread ends.
struct StripeOwner(usize);

impl StripeOwner {
    fn new() -> Self {
        let freed = FREE
            .get()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        // Beyond `OWN` threads at a time the number only says "none"; it wraps after 2^64 threads.
        let own = freed.unwrap_or_else(|| UNUSED.fetch_add(1, Ordering::Relaxed));
        STRIPE.set(own.min(OWN));
        Self(own)
    }
}

impl Drop for StripeOwner {
    fn drop(&mut self) {
        // Whatever is counted on this thread from now on goes to the shared stripe. The lock orders this
        // thread's last count before the next owner's first.
        STRIPE.set(OWN);
        if self.0 < OWN {
            FREE.get()
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.0);
        }
    }
}

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
    static OWNER: StripeOwner = StripeOwner::new();
}

#[cold]
fn first_stripe() -> usize {
    // An error: the thread is being torn down, and has none of its own any more.
    OWNER.try_with(|owner| owner.0.min(OWN)).unwrap_or(OWN)
}

impl EventCounters {
    #[inline(always)]
    pub(crate) fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    #[inline(always)]
    pub(crate) fn add_many(&self, event: Event, n: u64) {
        let stripe = match STRIPE.get() {
            usize::MAX => first_stripe(),
            stripe => stripe,
        };
        if stripe < OWN {
            // Only this thread writes it.
            let cell = &self.stripes[stripe][event as usize];
            cell.store(cell.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        } else {
            self.stripes[OWN][event as usize].fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> ManagerStats {
        let sum = |event: Event| {
            self.stripes
                .iter()
                .map(|stripe| stripe[event as usize].load(Ordering::Relaxed))
                .sum()
        };
        ManagerStats {
            hits: sum(Event::Hit),
            misses: sum(Event::Miss),
            unavailable: sum(Event::Unavailable),
            undecodable: sum(Event::Undecodable),
            loads: sum(Event::Load),
            load_errors: sum(Event::LoadError),
            load_timeouts: sum(Event::LoadTimeout),
            published: sum(Event::Published),
            overtaken: sum(Event::Overtaken),
            publish_errors: sum(Event::PublishError),
            sets: sum(Event::Set),
            invalidations: sum(Event::Invalidation),
            stale_answers: sum(Event::StaleAnswer),
            refreshes: sum(Event::Refresh),
            refresh_errors: sum(Event::RefreshError),
            throttled: sum(Event::Throttled),
            soft_timeouts: sum(Event::SoftTimeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More threads than stripes, at the same time and one after the other: no count is lost.
    #[test]
    fn every_count_arrives_however_many_threads_come_and_go() {
        const THREADS: usize = 2 * OWN;
        const COUNTS: u64 = 1_000;
        let counters = EventCounters::default();
        let together = std::sync::Barrier::new(THREADS);
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        counters.add(Event::Miss);
                        together.wait();
                        (0..COUNTS).for_each(|_| counters.add(Event::Hit));
                    });
                }
            });
        }
        let stats = counters.snapshot();
        assert_eq!(stats.hits, 3 * COUNTS * THREADS as u64);
        assert_eq!(stats.misses, 3 * THREADS as u64);
        assert_eq!(format!("{counters:?}"), format!("{stats:?}"));
    }
}
