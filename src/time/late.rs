//! By how much a ticker thread was late, for those who would expire what was written meanwhile.

use crate::sync::{AtomicU64, Ordering, fence};

/// How many low bits of a stamp and of a deadline say which place of [`LateTicks`] knows more, and whether one does; or are zero. The
/// ticks stand above.
pub(super) const SHIFT: u32 = 16;
/// The low bits, all set: what a line has there, so that a deadline of the same tick is not greater.
pub(super) const LOW: u64 = (1 << SHIFT) - 1;
/// A deadline that never comes.
pub(super) const NEVER: u64 = u64::MAX - LOW;

/// How many ticks are told apart.
pub(super) const PLACES: usize = if cfg!(tux_loom) { 2 } else { 4_096 };

/// What is known of late ticks. A write under a tick carries the number of a place in its deadline; the place says by how much
/// longer than a tick ticks with that number were shown.
///
/// A place has two halves: the latest late tick (without what the place's number says of it), and the largest lag. What
/// was noted is forgotten when another late tick comes to the place and nothing written under the old ones can be alive any more; until
/// then lags are not told apart, so an entry may live longer than it need by a lag that was some other tick's.
pub(crate) struct LateTicks {
    places: [AtomicU64; PLACES],
    /// The longest time to live so far that has an end, in ticks, with the tick under way.
    longest: AtomicU64,
}

/// That of the process-wide ticker.
#[cfg(not(tux_loom))]
pub(super) static LATE: LateTicks = LateTicks {
    places: [const { AtomicU64::new(0) }; PLACES],
    longest: AtomicU64::new(0),
};

#[derive(Clone, Copy)]
struct Note {
    tick: u64,
    lag: u64,
}

impl Note {
    fn of(word: u64, place: usize) -> Self {
        Self {
            tick: (word >> 32) * PLACES as u64 + place as u64,
            lag: word & u64::from(u32::MAX),
        }
    }

    /// 32 bits each: 557 years since the ticker began, and a lag of up to 49 days.
    fn word(self) -> u64 {
        (self.tick / PLACES as u64) << 32 | self.lag.min(u64::from(u32::MAX))
    }
}

impl LateTicks {
    #[cfg(any(test, tux_loom))]
    pub(crate) fn new(longest: u64) -> Self {
        Self {
            places: std::array::from_fn(|_| AtomicU64::new(0)),
            longest: AtomicU64::new(longest),
        }
    }

    /// There will be entries that live for so many ticks.
    pub(super) fn reckon_with(&self, ttl: u64) {
        // Long before what is written with it is late or expires: one thread's order is enough.
        if self.longest.load(Ordering::Relaxed) < ttl {
            self.longest.fetch_max(ttl, Ordering::Relaxed);
        }
    }

    /// The `stamped` tick was written under until just before the end of tick `now`.
    pub(super) fn note(&self, stamped: u64, now: u64) {
        let lag = now.saturating_sub(stamped);
        if lag == 0 {
            return;
        }
        let at = (stamped % PLACES as u64) as usize;
        let place = &self.places[at];
        let mut word = place.load(Ordering::Relaxed);
        loop {
            let old = Note::of(word, at);
            let over = old.tick + old.lag + self.longest.load(Ordering::Relaxed) < now;
            let new = Note {
                tick: stamped.max(old.tick),
                lag: if over { lag } else { lag.max(old.lag) },
            };
            match place.compare_exchange(word, new.word(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// A deadline's word with what is known of its stamp's lag. The caller has seen a tick that is not before it.
    pub(super) fn postpone(&self, deadline: u64) -> u64 {
        // Pairs with the Release of who showed that tick, and had noted before.
        fence(Ordering::Acquire);
        let at = (deadline & LOW) as usize % PLACES;
        let note = Note::of(self.places[at].load(Ordering::Relaxed), at);
        // Written after the last late tick: not late.
        if deadline >> SHIFT > note.tick + self.longest.load(Ordering::Relaxed) {
            return deadline;
        }
        deadline.saturating_add(note.lag << SHIFT).min(NEVER)
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::super::deadline::{Deadline, Stamp, Ticks};
    use super::*;
    use std::time::Duration;

    fn deadline(stamped: u64, ttl: u64) -> Deadline {
        let ttl = Ticks::of(Duration::from_millis(ttl));
        Deadline::after(Stamp::paced(stamped), ttl)
    }

    fn ends(late: &LateTicks, deadline: Deadline) -> u64 {
        deadline.postponed_by(late).ticks()
    }

    #[test]
    fn what_was_written_under_a_late_tick_has_longer_and_the_rest_has_not() {
        let late = LateTicks::new(101);
        late.note(50, 50);
        assert_eq!(ends(&late, deadline(50, 20)), 71);
        late.note(50, 1_550);
        assert_eq!(ends(&late, deadline(50, 20)), 1_571);
        assert_eq!(ends(&late, deadline(50, 100)), 1_651);
        assert_eq!(ends(&late, deadline(51, 20)), 72);
        // Of the same place, but written when nothing of the late tick was alive any more.
        let again = 50 + PLACES as u64;
        assert_eq!(ends(&late, deadline(again, 20)), again + 21);
    }

    /// Entries of both late ticks may be alive: neither ends early. Later only the last one counts.
    #[test]
    fn two_late_ticks_of_one_place() {
        let late = LateTicks::new(3 * PLACES as u64);
        let (first, second) = (7, 7 + PLACES as u64);
        late.note(first, first + 900);
        late.note(second, second + 3);
        for (stamped, ttl) in [(first, 2 * PLACES as u64), (second, 20)] {
            let ends = ends(&late, deadline(stamped, ttl));
            assert_eq!(ends, stamped + ttl + 1 + 900, "the larger lag");
        }
        let third = second + 5 * PLACES as u64;
        late.note(third, third + 4);
        let ends = ends(&late, deadline(third, 20));
        assert_eq!(ends, third + 21 + 4, "the old lag is forgotten");
    }

    #[test]
    fn a_lag_beyond_measure_saturates() {
        let late = LateTicks::new(10);
        late.note(5, u64::MAX);
        assert_eq!(ends(&late, deadline(5, 3)), 9 + u64::from(u32::MAX));
    }
}
