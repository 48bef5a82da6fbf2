//! The cell that shows the tick, and how a thread that may be late advances it.
//!
//! A cell shows two words. The *line* is what deadlines are compared with: a hit loads it, and nothing else. The *stamp* is what
//! writes reckon from. A thread that advances the cell may be late: held up by a busy machine, or stopped. Then the stamp
//! is older than the write, and an entry would end early by as much. Nobody can know that while it is so; but whoever
//! advances the cell next knows by how much it was late, and says it ([`LateTicks`]) before it shows a line that any deadline of that stamp has
//! passed. So writes and hits load one word each, and who would expire an entry asks.
//!
//! The stamp is one tick ahead of the line, so that a thread which comes less than a tick late owes nothing.
//!
//! - **K1** *A stamp is written under no longer than is known.* Whoever has replaced it by another reads the real time
//!   afterwards, and notes by how much that is later than the stamp's tick.
//! - **K2** *The line does not pass a stamp that is still shown, nor one whose lag is not noted.* The line follows the stamp by one
//!   step at a time: stamp replaced, time read, lag noted, line advanced. Who finds a step half done (its author was held up) does the
//!   rest of it before its own, with a later time: the lag it notes was the line's at that moment.
//! - **K3** *Both words only go on*, and are parked together: the stamp first, the line when its lag is noted. While the line is
//!   parked, the time is asked for: then no stamp is owed anything (a cell starts with the line).
//! - **K4** *So no entry ends early*: a write that began at time t loaded a stamp s; when a line shows that its deadline d = s + ttl + 1
//!   has passed, a lag l is noted with s + l + 1 > t, and the entry ends at d + l > t + ttl. It ends late by no more than the
//!   line's lag at its end, a tick for the stamp, one for rounding, and l.
//!
//! Taken for granted: a load that begins after another processor's exchange has ended sees it.

use super::deadline::{Line, Stamp};
use super::late::LateTicks;
use crate::sync::{Arc, AtomicU64, CachePadded, Ordering};

/// By how much the stamps of a thread that advances a cell are ahead.
const LEAD: u64 = 1;

/// A shared, cache-line padded tick: what a hit loads.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct TickCell(Arc<CachePadded<Cells>>);

#[derive(Debug)]
struct Cells {
    line: AtomicU64,
    stamp: AtomicU64,
}

impl TickCell {
    /// One that stands at zero, and that somebody who is never late [advances](Self::advance_to).
    pub(crate) fn new() -> Self {
        Self::showing(Line::at(0), Stamp::exact(0))
    }

    /// One that nobody advances (yet).
    pub(crate) fn parked() -> Self {
        Self::showing(Line::PARKED, Stamp(Line::PARKED.0))
    }

    fn showing(line: Line, stamp: Stamp) -> Self {
        Self(Arc::new(CachePadded::new(Cells {
            line: AtomicU64::new(line.0),
            stamp: AtomicU64::new(stamp.0),
        })))
    }

    #[inline(always)]
    pub(crate) fn line(&self) -> Line {
        // Relaxed: a tick orders nothing; an old one only makes an entry live a little longer. (Who would end an entry has a
        // fence: `LateTicks::postpone`.)
        Line(self.0.line.load(Ordering::Relaxed))
    }

    /// `None` if the cell is parked.
    #[inline(always)]
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let stamp = self.0.stamp.load(Ordering::Relaxed);
        (stamp != Line::PARKED.0).then_some(Stamp(stamp))
    }

    /// The tick it shows.
    #[cfg(tux_loom)]
    pub(crate) fn load(&self) -> u64 {
        self.line().ticks()
    }

    /// Moves the tick forward, never back (several threads may do so at once).
    pub(crate) fn advance_to(&self, tick: u64) {
        let (stamp, line) = (Stamp::exact(tick), Line::at(Stamp::exact(tick).tick()));
        if cfg!(tux_fault = "tick-stored") {
            return self.0.line.store(line.0, Ordering::Relaxed);
        }
        self.0.stamp.fetch_max(stamp.0, Ordering::Relaxed);
        self.0.line.fetch_max(line.0, Ordering::Relaxed);
    }

    /// Advances the cell to the `real` time, if a thread that may be late has it in hand, whoever calls (K2). Returns the
    /// time. Lock-free.
    pub(crate) fn catch_up(&self, late: &LateTicks, real: impl Fn() -> u64) -> u64 {
        let Cells { line, stamp } = &**self.0;
        let mut first = None;
        loop {
            // In this order: the stamp is not behind the line.
            let shown = Line(line.load(Ordering::Acquire));
            let stamped = Stamp(stamp.load(Ordering::Acquire));
            // After the loads (K1).
            let now = real();
            let first = *first.get_or_insert(now);
            if shown == Line::PARKED || stamped.0 == Line::PARKED.0 {
                return first;
            }
            if !stamped.is_paced() {
                if now > shown.ticks() {
                    self.advance_to(now);
                }
                return first;
            }
            let next = Line::at(stamped.tick() - LEAD);
            if next.0 > shown.0 {
                self.finish(late, shown, next, now);
            } else if now <= shown.ticks() {
                return first;
            } else {
                let _ = stamp.compare_exchange(
                    stamped.0,
                    Stamp::paced(now + LEAD).0,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
            }
        }
    }

    /// The second half of a step, from the line that is `shown` to the `next` one, or to being parked.
    fn finish(&self, late: &LateTicks, shown: Line, next: Line, now: u64) {
        let line = &self.0.line;
        let advance =
            || line.compare_exchange(shown.0, next.0, Ordering::AcqRel, Ordering::Relaxed);
        if cfg!(tux_fault = "tick-shown-first") {
            let _ = advance();
        }
        // If the line has gone on, the lag was less than it seems now, and is noted.
        if line.load(Ordering::Acquire) == shown.0 {
            let until = if cfg!(tux_fault = "tick-late-by-reading") {
                next.ticks()
            } else {
                now
            };
            late.note(shown.ticks() + LEAD, until);
        }
        // Release: who sees the line sees the note.
        let _ = advance();
    }

    /// Begins to show the time. To be called by the one thread that advances the cell from then on, while it is parked.
    pub(crate) fn start(&self, now: u64) {
        self.0.line.store(Line::at(now).0, Ordering::Release);
        let stamp = Stamp::paced(now + LEAD);
        self.0.stamp.store(stamp.0, Ordering::Release);
    }

    /// Ends what [`start`](Self::start) began; by the same thread.
    pub(crate) fn park(&self, late: &LateTicks, real: impl Fn() -> u64) {
        let Cells { line, stamp } = &**self.0;
        loop {
            self.catch_up(late, &real);
            let shown = Line(line.load(Ordering::Acquire));
            let paced = Stamp::paced(shown.ticks() + LEAD).0;
            if shown == Line::PARKED
                || stamp
                    .compare_exchange(paced, Line::PARKED.0, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                let now = if cfg!(tux_fault = "tick-parked-early") {
                    shown.ticks()
                } else {
                    real()
                };
                break self.finish(late, shown, Line::PARKED, now);
            }
        }
    }

    /// Parks the cell in the child of a `fork`, where nobody else runs and the one who advanced it does not either. May be
    /// called where signals may be handled.
    #[cfg_attr(any(not(unix), tux_loom), allow(dead_code))]
    pub(super) fn park_alone(&self, late: &LateTicks, now: u64) {
        let Cells { line, stamp } = &**self.0;
        let shown = Line(line.load(Ordering::Acquire));
        if shown != Line::PARKED {
            late.note(shown.ticks() + LEAD, now);
            // The second one of a step that was under way.
            if let Some(stamped) = self.stamp().filter(|stamped| stamped.is_paced()) {
                late.note(stamped.tick(), now);
            }
        }
        stamp.store(Line::PARKED.0, Ordering::Release);
        line.store(Line::PARKED.0, Ordering::Release);
    }
}
