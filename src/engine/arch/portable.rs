//! In Rust. What each does is said in `x86_64.rs`.

use crate::engine::table::matching;
use crate::sync::{AtomicU64, Ordering};

/// # Safety
///
/// There is the line.
#[inline(always)]
pub(in crate::engine) unsafe fn equal_bytes(line: *const AtomicU64, hash: u64) -> u32 {
    // SAFETY: by the contract.
    matching(unsafe { &*line }.load(Ordering::Relaxed), hash)
}

/// # Safety
///
/// None is needed here.
#[inline(always)]
pub(in crate::engine) unsafe fn holds<T, const AT: usize>(
    _start: &T,
    _word: u32,
    in_rust: impl FnOnce() -> bool,
) -> bool {
    in_rust()
}

/// # Safety
///
/// None is needed here.
#[inline(always)]
pub(in crate::engine) unsafe fn equal_tags(
    _line: *const AtomicU64,
    _tag: u16,
    in_rust: impl FnOnce() -> u32,
) -> u32 {
    in_rust()
}
