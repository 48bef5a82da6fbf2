//! The word by which a table slot names an entry.

use crate::engine::entry::layout::ADDRESS_BITS;
use crate::engine::entry::{Entry, Hash};

/// What a table slot holds: an address in the high 48 bits and, in the low 16, what it means: the odd tag of the hash of an
/// entry whose place this is, or another, even code.
pub(crate) struct Word<K, V>(pub(crate) *mut Entry<K, V>);

impl<K, V> Clone for Word<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Word<K, V> {}
impl<K, V> PartialEq for Word<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// The meaning of a [`Word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordKind {
    /// Free.
    Empty,
    /// The entry's place in the table.
    Entry,
    /// The last occupant is gone; its permit is on its way to this entry.
    Moved,
    /// This entry is gone; its permit is on its way back to the capacity.
    Leaving,
}

/// Where the address begins.
const ADDRESS: u32 = usize::BITS - ADDRESS_BITS;
const TAG: usize = (1 << ADDRESS) - 1;
/// The bit that all tags have, and no code.
const ENTRY: usize = 0b001;
const MOVED: usize = 0b010;
const LEAVING: usize = 0b100;

impl<K, V> Word<K, V> {
    pub(crate) const EMPTY: Self = Self(std::ptr::null_mut());

    fn pack(entry: *mut Entry<K, V>, low: usize) -> Self {
        debug_assert!(entry.addr() >> ADDRESS_BITS == 0);
        // As numbers: an address that is shifted through the pointer is one that the compiler computes twice.
        let address = entry.expose_provenance();
        Self(std::ptr::with_exposed_provenance_mut(
            address << ADDRESS | low,
        ))
    }

    pub(crate) fn entry(entry: *mut Entry<K, V>, hash: Hash) -> Self {
        Self::pack(entry, usize::from(hash.tag()))
    }

    pub(crate) fn moved(to: *mut Entry<K, V>) -> Self {
        Self::pack(to, MOVED)
    }

    pub(crate) fn leaving(entry: *mut Entry<K, V>) -> Self {
        Self::pack(entry, LEAVING)
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_null()
    }

    #[inline]
    pub(crate) fn kind(self) -> WordKind {
        match self.0.addr() & TAG {
            0 => WordKind::Empty,
            MOVED => WordKind::Moved,
            LEAVING => WordKind::Leaving,
            _ => WordKind::Entry,
        }
    }

    /// The entry this word is the place of, if it is one.
    ///
    /// # Safety
    ///
    /// As for [`deref`](Self::deref), but for the word's kind.
    #[inline(always)]
    pub(crate) unsafe fn occupant<'g>(self) -> Option<&'g Entry<K, V>> {
        // SAFETY: no other kind has this bit; the rest is the caller's contract.
        (self.0.addr() & ENTRY != 0).then(|| unsafe { self.deref() })
    }

    /// Whether this is the place of an entry whose hash has this tag.
    #[inline(always)]
    pub(crate) fn has_tag(self, hash: Hash) -> bool {
        self.0.addr() as u16 == hash.tag()
    }

    /// The entry this word is the place of, if its hash has this tag.
    ///
    /// # Safety
    ///
    /// As for [`deref`](Self::deref), but for the word's kind.
    #[inline(always)]
    pub(crate) unsafe fn tagged<'g>(self, hash: Hash) -> Option<&'g Entry<K, V>> {
        // SAFETY: tags are odd, so it is an entry's; the rest is the caller's contract.
        self.has_tag(hash).then(|| unsafe { self.deref() })
    }

    #[inline(always)]
    pub(crate) fn address(self) -> *mut Entry<K, V> {
        // Exposed by `pack`.
        std::ptr::with_exposed_provenance_mut(self.0.addr() >> ADDRESS)
    }

    /// The entry this word names.
    ///
    /// # Safety
    ///
    /// The word is not empty, was loaded from a slot inside a guard that is still open, and `'g` is no longer than
    /// that guard (R2).
    #[inline(always)]
    pub(crate) unsafe fn deref<'g>(self) -> &'g Entry<K, V> {
        // SAFETY: by the contract the entry was reachable inside the guard, so by R3 it is not freed before the
        // guard is left; entries are only shared by reference once published.
        let entry = unsafe { &*self.address() };
        entry.witness.used();
        entry
    }
}
