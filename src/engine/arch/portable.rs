//! In Rust. What each does is said in `x86_64.rs`.

#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
use crate::sync::{AtomicU64, Ordering};

#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
pub(in crate::engine) fn matching_bytes(one: u64, other: u64) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let different = one ^ other;
    // The top bit of each byte: clear where the byte is zero. Then the eight bits are gathered at the top.
    let zero = !(((different & LOW) + LOW) | different) & !LOW;
    ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
pub(in crate::engine) fn matching_words(words: [u64; 3], wanted: u16) -> u32 {
    let is_it = |&at: &usize| (words[at / 4] >> (at % 4 * 16)) & 0xffff == u64::from(wanted);
    (0..12).filter(is_it).fold(0, |found, at| found | 1 << at)
}

/// # Safety
///
/// There is the line.
#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
#[inline(always)]
pub(in crate::engine) unsafe fn equal_bytes(line: *const AtomicU64, hash: u64) -> u32 {
    // SAFETY: by the contract.
    super::matching_bytes(unsafe { &*line }.load(Ordering::Relaxed), hash)
}

/// # Safety
///
/// None is needed here.
#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
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
#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
#[inline(always)]
pub(in crate::engine) unsafe fn equal_tags(
    _line: *const AtomicU64,
    _tag: u16,
    in_rust: impl FnOnce() -> u32,
) -> u32 {
    in_rust()
}
