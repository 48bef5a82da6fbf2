//! Slices of zeros straight from the allocator, and huge pages for large ones.

use super::{AtomicU8, AtomicU32, AtomicU64};
#[cfg(not(tux_loom))]
use std::alloc::Layout;
use std::ops::Deref;
#[cfg(not(tux_loom))]
use std::ptr::NonNull;

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

/// A slice that is all zeros at first, straight from the allocator: pages that are never touched cost nothing.
///
/// Not a boxed slice: the standard library leaves zeroed memory untouched only up to the alignment that allocators give to
/// everything. Asked for more, such as a cache line's, it writes the zeros itself, to small pages. So that alignment is
/// made here, in a little more memory.
#[derive(Debug)]
pub(crate) struct Zeros<T> {
    #[cfg(tux_loom)]
    values: Box<[T]>,
    #[cfg(not(tux_loom))]
    values: NonNull<T>,
    #[cfg(not(tux_loom))]
    len: usize,
    /// What the allocator gave.
    #[cfg(not(tux_loom))]
    memory: NonNull<u8>,
}

#[cfg(tux_loom)]
impl<T: Zeroed> Zeros<T> {
    pub(crate) fn new(n: usize) -> Option<Self> {
        let values = (0..n).map(|_| T::zero()).collect();
        Some(Self { values })
    }
}

#[cfg(not(tux_loom))]
impl<T: Zeroed> Zeros<T> {
    /// `n` zeros; `None` if the memory is not to be had.
    pub(crate) fn new(n: usize) -> Option<Self> {
        const { assert!(!std::mem::needs_drop::<T>() && size_of::<T>() > 0) };
        let layout = Self::layout(n)?;
        // SAFETY: the layout has a size.
        let memory = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        prefer_huge_pages(memory.as_ptr(), layout.size());
        let before = memory.align_offset(align_of::<T>());
        // SAFETY: the layout has room for so many bytes before the values.
        let values = unsafe { memory.add(before) }.cast();
        Some(Self {
            values,
            len: n,
            memory,
        })
    }
}

impl<T> Deref for Zeros<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        #[cfg(tux_loom)]
        return &self.values;
        // SAFETY: so many values, all of them zeros at first, which `Zeroed` says is a value, and ours.
        #[cfg(not(tux_loom))]
        unsafe {
            std::slice::from_raw_parts(self.values.as_ptr(), self.len)
        }
    }
}

#[cfg(not(tux_loom))]
impl<T> Zeros<T> {
    /// What the allocator is asked for; never nothing.
    fn layout(n: usize) -> Option<Layout> {
        let align = align_of::<T>().min(align_of::<u128>());
        let size = n.max(1).checked_mul(size_of::<T>())?;
        Layout::from_size_align(size.checked_add(align_of::<T>() - align)?, align).ok()
    }
}

#[cfg(not(tux_loom))]
impl<T> Drop for Zeros<T> {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len) {
            // SAFETY: allocated with this layout; the values need no drop.
            unsafe { std::alloc::dealloc(self.memory.as_ptr(), layout) };
        }
    }
}

// SAFETY: owns its values, as a boxed slice does.
#[cfg(not(tux_loom))]
unsafe impl<T: Send> Send for Zeros<T> {}
// SAFETY: as above.
#[cfg(not(tux_loom))]
unsafe impl<T: Sync> Sync for Zeros<T> {}

/// Asks the system for huge pages where `size` bytes at `start` span some: look-ups go all over a large table, and with
/// small pages most of them miss the address translation cache too. A hint, which costs nothing where it is refused;
/// untouched memory stays untouched.
pub(crate) fn prefer_huge_pages(start: *mut u8, size: usize) {
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

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[repr(C, align(64))]
    struct Line([AtomicU64; 8]);

    // SAFETY: zero is a valid atomic number.
    unsafe impl Zeroed for Line {}

    fn zeros<T: Zeroed>(n: usize, is_zero: impl Fn(&T) -> bool) -> Zeros<T> {
        let zeros = Zeros::new(n).unwrap();
        assert_eq!(zeros.len(), n);
        assert!(zeros.iter().all(is_zero));
        assert!(zeros.as_ptr().is_aligned());
        zeros
    }

    #[test]
    fn zeros_are_as_many_as_asked_for_and_aligned() {
        use crate::sync::Ordering::Relaxed;
        // Held until the end, so that their addresses differ.
        let kept: Vec<_> = (0..100)
            .map(|n| {
                (
                    zeros::<AtomicU8>(n, |zero| zero.load(Relaxed) == 0),
                    zeros::<AtomicU32>(n, |zero| zero.load(Relaxed) == 0),
                    zeros::<Line>(n, |Line(zeros)| zeros.iter().all(|z| z.load(Relaxed) == 0)),
                )
            })
            .collect();
        for (bytes, _, lines) in &kept {
            bytes.iter().for_each(|byte| byte.store(1, Relaxed));
            let words = lines.iter().flat_map(|Line(words)| words);
            words.for_each(|word| word.store(u64::MAX, Relaxed));
        }
        assert!(kept.iter().all(|(_, others, _)| {
            let mut others = others.iter();
            others.all(|other| other.load(Relaxed) == 0)
        }));
    }

    #[test]
    fn more_zeros_than_memory_are_none() {
        assert!(Zeros::<Line>::new(usize::MAX / 2).is_none());
        assert!(Zeros::<Line>::new(usize::MAX / 64).is_none());
        // A sanitizer's allocator ends the program instead.
        #[cfg(not(tux_sanitize))]
        assert!(Zeros::<AtomicU8>::new(usize::MAX / 2).is_none());
    }
}
