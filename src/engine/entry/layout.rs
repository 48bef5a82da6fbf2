//! Where entries lie in memory, and where the part of them lies that hits do not read.
//!
//! Of an entry a hit reads generation and use, deadline, key and value: with small ones 32 bytes, in blocks never across two
//! cache lines. The rest ([`Cold`], 12 bytes) lies elsewhere, so that more entries fit into each level of the processor's cache;
//! its place follows from the entry's address:
//!
//! ```text
//! a block, aligned to its size   │ cold  │ … │ cold  │ cold  │ entry │ entry │ … │ entry │
//! an entry alone                                   │  │ cold  │ entry │
//! ```
//!
//! Entries of a block are aligned to twice what they need, an entry alone to an odd multiple of what it needs: so the address
//! tells which it is. Large entries are never in blocks: their cache lines are their own anyway.

use super::cold::Cold;
#[cfg(not(tux_loom))]
use crate::engine::arch::prefetch::prefetch;
use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// How many bits of an address a slot's word has room for.
pub(crate) const ADDRESS_BITS: u32 = 48;

/// Asked of all memory for entries when it is allocated.
///
/// # Panics
/// If a slot's word has no room for the address: user addresses above 48 bits appear only where a program asks the kernel for
/// them.
pub(crate) fn assert_fits(memory: NonNull<u8>) {
    assert!(
        memory.addr().get() >> ADDRESS_BITS == 0,
        "entry allocated outside the 48-bit address space"
    );
}

/// Larger entries lie alone.
const LARGE: usize = 256;

/// The arithmetic of all this, for one type of entry. Sizes and offsets in bytes.
pub(crate) struct EntryLayout<E>(PhantomData<E>);

impl<E> EntryLayout<E> {
    const ALIGN: usize = align_of::<E>();
    const ENTRY: usize = size_of::<E>();
    const COLD: usize = size_of::<Cold>();
    /// From one entry of a block to the next.
    const STEP: usize = Self::ENTRY.next_multiple_of(2 * Self::ALIGN);
    /// Whether entries lie in blocks. (In the model checker cold parts are part of their entries.)
    const IN_BLOCKS: bool = Self::STEP <= LARGE && !cfg!(tux_loom);
    /// The smallest block of which no more than a 32nd is left over, or a page.
    const BLOCK: usize = {
        let mut block = 512;
        while block < 4_096 && block - Self::used(block) > block / 32 {
            block *= 2;
        }
        if Self::IN_BLOCKS { block } else { Self::ALONE }
    };
    const PER_BLOCK: usize = if Self::IN_BLOCKS {
        Self::fit(Self::BLOCK)
    } else {
        1
    };
    /// Where the first entry of several begins: in a block, behind the cold parts.
    const FIRST: usize = if Self::IN_BLOCKS {
        Self::colds(Self::PER_BLOCK)
    } else {
        Self::START
    };
    /// Of entries alone that might be in blocks, and of the memory of those: the address tells which it is.
    const PARITY: usize = if Self::IN_BLOCKS { 2 } else { 1 } * Self::ALIGN;
    /// Where an entry alone begins.
    const START: usize = {
        let mut start = Self::ALIGN;
        while start < Self::COLD && !cfg!(tux_loom) {
            start += Self::PARITY;
        }
        start
    };
    /// What an entry alone takes.
    const ALONE: usize = (Self::START + Self::ENTRY).next_multiple_of(Self::PARITY);

    /// What so many cold parts take before the entries. These begin where a step that is a power of two, or a multiple of one, stays
    /// aligned to that: so 32 bytes never lie across two cache lines.
    const fn colds(n: usize) -> usize {
        (n * Self::COLD).next_multiple_of(1 << Self::STEP.trailing_zeros())
    }

    /// How many entries fit into a block. Their cold parts fill up to where the entries begin: what steps leave of a block is
    /// a multiple of what cold parts are rounded up to, as block and step are.
    const fn fit(block: usize) -> usize {
        let most = block / (Self::STEP + Self::COLD);
        assert!(Self::colds(most) + most * Self::STEP <= block);
        most
    }

    /// How much of a block entries and cold parts take.
    const fn used(block: usize) -> usize {
        Self::fit(block) * (Self::STEP + Self::COLD)
    }

    /// For one entry alone, and where it begins in it.
    pub(crate) fn alone() -> (Layout, usize) {
        match Layout::from_size_align(Self::ALONE, Self::PARITY) {
            Ok(layout) => (layout, Self::START),
            Err(_) => unreachable!("little more than the size of a type"),
        }
    }

    /// For so many entries; `None` if there are none, or more than can be addressed.
    pub(crate) fn layout(entries: usize) -> Option<Layout> {
        let size = entries.div_ceil(Self::PER_BLOCK).checked_mul(Self::BLOCK)?;
        let align = if Self::IN_BLOCKS {
            Self::BLOCK
        } else {
            Self::PARITY
        };
        Layout::from_size_align(size, align)
            .ok()
            .filter(|layout| layout.size() > 0)
    }

    /// Where in such memory an entry begins, by its number.
    #[inline]
    pub(crate) fn offset(number: usize) -> usize {
        let (block, within) = (number / Self::PER_BLOCK, number % Self::PER_BLOCK);
        Self::FIRST + block * Self::BLOCK + within * Self::STEP
    }

    /// The number of the entry that begins there.
    #[inline]
    pub(crate) fn number(offset: usize) -> usize {
        let offset = offset - Self::FIRST;
        let (block, within) = (offset / Self::BLOCK, offset % Self::BLOCK);
        block * Self::PER_BLOCK + within / Self::STEP
    }

    /// Where the cold part of an entry lies.
    #[cfg(not(tux_loom))]
    #[inline(always)]
    pub(crate) fn cold(entry: *const E) -> *const Cold {
        let address = entry.addr();
        let mut before = Self::COLD;
        if Self::IN_BLOCKS && address & Self::ALIGN == 0 {
            let within = address % Self::BLOCK;
            // The first is the second in fewer instructions.
            let number = if Self::FIRST.is_multiple_of(Self::STEP) {
                (within / Self::STEP).wrapping_sub(Self::FIRST / Self::STEP)
            } else {
                within.wrapping_sub(Self::FIRST) / Self::STEP
            };
            before = before.wrapping_add(number.wrapping_mul(Self::STEP + Self::COLD));
        }
        // All memory for entries is exposed when it is allocated (`slab`): a reference to an entry reaches no further than it.
        std::ptr::with_exposed_provenance(address.wrapping_sub(before))
    }

    /// Asks the processor for it.
    #[cfg(not(tux_loom))]
    #[inline(always)]
    pub(crate) fn prefetch(entry: *const E) {
        prefetch(Self::cold(entry));
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use crate::engine::entry::Entry;

    /// Entries and cold parts of a layout, none of which overlap, all of them within it and in order.
    fn check<K, V>() {
        type B<K, V> = EntryLayout<Entry<K, V>>;
        const ENTRIES: usize = 1_000;
        let layout = B::<K, V>::layout(ENTRIES).unwrap();
        let base = 1 << 40;
        let at =
            |number| std::ptr::without_provenance::<Entry<K, V>>(base + B::<K, V>::offset(number));
        let mut parts = Vec::new();
        for number in 0..ENTRIES {
            let entry = at(number);
            assert!(entry.is_aligned());
            assert_eq!(B::<K, V>::number(entry.addr() - base), number);
            parts.push((entry.addr(), size_of::<Entry<K, V>>()));
            let cold = B::cold(entry);
            assert!(cold.is_aligned());
            parts.push((cold.addr(), size_of::<Cold>()));
        }
        if B::<K, V>::IN_BLOCKS {
            let fair = (B::<K, V>::STEP + B::<K, V>::COLD) * 17 / 16;
            assert!(B::<K, V>::BLOCK / B::<K, V>::PER_BLOCK <= fair + 8);
        }
        let (alone, start) = B::<K, V>::alone();
        let align = B::<K, V>::ALIGN;
        assert!(alone.size() <= B::<K, V>::ENTRY + align.max(24) + align);
        let entry = std::ptr::without_provenance::<Entry<K, V>>(base + (1 << 30) + start);
        assert!(entry.is_aligned());
        assert!(start + size_of::<Entry<K, V>>() <= alone.size());
        assert_eq!(B::cold(entry).addr(), entry.addr() - size_of::<Cold>());
        assert!(start >= size_of::<Cold>() && B::cold(entry).is_aligned());
        parts.sort_unstable();
        for two in parts.windows(2) {
            assert!(two[0].0 + two[0].1 <= two[1].0, "{two:?}");
        }
        assert!(parts[0].0 >= base);
        let end = parts.last().map(|(at, size)| at + size).unwrap();
        assert!(end <= base + layout.size());
        assert!(layout.size() - (end - base) < B::<K, V>::BLOCK);
    }

    #[test]
    fn everything_has_a_place_of_its_own() {
        check::<u8, ()>();
        check::<u32, u32>();
        check::<u64, u64>();
        check::<u128, u8>();
        check::<u64, u128>();
        check::<String, String>();
        check::<[u8; 20], [u8; 200]>();
        check::<[u64; 3], ()>();
        check::<[u64; 5], [u64; 3]>();
        check::<[u64; 8], [u64; 4]>();
        check::<[u64; 20], [u64; 2]>();
        check::<[u64; 28], u64>();
        check::<[u64; 29], u64>();
        check::<u64, [u8; 1_024]>();
        #[repr(align(64))]
        struct Line(#[expect(dead_code, reason = "takes room")] [u8; 64]);
        check::<u64, Line>();
        #[repr(align(1024))]
        struct Much(#[expect(dead_code, reason = "takes room")] [u8; 1_024]);
        check::<u64, Much>();
    }

    /// What the memory goal and a hit's one line rest on.
    #[test]
    fn small_entries_are_32_bytes_and_take_less_than_45() {
        type Small = EntryLayout<Entry<u64, u64>>;
        assert_eq!((Small::ENTRY, Small::STEP), (32, 32));
        assert_eq!((Small::BLOCK, Small::PER_BLOCK), (1_024, 23));
    }

    #[test]
    fn nothing_and_too_much_have_no_layout() {
        assert!(EntryLayout::<Entry<u64, u64>>::layout(0).is_none());
        assert!(EntryLayout::<Entry<u64, u64>>::layout(usize::MAX).is_none());
    }
}
