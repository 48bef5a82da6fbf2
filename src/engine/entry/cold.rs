//! The part of an entry that hits do not read.

use super::hash::Hash;
use crate::sync::AtomicU32;

/// What the clock and the table know of an entry that hits do not ask for.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cold {
    /// Until the entry is settled: the slot the permit comes from, if it comes by way of a slot. Afterwards: the position in the ring of
    /// new entries.
    pub(crate) aux: AtomicU32,
    /// In bytes, which need no alignment.
    hash: [u8; 8],
}

impl Cold {
    #[inline(always)]
    pub(crate) fn new(hash: Hash, aux: u32) -> Self {
        Self {
            aux: AtomicU32::new(aux),
            hash: hash.bits().to_ne_bytes(),
        }
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> Hash {
        Hash::new(u64::from_ne_bytes(self.hash))
    }
}
