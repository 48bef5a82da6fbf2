//! What each manager counts.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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
    /// Answers given from what was remembered during an outage.
    pub stale_answers: u64,
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
}

const EVENTS: usize = Event::StaleAnswer as usize + 1;
const STRIPES: usize = 16;

/// The live counters: one padded set per few threads, so that a hit writes no line that others write.
/// Relaxed throughout: sums for reports.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stripes: [CachePadded<[AtomicU64; EVENTS]>; STRIPES],
}

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

#[cold]
fn first_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let stripe = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    STRIPE.set(stripe);
    stripe
}

impl Counters {
    #[inline]
    pub(crate) fn add(&self, event: Event) {
        self.add_many(event, 1);
    }

    #[inline]
    pub(crate) fn add_many(&self, event: Event, n: u64) {
        let stripe = match STRIPE.get() {
            usize::MAX => first_stripe(),
            stripe => stripe,
        };
        self.stripes[stripe % STRIPES][event as usize].fetch_add(n, Ordering::Relaxed);
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
        }
    }
}
