//! A cache's own time: how often it was cleared, and the epoch of its eviction clock, in one word.
//!
//! One word, so that a hit compares both with what its entry has in one [`Usage`] word. The high 48 bits count clears; the low 16
//! are what [`Usage`] has in its low half after the last use in this epoch. Clears and epochs are counted by exchanges of the
//! whole word, so neither takes the other back.

use crate::engine::entry::Usage;
use crate::sync::{AtomicU64, CachePadded, Ordering, advice};

/// What the word says at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era(u64);

impl Era {
    const CLEARS: u32 = 16;

    fn new(clears: u64, epoch: u32) -> Self {
        Self(clears << Self::CLEARS | u64::from(Usage::recent(Usage::MAX_USES, epoch)))
    }

    #[inline(always)]
    pub(crate) fn clears(self) -> u64 {
        self.0 >> Self::CLEARS
    }

    /// What entries carry of the clears.
    #[inline(always)]
    pub(crate) fn generation(self) -> u16 {
        Usage::generation_of(self.steady())
    }

    #[inline(always)]
    pub(crate) fn epoch(self) -> u32 {
        self.steady() >> 2 & Usage::MAX_EPOCH
    }

    /// The [`Usage`] word of an entry of this generation that was used often enough, and in this epoch.
    #[inline(always)]
    pub(crate) fn steady(self) -> u32 {
        (self.0 & u64::from(u32::MAX)) as u32
    }

    /// The same epoch after so many clears.
    #[inline(always)]
    pub(crate) fn after(self, clears: u64) -> Self {
        Self::new(clears, self.epoch())
    }

    fn next_epoch(self) -> Self {
        Self::new(self.clears(), (self.epoch() + 1) & Usage::MAX_EPOCH)
    }
}

/// What was once true, noted by whoever found it so: advice that costs one load and a comparison with what the caller has anyway.
#[derive(Debug)]
pub(crate) struct Since(advice::AtomicU64);

impl Since {
    pub(crate) fn new(era: Era) -> Self {
        Self(advice::AtomicU64::new(era.0))
    }

    pub(crate) fn note(&self, era: Era) {
        self.0.store(era.0, Ordering::Relaxed);
    }

    /// Whether it was noted after as many clears.
    #[inline(always)]
    pub(crate) fn is_of(&self, era: Era) -> bool {
        (self.0.load(Ordering::Relaxed) ^ era.0) >> Era::CLEARS == 0
    }
}

/// The word. Read by every hit, so it has a line of its own.
#[derive(Debug)]
pub(crate) struct EraWord(CachePadded<AtomicU64>);

impl EraWord {
    pub(crate) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(Era::new(0, 0).0)))
    }

    /// Acquire pairs with the clearing exchange: who sees the new count sees no older entry as current.
    #[inline(always)]
    pub(crate) fn load(&self) -> Era {
        Era(self.0.load(Ordering::Acquire))
    }

    /// How often the cache was cleared. SeqCst: after what the caller has written SeqCst.
    #[inline(always)]
    pub(crate) fn clears(&self) -> u64 {
        Era(self.0.load(Ordering::SeqCst)).clears()
    }

    /// Counts a clear, if there was none since `then`. SeqCst: a publisher that re-checks its lease after this sees it (I8).
    ///
    /// Epochs that begin meanwhile make it exchange again, and nothing else: what the caller has done for this clear
    /// stays done.
    pub(crate) fn clear(&self, then: Era) -> bool {
        let mut now = then;
        while now.clears() == then.clears() {
            if self.exchange(now, now.after(then.clears() + 1), Ordering::SeqCst) {
                return true;
            }
            if cfg!(tux_fault = "clear-yields-to-epoch") {
                return false;
            }
            now = Era(self.0.load(Ordering::Relaxed));
        }
        false
    }

    /// Begins another epoch, unless somebody changes the word at this very moment: epochs are advice.
    pub(crate) fn begin_epoch(&self) {
        let now = Era(self.0.load(Ordering::Relaxed));
        if cfg!(tux_fault = "epoch-takes-clear-back") {
            return self.0.store(now.next_epoch().0, Ordering::Relaxed);
        }
        self.exchange(now, now.next_epoch(), Ordering::Relaxed);
    }

    fn exchange(&self, from: Era, to: Era, order: Ordering) -> bool {
        self.0
            .compare_exchange(from.0, to.0, order, Ordering::Relaxed)
            .is_ok()
    }

    #[cfg(test)]
    pub(crate) fn set(&self, clears: u64, epoch: u32) {
        self.0.store(Era::new(clears, epoch).0, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_holds_until_the_next_clear() {
        let since = Since::new(Era::new(7, 1));
        assert!(since.is_of(Era::new(7, 1)) && since.is_of(Era::new(7, 0x3fff)));
        for clears in [0, 6, 8, 7 + 0x1_0000] {
            assert!(!since.is_of(Era::new(clears, 1)), "{clears}");
        }
        since.note(Era::new(0x1_0007, 2));
        assert!(since.is_of(Era::new(0x1_0007, 1)) && !since.is_of(Era::new(7, 1)));
    }

    #[test]
    fn clears_and_epochs_leave_each_other_alone() {
        let word = EraWord::new();
        let is = |clears, epoch| {
            let era = word.load();
            assert_eq!((era.clears(), word.clears()), (clears, clears));
            assert_eq!(u64::from(era.generation()), clears & 0xffff);
            assert_eq!(era.epoch(), epoch);
            assert_eq!(era.steady() & 3, Usage::MAX_USES);
        };
        is(0, 0);
        word.begin_epoch();
        assert!(word.clear(word.load()));
        is(1, 1);
        let then = word.load();
        word.begin_epoch();
        assert!(word.clear(then), "an epoch is no clear");
        is(2, 2);
        assert!(!word.clear(then), "cleared since");
        is(2, 2);
        word.set(0x1_ffff, Usage::MAX_EPOCH);
        is(0x1_ffff, Usage::MAX_EPOCH);
        word.begin_epoch();
        is(0x1_ffff, 0);
        assert!(word.clear(word.load()));
        is(0x2_0000, 0);
        assert_eq!(word.load().after(7), Era::new(7, 0));
    }
}
