//! The word by which a table lane names an entry.

use super::entry::{Entry, Hash};

/// What a table lane holds: an address, a tag of the hash beside it and, in the two low bits, what it means.
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
pub(crate) enum Kind {
    /// Free.
    Empty,
    /// The entry's place in the table.
    Entry,
    /// The last occupant is gone; its room is on its way to this entry.
    Moved,
    /// This entry is gone; its room is on its way back to the ledger.
    Leaving,
}

const ADDRESS: usize = 0x0000_ffff_ffff_fff8;
const KIND: usize = 0b111;
const ENTRY: usize = 0b001;
const MOVED: usize = 0b010;
const LEAVING: usize = 0b100;
const TAG: u32 = 48;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("tux-cache packs 16 tag bits into 64-bit lane words and needs a 64-bit target");

impl<K, V> Word<K, V> {
    pub(crate) const EMPTY: Self = Self(std::ptr::null_mut());

    fn pack(entry: *mut Entry<K, V>, bits: usize) -> Self {
        // User addresses above 48 bits appear only where a program asks the kernel for them.
        assert!(
            entry.addr() & !ADDRESS == 0,
            "entry allocated outside the 48-bit address space"
        );
        Self(entry.map_addr(|a| a | bits))
    }

    /// What the word of an entry with this hash has beside its address.
    #[inline(always)]
    fn mark(hash: Hash) -> usize {
        usize::from(hash.tag()) << TAG | ENTRY
    }

    pub(crate) fn entry(entry: *mut Entry<K, V>, hash: Hash) -> Self {
        Self::pack(entry, Self::mark(hash))
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
    pub(crate) fn kind(self) -> Kind {
        match self.0.addr() & KIND {
            0 => Kind::Empty,
            ENTRY => Kind::Entry,
            MOVED => Kind::Moved,
            _ => Kind::Leaving,
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
        self.without_mark(hash).addr() & !ADDRESS == 0
    }

    /// The address, if the rest of the word is what stands beside that of an entry with this hash; otherwise anything.
    #[inline(always)]
    fn without_mark(self, hash: Hash) -> *mut Entry<K, V> {
        self.0.wrapping_byte_sub(Self::mark(hash))
    }

    /// The entry this word is the place of, if its hash has this tag.
    ///
    /// # Safety
    ///
    /// As for [`deref`](Self::deref), but for the word's kind.
    #[inline(always)]
    pub(crate) unsafe fn tagged<'g>(self, hash: Hash) -> Option<&'g Entry<K, V>> {
        let entry = self.without_mark(hash);
        // SAFETY: the word of an entry, and this is its address; the rest is the caller's contract.
        (entry.addr() & !ADDRESS == 0).then(|| unsafe { Self::reached(entry) })
    }

    #[inline(always)]
    pub(crate) fn address(self) -> *mut Entry<K, V> {
        self.0.map_addr(|a| a & ADDRESS)
    }

    /// The entry this word names.
    ///
    /// # Safety
    ///
    /// The word is not empty, was loaded from a lane inside a guard that is still open, and `'g` is no longer than
    /// that guard (R2).
    #[inline(always)]
    pub(crate) unsafe fn deref<'g>(self) -> &'g Entry<K, V> {
        // SAFETY: the caller's contract.
        unsafe { Self::reached(self.address()) }
    }

    /// # Safety
    ///
    /// The address is that of a word as in [`deref`](Self::deref).
    #[inline(always)]
    unsafe fn reached<'g>(entry: *mut Entry<K, V>) -> &'g Entry<K, V> {
        // SAFETY: by the contract the entry was reachable inside the guard, so by R3 it is not freed before the
        // guard is left; entries are only shared by reference once published.
        let entry = unsafe { &*entry };
        entry.witness.used();
        entry
    }
}
