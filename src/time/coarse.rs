//! The process-wide coarse ticker.

use super::{Clock, NANOS_PER_TICK, TickCell, Ticker, ticks};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// The default ticker: one background thread for the whole process stores the current millisecond.
///
/// The thread starts with the first `CoarseTicker` (a cache makes one when it first needs a deadline) and ends when
/// the last one is dropped. Caches correct it when they notice that it is late ([`Stats::ticker_lag`]). After `fork`
/// the child has no such thread; the next cache that is built or corrects the time starts a new one.
///
/// [`Stats::ticker_lag`]: crate::Stats
#[derive(Debug)]
pub struct CoarseTicker(());

struct Shared {
    start: Instant,
    cell: TickCell,
    state: Mutex<State>,
}

/// How many tickers exist, and the process whose thread ticks for them.
#[derive(Default)]
struct State {
    users: usize,
    ticking_in: Option<u32>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| Shared {
        start: Instant::now(),
        cell: TickCell::new(),
        state: Mutex::default(),
    })
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn real(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes sure that this process has a ticking thread. Without one (no more threads to be had) the time still
    /// moves, by the corrections of writers.
    fn ensure_ticking(&'static self, state: &mut State) {
        let pid = std::process::id();
        if state.users > 0 && state.ticking_in != Some(pid) {
            let spawned = std::thread::Builder::new()
                .name("tux-cache-ticker".into())
                .spawn(move || self.tick_while_used(pid));
            state.ticking_in = spawned.is_ok().then_some(pid);
        }
    }

    fn tick_while_used(&self, pid: u32) {
        loop {
            self.cell.advance_to(self.real());
            {
                let mut state = self.state();
                if state.users == 0 || state.ticking_in != Some(pid) {
                    if state.ticking_in == Some(pid) {
                        state.ticking_in = None;
                    }
                    return;
                }
            }
            std::thread::sleep(Duration::from_nanos(NANOS_PER_TICK));
        }
    }
}

impl CoarseTicker {
    /// A handle on the process-wide ticker; starts its thread if it is the first.
    #[must_use]
    pub fn new() -> Self {
        let shared = shared();
        shared.cell.advance_to(shared.real());
        let mut state = shared.state();
        state.users += 1;
        shared.ensure_ticking(&mut state);
        Self(())
    }
}

/// Reads the process-wide ticker without making it tick.
struct Passive;

impl Ticker for Passive {
    fn now(&self) -> Duration {
        let shared = shared();
        let now = shared.start.elapsed();
        if ticks(now).saturating_sub(shared.cell.load()) > 100 {
            shared.ensure_ticking(&mut shared.state());
        }
        now
    }

    fn cell(&self) -> Option<TickCell> {
        Some(shared().cell.clone())
    }
}

impl CoarseTicker {
    /// The process-wide time for a cache that may never need it: starts no thread.
    pub(crate) fn clock() -> Clock {
        Clock::new(Passive)
    }
}

impl Default for CoarseTicker {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for CoarseTicker {
    fn drop(&mut self) {
        shared().state().users -= 1;
    }
}

impl Ticker for CoarseTicker {
    /// The real time (about 25 ns); also restarts the thread in a forked child.
    fn now(&self) -> Duration {
        Passive.now()
    }

    fn cell(&self) -> Option<TickCell> {
        Passive.cell()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ticks_while_a_ticker_lives() {
        let ticker = CoarseTicker::new();
        let cell = ticker.cell().unwrap();
        let (before, deadline) = (cell.load(), Instant::now() + Duration::from_secs(10));
        while cell.load() <= before + 1 {
            assert!(Instant::now() < deadline, "the ticker does not tick");
            std::thread::yield_now();
        }
        assert!(ticker.now() >= Duration::from_millis(cell.load()));
    }

    /// A ticker of the test's own.
    fn own(place: &'static OnceLock<Shared>) -> &'static Shared {
        place.get_or_init(|| Shared {
            start: Instant::now(),
            cell: TickCell::new(),
            state: Mutex::default(),
        })
    }

    #[test]
    fn nobody_ticks_for_nobody() {
        static OWN: OnceLock<Shared> = OnceLock::new();
        let ticker = own(&OWN);
        ticker.ensure_ticking(&mut ticker.state());
        assert_eq!(ticker.state().ticking_in, None);
        ticker.state().users = 1;
        ticker.ensure_ticking(&mut ticker.state());
        assert_eq!(ticker.state().ticking_in, Some(std::process::id()));
        // The thread ends with the last user.
        ticker.state().users = 0;
        while ticker.state().ticking_in.is_some() {
            std::thread::yield_now();
        }
    }

    /// As in a child of `fork`: what the parent noted is not about this process.
    #[test]
    fn a_thread_of_another_process_does_not_count() {
        static OWN: OnceLock<Shared> = OnceLock::new();
        let (ticker, here) = (own(&OWN), std::process::id());
        *ticker.state() = State {
            users: 1,
            ticking_in: Some(here + 1),
        };
        ticker.tick_while_used(here);
        assert_eq!(ticker.state().ticking_in, Some(here + 1));
        ticker.ensure_ticking(&mut ticker.state());
        assert_eq!(ticker.state().ticking_in, Some(here));
        ticker.state().users = 0;
    }

    #[test]
    fn tickers_are_counted_down_again() {
        let before = shared().state().users;
        drop((0..1_000).map(|_| CoarseTicker::new()).collect::<Vec<_>>());
        // Other tests have some, too.
        assert!(shared().state().users < before + 500);
    }
}
