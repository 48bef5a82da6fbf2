//! Bytes of heap by a counting allocator, and what a cache takes beyond its keys and values.
//!
//! Counted are the bytes asked for, not what the allocator rounds them up to. A program that wants to count installs
//! [`Counting`] as its global allocator; counting is off, at the price of one predictable branch per allocation,
//! except inside [`measured`].

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use crate::peers::Peer;

static ON: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicI64 = AtomicI64::new(0);
/// One measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

/// The system allocator, counting while told to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// Relaxed: the count is read by the thread that allocates, after it is done.
fn count(bytes: i64) {
    if ON.load(Ordering::Relaxed) {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc::alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller keeps `GlobalAlloc::dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc::realloc`'s contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `body` returns and the bytes that were asked for and not given back meanwhile, by any thread; `None` where
/// [`Counting`] is not the global allocator.
pub fn measured<R>(body: impl FnOnce() -> R) -> (R, Option<i64>) {
    sampled(|_| body())
}

/// As [`measured`]; `body` can ask for the bytes so far.
pub fn sampled<R>(body: impl FnOnce(&dyn Fn() -> i64) -> R) -> (R, Option<i64>) {
    let _one = MEASURING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    BYTES.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let probe = std::hint::black_box(Box::new([0_u8; 64]));
    let installed = BYTES.load(Ordering::Relaxed) >= 64;
    drop(probe);
    let before = BYTES.load(Ordering::Relaxed);
    let bytes = || BYTES.load(Ordering::Relaxed) - before;
    let result = body(&bytes);
    let bytes = bytes();
    ON.store(false, Ordering::Relaxed);
    (result, installed.then_some(bytes))
}

/// Bytes per entry beyond key and value of a `u64 → u64` cache that was filled to its capacity with keys that never
/// repeat. `None` where nothing counts, the cache cannot tell its length, or it does not take the capacity.
pub fn bytes_per_entry<C: Peer<u64, u64>>(capacity: usize) -> Option<f64> {
    let (cache, bytes) = measured(|| {
        let cache = C::new(capacity, None).ok()?;
        (0..capacity as u64).for_each(|key| cache.set(key, key));
        let len = cache.len()?;
        Some((cache, len))
    });
    let (_cache, len) = cache?;
    (len > 0).then(|| bytes.map(|bytes| bytes as f64 / len as f64 - 16.0))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_claimed_without_the_allocator() {
        let (length, bytes) = measured(|| std::hint::black_box(vec![0_u8; 1_000]).len());
        assert_eq!((length, bytes), (1_000, None));
    }
}
