//! Whose clear an entry belongs to, and how often and when it was last used: one word.

use crate::sync::{Ordering, advice};

/// Clear generation of an entry (the high 16 bits, which never change) and what the clock keeps of its use: counter (2 bits)
/// and last access (14 bits, in epochs).
///
/// **U1** Every value of the word has the entry's own generation: who writes it changes the low half of what it has
/// read. So an entry whose word equals [`Era::steady`](crate::engine::policy::Era::steady) is of the current generation (of which entries 2^16
/// clears old are not: they have left the table, I5), and a hit that finds it so has one comparison for both.
///
/// All accesses are Relaxed: the half that changes is advice to the eviction clock, and a lost update costs one use; the other
/// half was written before publication.
#[derive(Debug)]
pub(crate) struct Usage(advice::AtomicU32);

impl Usage {
    pub(crate) const MAX_USES: u32 = 3;
    /// Epochs are kept modulo 2^14: at least five hundred times as many misses as the cache has entries.
    pub(crate) const MAX_EPOCH: u32 = (1 << 14) - 1;
    const GENERATION: u32 = 16;
    const OWN: u32 = u32::MAX << Self::GENERATION;

    #[inline(always)]
    pub(super) fn new(recent: u16, generation: u16) -> Self {
        let word = u32::from(generation) << Self::GENERATION | u32::from(recent);
        Self(advice::AtomicU32::new(word))
    }

    /// The half that changes.
    #[inline(always)]
    pub(crate) fn recent(uses: u32, epoch: u32) -> u16 {
        debug_assert!(uses <= Self::MAX_USES && epoch <= Self::MAX_EPOCH);
        (epoch << 2 | uses) as u16
    }

    /// Whether [`touch`](Self::touch) would change nothing, and the entry is of the generation of `steady`.
    #[inline(always)]
    pub(crate) fn is_steady(&self, steady: u32) -> bool {
        self.0.load(Ordering::Relaxed) == steady
    }

    /// Records a hit; stores only if something changes, which in steady state it does not.
    #[inline(always)]
    pub(crate) fn touch(&self, steady: u32) {
        let old = self.0.load(Ordering::Relaxed);
        let missing = (Self::MAX_USES - (old & Self::MAX_USES)).saturating_sub(1);
        let new = old & Self::OWN | ((steady & !Self::OWN) - missing);
        if new != old {
            self.0.store(new, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(crate) fn generation(&self) -> u16 {
        Self::generation_of(self.0.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(crate) fn generation_of(word: u32) -> u16 {
        (word >> Self::GENERATION) as u16
    }

    #[inline]
    pub(crate) fn uses(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & Self::MAX_USES
    }

    #[inline]
    pub(crate) fn last_access(&self) -> u32 {
        self.0.load(Ordering::Relaxed) >> 2 & Self::MAX_EPOCH
    }

    #[inline]
    pub(crate) fn set_uses(&self, uses: u32) {
        let old = self.0.load(Ordering::Relaxed);
        self.0
            .store(old & !Self::MAX_USES | uses, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn get_recent(&self) -> u16 {
        (self.0.load(Ordering::Relaxed) & !Self::OWN) as u16
    }
}
