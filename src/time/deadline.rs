//! When an entry ends: stamps, times to live and deadlines.

#[cfg(not(tux_loom))]
use super::late::LATE;
use super::late::{LOW, LateTicks, NEVER, PLACES, SHIFT};
use std::time::Duration;

/// Set where a stamp is a ticker thread's, which may have been late.
const PACED: u64 = 1 << (SHIFT - 1);
const NANOS_PER_TICK: u32 = 1_000_000;

/// The time stands still here, in 8,900 years: before [`Deadline::NEVER`].
pub(super) const LAST_TICK: u64 = Deadline::NEVER.ticks() - 1;

/// Whole ticks in `time`, rounded down.
pub(super) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(LAST_TICK, |ticks| ticks.min(LAST_TICK))
}

/// The tick that a write goes by: 48 bits of ticks, then the low bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(pub(super) u64);

impl Stamp {
    /// That of a clock that is not late.
    pub(crate) fn exact(tick: u64) -> Self {
        Self(tick.min(LAST_TICK) << SHIFT)
    }

    /// That of a ticker thread.
    pub(super) fn paced(tick: u64) -> Self {
        Self(tick.min(LAST_TICK) << SHIFT | PACED | (tick % PLACES as u64))
    }

    pub(super) fn tick(self) -> u64 {
        self.0 >> SHIFT
    }

    pub(super) fn is_paced(self) -> bool {
        self.0 & PACED != 0
    }
}

/// A time to live in whole ticks, rounded up, and the tick that is under way when it begins: as a deadline has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) fn of(ttl: Duration) -> Self {
        let part = u64::from(ttl.subsec_nanos()).div_ceil(u64::from(NANOS_PER_TICK));
        let ticks = ttl.as_secs().saturating_mul(1_000).saturating_add(part);
        let ticks = ticks.saturating_add(1).min(Deadline::NEVER.ticks());
        Self(ticks << SHIFT)
    }

    /// The time to live; `None` if it is for ever.
    pub(crate) fn duration(self) -> Option<Duration> {
        let ticks = self.0 >> SHIFT;
        (ticks < Deadline::NEVER.ticks()).then(|| Duration::from_millis(ticks.saturating_sub(1)))
    }

    /// There will be entries that live for so long. To be called before there are: it says how long what is known of late ticks
    /// must be kept.
    pub(crate) fn announced(self) -> Self {
        #[cfg(not(tux_loom))]
        if self.0 < Deadline::NEVER.0 {
            LATE.reckon_with(self.0 >> SHIFT);
        }
        self
    }
}

/// When an entry expires: 48 bits of ticks (8,900 years), all ones = never; then the low bits of the write's [`Stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(pub(super) u64);

impl Deadline {
    pub(crate) const NEVER: Self = Self(NEVER);

    /// `ttl` after `now`. With the tick that is under way ([`Ticks`]), so that an entry never expires early by rounding;
    /// saturates to [`Self::NEVER`] (T28).
    #[inline(always)]
    pub(crate) fn after(now: Stamp, ttl: Ticks) -> Self {
        #[cold]
        fn never() -> Deadline {
            Deadline::NEVER
        }
        match now.0.checked_add(ttl.0) {
            Some(sum) if sum < Self::NEVER.0 => Self(sum),
            _ => never(),
        }
    }

    /// A deadline at this tick, of an entry written by a clock that was not late.
    #[cfg(any(test, tux_loom))]
    pub(crate) const fn at(tick: u64) -> Self {
        Self(tick << SHIFT)
    }

    /// Its tick.
    #[inline(always)]
    pub(crate) const fn ticks(self) -> u64 {
        self.0 >> SHIFT
    }

    /// Whether it may have passed: what a hit asks, with one comparison. If it may, [`has_passed`](Self::has_passed) knows.
    #[inline(always)]
    pub(crate) const fn may_have_passed(self, line: Line) -> bool {
        self.0 <= line.0
    }

    /// Whether it has passed at tick `now`, which is a ticker's and so before [`NEVER`](Self::NEVER). What was written under
    /// a tick that was late has longer, by as much (K4).
    #[inline(always)]
    pub(crate) fn has_passed(self, now: u64) -> bool {
        self.ticks() <= now && (self.0 & PACED == 0 || self.postponed().ticks() <= now)
    }

    /// The deadline with what was added to it so far because the ticker was late. More may be added until it has passed. One of a clock
    /// that is not late is as it is: its ticks have nothing to do with those that were late.
    #[cold]
    #[inline(never)]
    pub(crate) fn postponed(self) -> Self {
        #[cfg(not(tux_loom))]
        return match self.0 & PACED {
            0 => self,
            _ => self.postponed_by(&LATE),
        };
        #[cfg(tux_loom)]
        self
    }

    /// How long it is away at tick `now` at least, so without the tick under way; `None` if it never comes.
    pub(crate) fn remaining(self, now: u64) -> Option<Duration> {
        let at = self.postponed().ticks();
        (self != Self::NEVER).then(|| Duration::from_millis(at.saturating_sub(now + 1)))
    }

    /// [`postponed`](Self::postponed), by what stands there.
    pub(crate) fn postponed_by(self, late: &LateTicks) -> Self {
        Self(late.postpone(self.0))
    }
}

/// What a hit compares deadlines with: the current tick, the low bits all set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line(pub(super) u64);

impl Line {
    /// Every deadline has passed it, but those that never come. Also what a cell shows that nobody advances: whoever wants to
    /// know the time must ask the ticker.
    pub(crate) const PARKED: Self = Self(Deadline::NEVER.0 - 1);

    pub(crate) const fn at(tick: u64) -> Self {
        Self(tick << SHIFT | LOW)
    }

    pub(crate) const fn ticks(self) -> u64 {
        self.0 >> SHIFT
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    /// K4: what the process's ticker was late by is nothing to clocks of others, though they count the same numbers.
    #[cfg(not(tux_loom))]
    #[test]
    fn a_clock_that_is_not_late_is_not_postponed() {
        // A tick whose note stands where a deadline without one looks.
        let tick = 3_000_000_000 / PLACES as u64 * PLACES as u64;
        LATE.reckon_with(1_000);
        LATE.note(tick, tick + 500);
        let ttl = Ticks::of(Duration::from_millis(10));
        let (exact, paced) = (
            Deadline::after(Stamp::exact(tick), ttl),
            Deadline::after(Stamp::paced(tick), ttl),
        );
        assert_eq!(exact.remaining(tick), Some(Duration::from_millis(10)));
        assert!(exact.has_passed(tick + 11) && !paced.has_passed(tick + 11));
        assert_eq!(paced.remaining(tick), Some(Duration::from_millis(510)));
    }

    #[test]
    fn deadlines_round_up_and_never_come_early() {
        let d = Deadline::after(Stamp::exact(10), Ticks::of(Duration::from_micros(1500)));
        assert!(
            !d.has_passed(12),
            "10 + 1.5 ms, and tick 10 may be almost over"
        );
        assert!(d.has_passed(13));
        assert!(!d.may_have_passed(Line::at(12)) && d.may_have_passed(Line::at(13)));
    }

    #[test]
    fn t28_huge_ttls_saturate_to_never() {
        let last = Stamp::paced(u64::MAX - 1);
        for ttl in [Duration::MAX, Duration::from_secs(u64::MAX / 1_000)] {
            let d = Deadline::after(last, Ticks::of(ttl));
            assert_eq!(d, Deadline::NEVER);
            assert!(!d.has_passed(ticks(Duration::MAX)));
            assert!(!d.may_have_passed(Line::PARKED));
        }
        let long = Duration::from_millis(Deadline::NEVER.ticks() - 3);
        let d = Deadline::after(Stamp::exact(0), Ticks::of(long));
        assert!(d < Deadline::NEVER && d.may_have_passed(Line::PARKED));
        assert_eq!(d.ticks(), Deadline::NEVER.ticks() - 2);
    }

    #[test]
    fn a_stamp_keeps_its_low_bits_in_the_deadline() {
        let stamp = Stamp::paced(77_777);
        let d = Deadline::after(stamp, Ticks::of(Duration::from_millis(9)));
        assert_eq!(d.ticks(), 77_787);
        assert_eq!(d.0 & LOW, PACED | (77_777 % PLACES as u64));
        assert!(stamp.is_paced() && !Stamp::exact(1 << 40).is_paced());
    }
}
