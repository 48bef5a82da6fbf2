//! An allocator that counts, for tests that claim "no allocation on this path".

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system allocator with per-thread counters, and the bytes that are allocated now.
///
/// ```
/// use tux_cache_test_support::{CountingAllocator, count_allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let (boxed, count) = count_allocations(|| Box::new([0_u8; 40]));
/// assert_eq!((count.allocations, count.bytes, boxed.len()), (1, 40, 40));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

/// What one closure did on its own thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocationCount {
    /// Blocks asked for (a reallocation counts as one more block).
    pub allocations: u64,
    /// Blocks given back (a reallocation counts as one).
    pub frees: u64,
    /// Bytes asked for, in all.
    pub bytes: u64,
    /// Bytes given back, in all.
    pub bytes_freed: u64,
}

thread_local! {
    // Const-initialised and without a destructor, so that using it allocates nothing and works at thread exit.
    static COUNT: Cell<AllocationCount> = const {
        Cell::new(AllocationCount { allocations: 0, frees: 0, bytes: 0, bytes_freed: 0 })
    };
}

/// Of all threads. Relaxed: who reads it does so where nobody else allocates.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The bytes that are allocated now, by any thread; zero unless [`CountingAllocator`] is the binary's
/// `#[global_allocator]`.
pub fn live_bytes() -> usize {
    LIVE.load(Ordering::Relaxed)
}

fn note(allocated: Option<usize>, freed: Option<usize>) {
    COUNT.with(|cell| {
        let mut count = cell.get();
        if let Some(bytes) = allocated {
            LIVE.fetch_add(bytes, Ordering::Relaxed);
            count.allocations += 1;
            count.bytes += bytes as u64;
        }
        if let Some(bytes) = freed {
            LIVE.fetch_sub(bytes, Ordering::Relaxed);
            count.frees += 1;
            count.bytes_freed += bytes as u64;
        }
        cell.set(count);
    });
}

/// Runs `work` and counts what it allocated and freed on this thread.
///
/// The counts stay zero unless [`CountingAllocator`] is the binary's `#[global_allocator]`; a test that
/// expects zero should first see a count of one for something that does allocate.
pub fn count_allocations<T>(work: impl FnOnce() -> T) -> (T, AllocationCount) {
    let before = COUNT.get();
    let result = work();
    let after = COUNT.get();
    let count = AllocationCount {
        allocations: after.allocations - before.allocations,
        frees: after.frees - before.frees,
        bytes: after.bytes - before.bytes,
        bytes_freed: after.bytes_freed - before.bytes_freed,
    };
    (result, count)
}

// SAFETY: every call goes to `System` unchanged; counting touches an atomic and a thread-local cell, which neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(Some(layout.size()), None);
        // SAFETY: the caller's contract is `System`'s own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(Some(layout.size()), None);
        // SAFETY: the caller's contract is `System`'s own.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(None, Some(layout.size()));
        // SAFETY: the caller's contract is `System`'s own.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(Some(new_size), Some(layout.size()));
        // SAFETY: the caller's contract is `System`'s own.
        unsafe { System.realloc(block, layout, new_size) }
    }
}
