//! The process-wide coarse ticker.

use super::late::LATE;
use super::{NANOS_PER_TICK, TickCell, Ticker, TimeSource};
use crate::sync::in_forked_child;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The default ticker: one background thread for the whole process shows the current millisecond.
///
/// The thread starts with the first `CoarseTicker` (a cache makes one when it first needs a deadline) and ends when
/// the last one is dropped. Where it is late, on a busy machine or because the process was stopped, caches correct it when they notice
/// ([`Stats::ticker_lag`]); entries that were written meanwhile live longer by as much, never shorter. After `fork` the child has no
/// such thread; the first call that asks for the time starts one.
///
/// No call waits for another thread, and no lock is held that a `fork` could leave locked.
///
/// [`Stats::ticker_lag`]: crate::Stats
#[derive(Debug)]
pub struct CoarseTicker(());

struct ProcessTicker {
    start: Instant,
    cell: TickCell,
    /// How many tickers exist.
    users: AtomicUsize,
    /// Whether a thread ticks for them, or is about to.
    ticks: AtomicBool,
    /// When no thread was to be had, in ticks.
    refused: AtomicU64,
}

/// How long to wait until a thread is asked for again, in ticks.
const RETRY_AFTER: u64 = 100;

/// Made once, by whoever comes first; not with a lock, which a fork could leave locked.
fn shared() -> &'static ProcessTicker {
    static SHARED: AtomicPtr<ProcessTicker> = AtomicPtr::new(std::ptr::null_mut());
    extern "C" fn child() {
        // SAFETY: null, or published below and never freed.
        if let Some(shared) = unsafe { SHARED.load(Ordering::Acquire).as_ref() } {
            shared.crossed();
        }
    }
    // SAFETY: null, or published below and never freed.
    if let Some(shared) = unsafe { SHARED.load(Ordering::Acquire).as_ref() } {
        return shared;
    }
    in_forked_child(child);
    let new = Box::into_raw(Box::new(ProcessTicker::new()));
    let none = std::ptr::null_mut();
    match SHARED.compare_exchange(none, new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published, and never freed.
        Ok(_) => unsafe { &*new },
        Err(theirs) => {
            // SAFETY: `new` was never published; what was is never freed.
            unsafe {
                drop(Box::from_raw(new));
                &*theirs
            }
        }
    }
}

impl ProcessTicker {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            cell: TickCell::parked(),
            users: AtomicUsize::new(0),
            ticks: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    fn real(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes sure that this process has a ticking thread, if anybody needs it. Without one (no more threads to be had) the
    /// cell stays parked, and everybody reads the clock.
    fn ensure_ticking(&'static self) {
        // In one order with the end of the thread: either it sees a user, or the user that it has ended.
        if self.users.load(Ordering::SeqCst) == 0 || self.ticks.swap(true, Ordering::SeqCst) {
            return;
        }
        let spawned = std::thread::Builder::new()
            .name("tux-cache-ticker".into())
            .spawn(|| self.tick_while_used());
        if spawned.is_err() {
            self.refused.store(self.real(), Ordering::Relaxed);
            self.ticks.store(false, Ordering::SeqCst);
        }
    }

    fn tick_while_used(&self) {
        loop {
            self.cell.start(self.real());
            while self.users.load(Ordering::SeqCst) > 0 {
                std::thread::sleep(Duration::from_nanos(NANOS_PER_TICK));
                self.cell.catch_up(&LATE, || self.real());
            }
            self.cell.park(&LATE, || self.real());
            self.ticks.store(false, Ordering::SeqCst);
            if self.users.load(Ordering::SeqCst) == 0 || self.ticks.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// This is the child of a fork, and the thread that ticked has not come along. A signal may have interrupted anything: only stores and a look
    /// at the clock. The next one who wants to know the time starts a thread.
    fn crossed(&self) {
        self.cell.park_alone(&LATE, self.real());
        self.refused.store(0, Ordering::Relaxed);
        self.ticks.store(false, Ordering::SeqCst);
    }
}

impl CoarseTicker {
    /// A handle on the process-wide ticker; starts its thread if it is the first.
    #[must_use]
    pub fn new() -> Self {
        let shared = shared();
        shared.users.fetch_add(1, Ordering::SeqCst);
        shared.ensure_ticking();
        Self(())
    }
}

/// Reads the process-wide ticker without making it tick.
struct Passive;

impl Ticker for Passive {
    fn now(&self) -> Duration {
        let shared = shared();
        if !shared.ticks.load(Ordering::Relaxed) && shared.users.load(Ordering::Relaxed) > 0 {
            let refused = shared.refused.load(Ordering::Relaxed);
            if refused == 0 || shared.real() >= refused + RETRY_AFTER {
                shared.ensure_ticking();
            }
        }
        shared.start.elapsed()
    }

    fn cell(&self) -> Option<TickCell> {
        Some(shared().cell.clone())
    }
}

impl CoarseTicker {
    /// The process-wide time for a cache that may never need it: starts no thread.
    pub(crate) fn time_source() -> TimeSource {
        TimeSource::new(Passive)
    }

    /// The same for what is kept beside a store.
    #[cfg(feature = "backend")]
    pub(crate) fn store_clock() -> super::StoreClock {
        super::StoreClock::new(Passive)
    }
}

impl Default for CoarseTicker {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for CoarseTicker {
    fn drop(&mut self) {
        shared().users.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker for CoarseTicker {
    /// The real time (about 25 ns); also starts a thread in a forked child.
    fn now(&self) -> Duration {
        Passive.now()
    }

    fn cell(&self) -> Option<TickCell> {
        Passive.cell()
    }
}

/// A ticker that is made when it is first needed, and then kept.
#[derive(Debug, Default)]
pub(crate) struct Ticking(crate::sync::AtomicBool);

impl Ticking {
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub(crate) fn turn_on(&self) {
        if !self.is_on() {
            self.turn_on_now();
        }
    }

    #[cold]
    fn turn_on_now(&self) {
        let ticker = CoarseTicker::new();
        // Kept by whoever comes first. A fork in between leaves the child one user too many, none too few.
        if !self.0.swap(true, Ordering::AcqRel) {
            std::mem::forget(ticker);
        }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        if self.is_on() {
            drop(CoarseTicker(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ticks_while_a_ticker_lives() {
        let ticker = CoarseTicker::new();
        let time = CoarseTicker::time_source();
        let (before, deadline) = (time.tick(), Instant::now() + Duration::from_secs(10));
        while ticker.cell().unwrap().stamp().is_none() || time.tick() <= before + 1 {
            assert!(Instant::now() < deadline, "the ticker does not tick");
            std::thread::yield_now();
        }
        assert!(ticker.now() >= Duration::from_millis(time.tick()));
    }

    /// A ticker of the test's own, where a search for leaks finds it: its thread may outlive the test.
    fn own() -> &'static ProcessTicker {
        static OWN: std::sync::Mutex<Vec<&'static ProcessTicker>> =
            std::sync::Mutex::new(Vec::new());
        let own: &'static ProcessTicker = Box::leak(Box::new(ProcessTicker::new()));
        OWN.lock().unwrap().push(own);
        own
    }

    fn until(what: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !what() {
            assert!(Instant::now() < deadline, "nothing happens");
            std::thread::yield_now();
        }
    }

    #[test]
    fn nobody_ticks_for_nobody() {
        let ticker = own();
        ticker.ensure_ticking();
        assert!(!ticker.ticks.load(Ordering::SeqCst) && ticker.cell.stamp().is_none());
        ticker.users.store(1, Ordering::SeqCst);
        ticker.ensure_ticking();
        assert!(ticker.ticks.load(Ordering::SeqCst));
        until(|| ticker.cell.stamp().is_some());
        // The thread ends with the last user, and leaves nothing that is not so any more.
        ticker.users.store(0, Ordering::SeqCst);
        until(|| !ticker.ticks.load(Ordering::SeqCst));
        assert!(ticker.cell.stamp().is_none());
        // And another one begins.
        ticker.users.store(1, Ordering::SeqCst);
        ticker.ensure_ticking();
        until(|| ticker.cell.stamp().is_some());
        ticker.users.store(0, Ordering::SeqCst);
    }

    /// As in a child of `fork`: what the parent noted is not about this process.
    #[test]
    fn a_thread_of_another_process_does_not_count() {
        let ticker = own();
        ticker.users.store(1, Ordering::SeqCst);
        ticker.ticks.store(true, Ordering::SeqCst);
        ticker.cell.start(ticker.real());
        ticker.crossed();
        assert!(ticker.cell.stamp().is_none());
        ticker.ensure_ticking();
        until(|| ticker.cell.stamp().is_some());
        ticker.users.store(0, Ordering::SeqCst);
    }

    #[test]
    fn tickers_are_counted_down_again() {
        let users = || shared().users.load(Ordering::SeqCst);
        let before = users();
        drop((0..1_000).map(|_| CoarseTicker::new()).collect::<Vec<_>>());
        let places: Vec<_> = (0..1_000).map(|_| Ticking::default()).collect();
        places.iter().for_each(Ticking::turn_on);
        places.iter().for_each(Ticking::turn_on);
        assert!(users() >= 1_000 && places[7].is_on());
        drop(places);
        // Other tests have some, too.
        assert!(users() < before + 500);
    }
}
