//! The word of an entry that decides its life.

use crate::sync::{AtomicU8, Ordering};

/// Where an entry stands between its publication and its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// In a slot, without a permit of its own; any thread may kill it.
    Pending = 0,
    /// Readers may return it.
    Live = 1,
    /// Killed by another insert of the same key, which may itself not have come through.
    Overtaken = 2,
    /// Killed by an invalidation, for its slot, or by its owner.
    Cancelled = 4,
}

/// The word of an entry that decides its life.
#[derive(Debug)]
pub(crate) struct PhaseWord(AtomicU8);

/// LIVE and settled. Like LIVE, and no other phase, it is odd.
const SETTLED: u8 = 3;

impl PhaseWord {
    /// What begins LIVE is settled: it has no source.
    #[inline]
    pub(crate) fn new(phase: Phase) -> Self {
        Self(AtomicU8::new(match phase {
            Phase::Live => SETTLED,
            other => other as u8,
        }))
    }

    const fn phase(word: u8) -> Phase {
        match word {
            0 => Phase::Pending,
            1 | SETTLED => Phase::Live,
            2 => Phase::Overtaken,
            _ => Phase::Cancelled,
        }
    }

    /// Acquire: pairs with the Release half of the exchange that ended PENDING.
    #[inline(always)]
    pub(crate) fn load(&self) -> Phase {
        Self::phase(self.0.load(Ordering::Acquire))
    }

    /// Whether `load` is LIVE.
    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        self.0.load(Ordering::Acquire) & 1 != 0
    }

    /// Whether it is LIVE, and the source of its permit does not name it any longer. Acquire: pairs with the Release of whoever saw to
    /// that.
    #[inline(always)]
    pub(crate) fn is_settled(&self) -> bool {
        let word = self.0.load(Ordering::Acquire);
        word == SETTLED || cfg!(tux_fault = "settled-as-live") && Self::phase(word) == Phase::Live
    }

    /// Says that it is settled, of an entry that is LIVE: nobody else writes the word any more. Release: who sees it sees what was
    /// done before.
    #[inline(always)]
    pub(crate) fn settle(&self) {
        self.0.store(SETTLED, Ordering::Release);
    }

    /// PENDING → LIVE and settled at once, where no source names the entry; whether it is LIVE afterwards. As
    /// [`decide`](Self::decide).
    #[inline(always)]
    pub(crate) fn enliven_settled(&self) -> bool {
        self.0
            .compare_exchange(
                Phase::Pending as u8,
                SETTLED,
                Ordering::SeqCst,
                Ordering::Acquire,
            )
            .is_ok()
    }

    /// As it is before its source has been told.
    #[cfg(all(test, not(tux_loom)))]
    pub(crate) fn unsettle(&self) {
        self.0.store(Phase::Live as u8, Ordering::Relaxed);
    }

    /// PENDING → `to`; returns the phase that stands afterwards.
    ///
    /// SeqCst: the exchange is one half of the Dekker pair between two inserts of one key (table I2).
    #[inline]
    pub(crate) fn decide(&self, to: Phase) -> Phase {
        match self.0.compare_exchange(
            Phase::Pending as u8,
            to as u8,
            Ordering::SeqCst,
            Ordering::Acquire,
        ) {
            Ok(_) => to,
            Err(word) => Self::phase(word),
        }
    }
}
