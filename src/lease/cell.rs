//! One cell of a table: whose leases stand on it, and the generation they hold.

use crate::sync::Zeroed;
use crate::sync::{AtomicU64, Ordering};

/// Set in a cell's generation while a lease on it is on its way to publish (see [`Claim`](super::Claim)).
pub(super) const CLAIMED: u64 = 1;
/// What a change of the key adds to the generation.
pub(super) const STEP: u64 = 2;

/// The part of a hash by which a cell knows its key: the upper bits, the topmost always set, so that no tag is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    #[inline(always)]
    pub(super) fn of(hash: u64) -> Self {
        Self((hash | 1 << 63) & !Holders::COUNT)
    }
}

/// Who holds leases on a cell: how many in the low bits, and above them the tag of their key, or nothing if they are on
/// several keys. Zero: the cell is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holders(pub(super) u64);

impl Holders {
    pub(super) const COUNT: u64 = (1 << 21) - 1;

    #[inline(always)]
    pub(super) fn is_free(self) -> bool {
        self.0 == 0
    }

    /// Whether the leases are on keys of this tag alone.
    #[inline(always)]
    pub(super) fn is_of(self, tag: Tag) -> bool {
        self.0 ^ tag.0 <= Self::COUNT
    }

    /// Whether the leases are on several keys.
    #[inline(always)]
    pub(super) fn is_shared(self) -> bool {
        self.0.wrapping_sub(1) < Self::COUNT
    }

    /// Whether a lease may stand here on a key of this tag.
    #[inline(always)]
    pub(super) fn concern(self, tag: Tag) -> bool {
        self.is_of(tag) || self.is_shared()
    }

    /// One lease more. A count that has reached its end stays there: its cell is then in use for ever.
    pub(super) fn join(self, tag: Tag) -> Self {
        if self.is_free() {
            return Self(tag.0 | 1);
        }
        let (own, count) = (self.0 & !Self::COUNT, self.0 & Self::COUNT);
        let own = if own == tag.0 { own } else { 0 };
        Self(own | (count + 1).min(Self::COUNT))
    }

    /// One lease less; the last one takes the note of the key with it.
    pub(super) fn leave(self) -> Self {
        match self.0 & Self::COUNT {
            0 | 1 => Self(0),
            Self::COUNT => self,
            _ => Self(self.0 - 1),
        }
    }
}

#[derive(Debug)]
pub(super) struct LeaseCell {
    holders: AtomicU64,
    pub(super) generation: AtomicU64,
}

impl LeaseCell {
    #[inline(always)]
    pub(super) fn holders(&self) -> Holders {
        Holders(self.holders.load(Ordering::SeqCst))
    }

    /// One step from what was seen; SeqCst, see [`LeaseTable::lease`](super::LeaseTable::lease).
    pub(super) fn change(&self, seen: Holders, next: Holders) -> bool {
        self.holders
            .compare_exchange(seen.0, next.0, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    /// Voids the leases that stand here (B3).
    pub(super) fn step(&self) {
        self.generation.fetch_add(STEP, Ordering::SeqCst);
    }
}

/// How many keys of one stripe can be loaded at once before the next level is needed.
pub(super) const WAYS: usize = 4;

/// One cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Stripe(pub(super) [LeaseCell; WAYS]);

// SAFETY: free cells, at generation zero; atomics may be zero.
unsafe impl Zeroed for Stripe {
    #[cfg(tux_loom)]
    fn zero() -> Self {
        Self(std::array::from_fn(|_| LeaseCell {
            holders: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }))
    }
}
