//! Plain memory: zeroed slices straight from the allocator, huge pages, prefetching.

use crate::sync::{AtomicU8, AtomicU32, AtomicU64};

/// Asks the processor to load the cache line of `address`.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint; it never faults, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Types for which a slice of zero bytes is a slice of valid, empty values.
///
/// # Safety
///
/// All-zero bytes are a valid value.
pub(crate) unsafe trait Zeroed: Sized {
    /// The value of all-zero bytes (loom's atomics cannot be made from bytes).
    #[cfg(tux_loom)]
    fn zero() -> Self;
}

macro_rules! zeroed_atomics {
    ($($type:ty)*) => { $(
        // SAFETY: zero is a valid atomic number.
        unsafe impl Zeroed for $type {
            #[cfg(tux_loom)]
            fn zero() -> Self { Self::new(0) }
        }
    )* };
}
zeroed_atomics!(AtomicU8 AtomicU32 AtomicU64);

/// A boxed slice of `n` zero values straight from the allocator; `None` if the memory is not to be had.
pub(crate) fn zeroed<T: Zeroed>(n: usize) -> Option<Box<[T]>> {
    #[cfg(tux_loom)]
    return Some((0..n).map(|_| T::zero()).collect());
    #[cfg(not(tux_loom))]
    {
        let layout = std::alloc::Layout::array::<T>(n).ok()?;
        if layout.size() == 0 {
            return Some(Box::new([]));
        }
        // SAFETY: the layout has a size; the memory is zeroed, which `Zeroed` says is a valid `[T; n]`, and comes
        // from the global allocator with the layout that `Box<[T]>` frees it with.
        unsafe {
            let start = std::alloc::alloc_zeroed(layout).cast::<T>();
            prefer_huge_pages(start.cast(), layout.size());
            (!start.is_null()).then(|| Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, n)))
        }
    }
}

/// Asks the system for huge pages where `size` bytes at `start` span some: look-ups go all over a large table, and with
/// small pages most of them miss the address translation cache too. A hint, which costs nothing where it is refused;
/// untouched memory stays untouched.
pub(super) fn prefer_huge_pages(start: *mut u8, size: usize) {
    #[cfg(all(target_os = "linux", not(tux_loom), not(miri)))]
    {
        const HUGE: usize = 2 << 20;
        let first = start.addr().next_multiple_of(HUGE);
        let end = start.addr().saturating_add(size) / HUGE * HUGE;
        if !start.is_null() && first < end {
            let aligned = start.with_addr(first);
            // SAFETY: whole pages inside one allocation of the caller; the advice does not change what they hold.
            unsafe { libc::madvise(aligned.cast(), end - first, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(tux_loom), not(miri))))]
    let _ = (start, size);
}
