//! The memory of a bounded cache's entries.
//!
//! Entries are of one size and there are hardly ever more of them than the cache may hold, so they live in one array: close
//! together ([`layout`](super::layout)), in huge pages where the system has them, and without a call to the allocator per `set`.
//! Each thread keeps a pool of free cells (`local`); this is where pools are filled from and where what they have too much of
//! goes:
//!
//! - *fresh* cells, handed out in blocks, in the order of their addresses;
//! - *spare* cells: a stack of chains, each as many cells as a pool once had too much. It is taken as a whole, by one
//!   exchange, and what is not needed is put back; so no exchange ever rests on what a cell held before (no ABA);
//! - the allocator, when neither has any: entries that a stalled reader holds back are not bounded, and their memory
//!   must go back to the system afterwards.
//!
//! # Invariants
//!
//! - **P1** A cell is in one place at a time: not handed out yet, in one thread's pool, in one spare chain, or one entry's.
//! - **P2** Whoever gets a cell from a chain sees all that was done in it before (Release of the push, Acquire of the take).
//! - **P3** Nobody waits: who finds no cell, since a stopped thread has all the spares in hand, asks the allocator.

use super::layout::{EntryLayout, assert_fits};
use crate::engine::entry::Entry;
use crate::sync::prefer_huge_pages;
use crate::sync::{AtomicPtr, AtomicUsize, CachePadded, Ordering};
use std::alloc::handle_alloc_error;
use std::ptr::{NonNull, null_mut};

/// Memory for one entry, owned by whoever has it; what it holds is not looked at and not dropped.
pub(crate) type Memory<K, V> = NonNull<Entry<K, V>>;

/// The most cells that go to a thread at once.
const BLOCK: usize = 32;

/// What a spare cell holds.
struct Spare {
    /// The next cell of the same chain.
    next: *mut Spare,
    /// The first cell of the next chain; meaningful in the first cell of a chain.
    more: *mut Spare,
}

pub(crate) struct Slab<K, V> {
    /// Dangling if there are no cells.
    start: Memory<K, V>,
    cells: usize,
    /// How many bytes there are.
    size: usize,
    block: usize,
    /// How many cells have been handed out for the first time; may go beyond `cells`.
    fresh: CachePadded<AtomicUsize>,
    spare: CachePadded<AtomicPtr<Spare>>,
}

impl<K, V> Slab<K, V> {
    /// Memory for the entries of a cache of `capacity`, and some on their way in or out. Where it is not to be had in one
    /// piece, each entry is asked for by itself.
    pub(crate) fn for_capacity(capacity: usize) -> Self {
        Self::new(capacity + capacity / 64 + 32)
    }

    pub(crate) fn new(cells: usize) -> Self {
        const { assert!(size_of::<Entry<K, V>>() >= size_of::<Spare>()) };
        const { assert!(align_of::<Entry<K, V>>() >= align_of::<Spare>()) };
        // Under a sanitizer the allocator must see each entry come and go.
        let cells = if cfg!(tux_sanitize) { 0 } else { cells };
        let array = EntryLayout::<Entry<K, V>>::layout(cells).and_then(|layout| {
            // SAFETY: the layout has a size.
            let start = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
            prefer_huge_pages(start.as_ptr(), layout.size());
            // Exposed: see `EntryLayout::cold`.
            start.as_ptr().expose_provenance();
            // SAFETY: the end of what was allocated.
            assert_fits(unsafe { start.add(layout.size()) });
            Some((start.cast(), layout.size()))
        });
        let (start, size) = array.unwrap_or((NonNull::dangling(), 0));
        Self {
            start,
            cells: if size > 0 { cells } else { 0 },
            size,
            block: (cells / 8).clamp(1, BLOCK),
            fresh: CachePadded::new(AtomicUsize::new(0)),
            spare: CachePadded::new(AtomicPtr::new(null_mut())),
        }
    }

    /// The memory of a cell; its number is below `cells`.
    fn at(&self, cell: usize) -> Memory<K, V> {
        debug_assert!(cell < self.cells);
        // SAFETY: within the array, which has room for so many.
        unsafe {
            self.start
                .byte_add(EntryLayout::<Entry<K, V>>::offset(cell))
        }
    }

    /// Whether cells that pools gave up lie idle. A guess.
    #[inline(always)]
    pub(crate) fn has_spares(&self) -> bool {
        !self.spare.load(Ordering::Relaxed).is_null()
    }

    /// Takes memory back that did not come from the array, to be done while cells of the array lie idle: what came from the
    /// allocator when a stalled reader held entries back would otherwise go round for ever. False: the caller keeps it.
    ///
    /// # Safety
    ///
    /// As for [`take_back`](Self::take_back), if true is returned.
    #[inline(always)]
    pub(crate) unsafe fn take_back_alone(&self, memory: Memory<K, V>) -> bool {
        let is_alone = !self.is_cell(memory);
        if is_alone {
            // SAFETY: not of the array, so it came from the allocator (see `fill`), and given up by the caller.
            unsafe { Self::free_alone(memory) };
        }
        is_alone
    }

    /// Whether the memory is one of the array.
    #[inline(always)]
    fn is_cell(&self, memory: Memory<K, V>) -> bool {
        self.offset(memory) < self.size
    }

    #[inline(always)]
    fn offset(&self, memory: Memory<K, V>) -> usize {
        memory.addr().get().wrapping_sub(self.start.addr().get())
    }

    /// The number of the cell, if the memory is one of the array.
    #[inline]
    pub(crate) fn cell(&self, memory: Memory<K, V>) -> Option<usize> {
        let cell = || EntryLayout::<Entry<K, V>>::number(self.offset(memory));
        self.is_cell(memory)
            .then(cell)
            .filter(|cell| *cell < self.cells)
    }

    /// Puts some memory into an empty pool.
    ///
    /// # Panics
    /// If the allocator gives an address that slots have no room for; aborts like any allocation if there is no memory at all.
    #[cold]
    pub(crate) fn fill(&self, pool: &mut Vec<Memory<K, V>>) {
        if self.has_spares() {
            // Acquire: P2.
            let chain = if cfg!(tux_fault = "slab-spares-shared") {
                let top = self.spare.load(Ordering::Acquire);
                self.spare.store(null_mut(), Ordering::Relaxed);
                top
            } else {
                self.spare.swap(null_mut(), Ordering::Acquire)
            };
            // SAFETY: null, or the first cell of a list of chains that is now ours alone (P1).
            if let Some(first) = unsafe { chain.as_ref() } {
                if !first.more.is_null() {
                    self.push(first.more);
                }
                let mut next = chain;
                while let Some(cell) = NonNull::new(next) {
                    // SAFETY: a cell of our chain; each links to the next one, or to none.
                    next = unsafe { cell.as_ref() }.next;
                    pool.push(cell.cast());
                }
                return;
            }
        }
        if self.fresh.load(Ordering::Relaxed) < self.cells {
            // Relaxed: a number that nobody else gets (P1); the cells hold nothing yet.
            let from = self.fresh.fetch_add(self.block, Ordering::Relaxed);
            let end = self.cells.min(from.saturating_add(self.block));
            // The last is taken first.
            pool.extend((from..end).rev().map(|cell| self.at(cell)));
            if from < end {
                return;
            }
        }
        pool.push(Self::alone());
    }

    /// Memory for one entry, from the allocator.
    fn alone() -> Memory<K, V> {
        let (layout, start) = EntryLayout::<Entry<K, V>>::alone();
        // SAFETY: the layout has a size.
        let Some(memory) = NonNull::new(unsafe { std::alloc::alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        assert_fits(memory);
        // Exposed: see `EntryLayout::cold`.
        memory.as_ptr().expose_provenance();
        // SAFETY: within what was allocated.
        unsafe { memory.add(start) }.cast()
    }

    /// Takes back what a pool has too much of.
    ///
    /// # Safety
    ///
    /// The memory came from [`fill`](Self::fill) of this slab, and the caller gives it up.
    #[cold]
    pub(crate) unsafe fn take_back(&self, memory: impl Iterator<Item = Memory<K, V>>) {
        let mut chain = null_mut();
        for memory in memory {
            if self.cell(memory).is_some() {
                let cell = memory.cast::<Spare>();
                // SAFETY: ours (P1), large enough and aligned (see `new`).
                unsafe {
                    cell.write(Spare {
                        next: chain,
                        more: null_mut(),
                    })
                };
                chain = cell.as_ptr();
            } else {
                // SAFETY: not of the array, so it came from the allocator (see `fill`), and given up by the caller.
                unsafe { Self::free_alone(memory) };
            }
        }
        if !chain.is_null() {
            self.push(chain);
        }
    }

    /// # Safety
    ///
    /// The memory came from [`alone`](Self::alone) and nobody uses it any more.
    #[cold]
    unsafe fn free_alone(memory: Memory<K, V>) {
        let (layout, start) = EntryLayout::<Entry<K, V>>::alone();
        // SAFETY: by the contract there begins what was allocated, with this layout.
        unsafe { std::alloc::dealloc(memory.cast::<u8>().sub(start).as_ptr(), layout) };
    }

    /// Puts a list of chains that the caller owns on top of the spares. O(1) if there are none, as whoever has just taken
    /// them all mostly finds it; otherwise the list is walked to its end.
    fn push(&self, chains: *mut Spare) {
        let release = if cfg!(tux_fault = "slab-push-relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        // Release: P2. The list ends with null already.
        if self
            .spare
            .compare_exchange(null_mut(), chains, release, Ordering::Relaxed)
            .is_ok()
        {
            return;
        }
        let mut last = chains;
        // SAFETY: the first cells of the caller's chains, owned by the caller.
        while let Some(chain) = unsafe { last.as_ref() }
            && !chain.more.is_null()
        {
            last = chain.more;
        }
        let mut top = self.spare.load(Ordering::Relaxed);
        loop {
            // SAFETY: as above. What `top` points to is never looked at here.
            unsafe { (*last).more = top };
            // Release: P2.
            match self
                .spare
                .compare_exchange_weak(top, chains, release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => top = seen,
            }
        }
    }

    /// Frees memory that is not of the array. For the end of the cache: the array goes with the slab.
    ///
    /// # Safety
    ///
    /// As for [`take_back`](Self::take_back).
    pub(crate) unsafe fn discard(&self, memory: Memory<K, V>) {
        if self.cell(memory).is_none() {
            // SAFETY: as in `take_back`.
            unsafe { Self::free_alone(memory) };
        }
    }
}

/// An entry that belongs to no cache, for tests of parts.
#[cfg(any(test, tux_loom))]
pub(crate) struct Lone<K, V>(Memory<K, V>);

#[cfg(any(test, tux_loom))]
impl<K, V> Lone<K, V> {
    pub(crate) fn new(entry: crate::engine::entry::Newcomer<K, V>) -> Self {
        let memory = Slab::alone();
        // SAFETY: from the allocator, and its only use.
        unsafe { entry.write(memory.as_ptr()) };
        Self(memory)
    }

    pub(crate) fn address(&self) -> *mut Entry<K, V> {
        self.0.as_ptr()
    }

    /// Leaves it to whoever has its address.
    pub(crate) fn into_raw(self) -> *mut Entry<K, V> {
        std::mem::ManuallyDrop::new(self).address()
    }
}

#[cfg(any(test, tux_loom))]
impl<K, V> std::ops::Deref for Lone<K, V> {
    type Target = Entry<K, V>;

    fn deref(&self) -> &Entry<K, V> {
        // SAFETY: it is there, and shared only from here on.
        unsafe { self.0.as_ref() }
    }
}

#[cfg(any(test, tux_loom))]
impl<K, V> Drop for Lone<K, V> {
    fn drop(&mut self) {
        // SAFETY: the only owner; nobody else has borrowed it.
        unsafe {
            Entry::drop_parts(self.address());
            Slab::free_alone(self.0);
        }
    }
}

impl<K, V> Drop for Slab<K, V> {
    fn drop(&mut self) {
        if let Some(layout) = EntryLayout::<Entry<K, V>>::layout(self.cells) {
            // SAFETY: made with this layout; entries keep their slab alive, so none is left in it.
            unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

// SAFETY: hands memory out, and never looks at what entries hold.
unsafe impl<K, V> Send for Slab<K, V> {}
// SAFETY: as above; what threads share of it is atomic.
unsafe impl<K, V> Sync for Slab<K, V> {}

#[cfg(all(test, not(any(tux_loom, tux_sanitize))))]
mod tests;
