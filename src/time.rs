//! Time as the cache sees it: whole ticks of one millisecond that somebody else advances.
//!
//! A hit never reads a clock; it compares two loaded numbers. [`CoarseTicker`] is one background thread for the
//! whole process that stores the current tick; [`ManualTicker`] is moved by hand, in tests.

use crate::sync::{Arc, AtomicU64, CachePadded, Ordering};
use std::time::Duration;

// Said in full, since `loom-tests` includes this file by its path.
#[cfg(not(tux_loom))]
#[path = "time/coarse.rs"]
mod coarse;
#[cfg(not(tux_loom))]
pub use coarse::CoarseTicker;

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

/// A shared, cache-line padded tick: what a hit loads.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct TickCell(Arc<CachePadded<AtomicU64>>);

impl TickCell {
    pub(crate) fn new() -> Self {
        Self(Arc::new(CachePadded::new(AtomicU64::new(0))))
    }

    /// The cell of a ticker that has none: everything with a deadline has passed it, and everything without one too.
    fn beyond_all() -> Self {
        Self(Arc::new(CachePadded::new(AtomicU64::new(BEYOND_ALL))))
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u64 {
        // Relaxed: a tick orders nothing; an old value only makes an entry live a little longer.
        self.0.load(Ordering::Relaxed)
    }

    /// Moves the tick forward, never back (several threads may correct a late ticker at once).
    pub(crate) fn advance_to(&self, tick: u64) {
        let tick = tick.min(LAST_TICK);
        if cfg!(tux_fault = "tick-stored") {
            return self.0.store(tick, Ordering::Relaxed);
        }
        self.0.fetch_max(tick, Ordering::Relaxed);
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
pub(crate) struct Clock {
    /// Where somebody else stores the tick: one relaxed load. [`BEYOND_ALL`] if nobody does.
    cell: TickCell,
    /// Then one virtual call.
    ticker: Box<dyn Ticker>,
}

impl Clock {
    pub(crate) fn new(ticker: impl Ticker) -> Self {
        Self {
            cell: ticker.cell().unwrap_or_else(TickCell::beyond_all),
            ticker: Box::new(ticker),
        }
    }

    /// The current tick if it can be had by a load, otherwise one that every deadline has passed: for look-ups that are
    /// repeated with [`tick`](Self::tick) if they find nothing.
    #[inline(always)]
    pub(crate) fn quick_tick(&self) -> u64 {
        self.cell.load()
    }

    /// The current tick.
    #[inline(always)]
    pub(crate) fn tick(&self) -> u64 {
        match self.cell.load() {
            BEYOND_ALL => self.ask(),
            tick => tick,
        }
    }

    #[cold]
    fn ask(&self) -> u64 {
        ticks(self.ticker.now())
    }

    /// Reads the real time and corrects a late ticker with it; returns by how many ticks it was late.
    #[cold]
    pub(crate) fn correct(&self) -> u64 {
        match self.cell.load() {
            BEYOND_ALL => 0,
            seen => {
                let real = self.ask();
                self.cell.advance_to(real);
                real.saturating_sub(seen)
            }
        }
    }
}

/// The time stands still here, in 8,900 years: before [`Deadline::NEVER`].
const LAST_TICK: u64 = Deadline::NEVER.0 - 1;
/// No tick.
const BEYOND_ALL: u64 = u64::MAX;

/// Whole ticks in `time`, rounded down.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(LAST_TICK, |ticks| ticks.min(LAST_TICK))
}

/// A time to live in whole ticks, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) fn of(ttl: Duration) -> Self {
        let part = u64::from(ttl.subsec_nanos()).div_ceil(NANOS_PER_TICK);
        let ticks = ttl.as_secs().saturating_mul(1_000).saturating_add(part);
        Self(ticks.min(Deadline::NEVER.0))
    }
}

/// When an entry expires: 48 bits of ticks (8,900 years), all ones = never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const BITS: u32 = 48;
    pub(crate) const NEVER: Self = Self((1 << Self::BITS) - 1);

    /// `ttl` ticks after tick `now`. Adds the tick that is under way, so that an entry never expires early by
    /// rounding; saturates to [`Self::NEVER`] (T28).
    #[inline]
    pub(crate) fn after(now: u64, ttl: Ticks) -> Self {
        Self(now.saturating_add(ttl.0 + 1).min(Self::NEVER.0))
    }

    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// `now` is a ticker's, and so never [`NEVER`](Self::NEVER); or beyond all.
    #[inline(always)]
    pub(crate) const fn has_passed(self, now: u64) -> bool {
        self.0 <= now
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn deadlines_round_up_and_never_come_early() {
        let d = Deadline::after(10, Ticks::of(Duration::from_micros(1500)));
        assert!(
            !d.has_passed(12),
            "10 + 1.5 ms, and tick 10 may be almost over"
        );
        assert!(d.has_passed(13));
    }

    #[test]
    fn t28_huge_ttls_saturate_to_never() {
        let d = Deadline::after(u64::MAX - 1, Ticks::of(Duration::MAX));
        assert_eq!(d, Deadline::NEVER);
        assert!(!d.has_passed(ticks(Duration::MAX)));
        let cell = TickCell::new();
        cell.advance_to(u64::MAX);
        assert!(!d.has_passed(cell.load()));
    }

    #[test]
    fn manual_ticker_clones_share_the_time_and_saturate() {
        let a = ManualTicker::new();
        let clock = Clock::new(a.clone());
        a.clone().advance(Duration::from_micros(2999));
        assert_eq!((clock.tick(), a.now()), (2, Duration::from_micros(2999)));
        a.advance(Duration::MAX);
        assert_eq!(a.now(), Duration::from_nanos(u64::MAX));
    }
}
