//! The tick that several threads correct: it never goes back (I6).

use super::super::check;
use crate::sync::thread;
use crate::time::{Clock, ManualTicker, TickCell, Ticker};
use std::time::Duration;

/// Seeded fault: `tick-stored` (a late corrector stores its older reading).
#[test]
fn a_tick_never_goes_back() {
    check("ticker::advance/advance/read", 3, 100, || {
        let cell = TickCell::new();
        let advance = |to: u64| {
            let cell = cell.clone();
            thread::spawn(move || {
                cell.advance_to(to);
                assert!(cell.load() >= to, "went back");
            })
        };
        let threads = [advance(5), advance(7)];
        let first = cell.load();
        let second = cell.load();
        assert!(second >= first, "{second} after {first}");
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(cell.load(), 7);
    });
}

/// Two threads advance a manual ticker: no step is lost, and the cell follows.
#[test]
fn a_manual_ticker_loses_no_step() {
    check("ticker::manual", 3, 100, || {
        let ticker = ManualTicker::new();
        let clock = Clock::new(ticker.clone());
        let other = thread::spawn({
            let ticker = ticker.clone();
            move || ticker.advance(Duration::from_millis(2))
        });
        let first = clock.tick();
        ticker.advance(Duration::from_millis(1));
        let second = clock.tick();
        assert!(second > first, "the own step is seen");
        other.join().unwrap();
        assert_eq!(ticker.now(), Duration::from_millis(3), "a step was lost");
        assert_eq!(clock.correct(), 0, "the cell fell behind");
        assert_eq!(clock.tick(), 3);
    });
}
