//! Time as the cache sees it: whole ticks of one millisecond that somebody else advances.
//!
//! A hit never reads a clock; it compares two loaded numbers. [`CoarseTicker`] is one background thread for the
//! whole process that stores the current tick; [`ManualTicker`] is moved by hand, in tests.

use crate::sync::{Arc, AtomicU64, Ordering};
use std::time::Duration;

mod cell;
#[cfg(all(not(tux_loom), feature = "backend"))]
mod clock;
#[cfg(not(tux_loom))]
mod coarse;
mod deadline;
mod late;

pub use cell::TickCell;
#[cfg(all(not(tux_loom), feature = "backend"))]
pub(crate) use clock::StoreClock;
#[cfg(not(tux_loom))]
pub use coarse::CoarseTicker;
#[cfg(not(tux_loom))]
pub(crate) use coarse::Ticking;
use deadline::ticks;
pub(crate) use deadline::{Deadline, Line, Stamp, Ticks};
#[cfg(tux_loom)]
pub(crate) use late::LateTicks;

/// A monotonic clock, since any fixed point.
///
/// Implement it to drive expiry from a clock of your own. Caches read a custom ticker with one virtual call per
/// operation; the two tickers of this module are read with one atomic load.
pub trait Ticker: Send + Sync + 'static {
    /// Time passed since the ticker's fixed point. Must never go back.
    fn now(&self) -> Duration;

    /// The cell that already holds the current tick, if this ticker has one.
    #[doc(hidden)]
    fn cell(&self) -> Option<TickCell> {
        None
    }
}

/// A ticker that moves only when told to. Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::{TtlCache, time::ManualTicker};
///
/// let ticker = ManualTicker::new();
/// let cache: TtlCache<u64, &str> = TtlCache::builder()
///     .ttl(Duration::from_secs(300))
///     .max_size(100)
///     .ticker(ticker.clone())
///     .build()?;
/// cache.set(1, "prefix");
/// ticker.advance(Duration::from_secs(301));
/// assert_eq!(cache.get(&1), None);
/// # Ok::<(), tux_cache::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualTicker {
    nanos: Arc<AtomicU64>,
    cell: TickCell,
}

impl ManualTicker {
    /// A ticker that stands at zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nanos: Arc::new(AtomicU64::new(0)),
            cell: TickCell::new(),
        }
    }

    /// Moves the time forward by `by`, saturating at about 584 years.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let mut now = self.nanos.load(Ordering::Relaxed);
        loop {
            let next = now.saturating_add(by);
            match self
                .nanos
                .compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break self.cell.advance_to(next / NANOS_PER_TICK),
                Err(seen) => now = seen,
            }
        }
    }
}

impl Default for ManualTicker {
    fn default() -> Self {
        Self::new()
    }
}

impl Ticker for ManualTicker {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn cell(&self) -> Option<TickCell> {
        Some(self.cell.clone())
    }
}

const NANOS_PER_TICK: u64 = 1_000_000;

/// Where a cache reads the time.
pub(crate) struct TimeSource {
    /// Where somebody else shows the tick: one relaxed load. Parked if nobody does.
    cell: TickCell,
    /// Then one virtual call.
    ticker: Box<dyn Ticker>,
}

impl TimeSource {
    pub(crate) fn new(ticker: impl Ticker) -> Self {
        Self {
            cell: ticker.cell().unwrap_or_else(TickCell::parked),
            ticker: Box::new(ticker),
        }
    }

    /// What a look-up compares deadlines with: one load. Where one may have passed it is repeated with
    /// [`tick`](Self::tick).
    #[inline(always)]
    pub(crate) fn line(&self) -> Line {
        self.cell.line()
    }

    /// The current tick.
    #[inline(always)]
    pub(crate) fn tick(&self) -> u64 {
        match self.cell.line() {
            Line::PARKED => self.ask(),
            line => line.ticks(),
        }
    }

    /// What a write that begins now reckons its deadline from.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> Stamp {
        match self.cell.stamp() {
            Some(stamp) => stamp,
            None => self.exact(),
        }
    }

    #[cold]
    fn exact(&self) -> Stamp {
        Stamp::exact(self.now())
    }

    #[cold]
    fn ask(&self) -> u64 {
        let now = self.now();
        // Unless somebody shows the tick by now: then something may be owed to what was written since (K3).
        match self.cell.line() {
            Line::PARKED => now,
            line => line.ticks(),
        }
    }

    fn now(&self) -> u64 {
        ticks(self.ticker.now())
    }

    /// Reads the real time and corrects a late ticker with it; returns by how many ticks it was late.
    #[cold]
    pub(crate) fn correct(&self) -> u64 {
        match self.cell.line() {
            Line::PARKED => 0,
            seen => self.catch_up().saturating_sub(seen.ticks()),
        }
    }

    #[cfg(not(tux_loom))]
    fn catch_up(&self) -> u64 {
        self.cell.catch_up(&late::LATE, || self.now())
    }

    /// In models of the engine nobody is late.
    #[cfg(tux_loom)]
    fn catch_up(&self) -> u64 {
        let now = self.now();
        self.cell.advance_to(now);
        now
    }
}

#[cfg(all(test, not(any(tux_loom, tux_count))))]
mod tests;
