//! The tick that several threads correct: it never goes back (I6).

use super::super::check;
use crate::sync::{Mutex, StdArc, thread};
use crate::time::{Deadline, LateTicks, Line, ManualTicker, TickCell, Ticker, Ticks, TimeSource};
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
        let time = TimeSource::new(ticker.clone());
        let other = thread::spawn({
            let ticker = ticker.clone();
            move || ticker.advance(Duration::from_millis(2))
        });
        let first = time.tick();
        ticker.advance(Duration::from_millis(1));
        let second = time.tick();
        assert!(second > first, "the own step is seen");
        other.join().unwrap();
        assert_eq!(ticker.now(), Duration::from_millis(3), "a step was lost");
        assert_eq!(time.correct(), 0, "the cell fell behind");
        assert_eq!(time.tick(), 3);
    });
}

/// The real time, in ticks: whoever looks later sees no less, and what came before it.
#[derive(Clone)]
struct Real(StdArc<Mutex<u64>>);

impl Real {
    fn now(&self) -> u64 {
        *self.0.lock().unwrap()
    }

    fn pass(&self, ticks: u64) {
        *self.0.lock().unwrap() += ticks;
    }
}

/// A cell that threads who may be late advance, and what is known of their lags.
#[derive(Clone)]
struct Paced {
    real: Real,
    cell: TickCell,
    late: StdArc<LateTicks>,
}

const TTL: u64 = 2;

impl Paced {
    fn new() -> Self {
        let cell = TickCell::parked();
        cell.start(10);
        Self {
            real: Real(StdArc::new(Mutex::new(10))),
            cell,
            late: StdArc::new(LateTicks::new(100)),
        }
    }

    fn catch_up(&self) {
        self.cell.catch_up(&self.late, || self.real.now());
    }

    /// Writes an entry now; returns when that was, and the entry's deadline, if the cell shows a stamp.
    fn write(&self) -> Option<(u64, Deadline)> {
        let now = self.real.now();
        let stamp = self.cell.stamp()?;
        let ttl = Ticks::of(Duration::from_millis(TTL));
        Some((now, Deadline::after(stamp, ttl)))
    }

    /// As `TimeSource::tick`.
    fn tick(&self) -> u64 {
        match self.cell.line() {
            Line::PARKED => {
                let now = self.real.now();
                match self.cell.line() {
                    Line::PARKED => now,
                    line => line.ticks(),
                }
            }
            line => line.ticks(),
        }
    }

    /// K4: whoever finds an entry's end has come finds its time to live over.
    fn expire(&self, written: Option<(u64, Deadline)>) {
        let tick = self.tick();
        if let Some((then, deadline)) = written
            && deadline.ticks() <= tick
            && deadline.postponed_by(&self.late).ticks() <= tick
        {
            let now = self.real.now();
            assert!(now >= then + TTL, "K4: written at {then}, ended at {now}");
        }
    }
}

/// Two threads advance a cell that is late, one is held up half-way; a write goes by the old tick meanwhile.
///
/// Seeded faults: `tick-shown-first` (the line goes on before the lag is noted), `tick-late-by-reading` (the lag is that of
/// the time read before the stamp was replaced).
#[test]
fn what_is_written_under_a_late_tick_does_not_end_early() {
    check("ticker::write/advance/advance", 3, 1_000, || {
        let paced = Paced::new();
        paced.real.pass(5);
        let advance = thread::spawn({
            let paced = paced.clone();
            move || paced.catch_up()
        });
        let write = thread::spawn({
            let paced = paced.clone();
            move || {
                paced.real.pass(4);
                let written = paced.write();
                paced.expire(written);
                written
            }
        });
        paced.catch_up();
        let written = write.join().unwrap();
        paced.expire(written);
        advance.join().unwrap();
        paced.catch_up();
        paced.expire(written);
        paced.real.pass(20);
        paced.catch_up();
        paced.expire(written);
        assert_eq!(paced.cell.load(), 39, "K3: a step was lost");
    });
}

/// The last user goes while another thread corrects the time, and a write goes by the stamp that is about to be parked.
///
/// Seeded fault: `tick-parked-early` (the last lag is not noted).
#[test]
fn a_cell_is_parked_with_its_lags_noted() {
    check("ticker::write/park/correct", 3, 1_000, || {
        let paced = Paced::new();
        // So that the two stamps have places of their own.
        paced.real.pass(5);
        let correct = thread::spawn({
            let paced = paced.clone();
            move || paced.catch_up()
        });
        let write = thread::spawn({
            let paced = paced.clone();
            move || {
                paced.real.pass(4);
                let written = paced.write();
                paced.expire(written);
                written
            }
        });
        paced.cell.park(&paced.late, || paced.real.now());
        assert!(paced.cell.stamp().is_none(), "K3: not parked");
        let written = write.join().unwrap();
        // What the clock says counts now.
        let ends = written.map(|(then, deadline)| (then, deadline.postponed_by(&paced.late)));
        assert!(ends.is_none_or(|(then, ends)| ends.ticks() >= then + TTL));
        correct.join().unwrap();
        assert!(paced.cell.stamp().is_none(), "K3: parked no more");
    });
}
