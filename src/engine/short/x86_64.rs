//! In assembly.

use crate::sync::AtomicU64;
use std::arch::{
    asm,
    x86_64::{_mm_cvtsi64_si128, _mm_movemask_epi8},
};

/// A mask whose bit i is set where byte i of the word equals that of `hash`, for the low seven; the others say nothing.
///
/// # Safety
///
/// The word is the first of two that are aligned together.
#[inline(always)]
pub(in crate::engine) unsafe fn equal_bytes(word: &AtomicU64, hash: u64) -> u32 {
    // SAFETY: every x86-64 processor has SSE2; the assembly reads the two words, and the second one's bytes are not looked at.
    unsafe {
        let mut equal = _mm_cvtsi64_si128(hash.cast_signed());
        asm!(
            "pcmpeqb {equal}, xmmword ptr [{word}]",
            equal = inout(xmm_reg) equal,
            word = in(reg) word.as_ptr(),
            options(readonly, nostack, preserves_flags),
        );
        _mm_movemask_epi8(equal).cast_unsigned()
    }
}

/// Whether the atomic word that stands `AT` bytes behind `start` is `word`, which is what `in_rust` says too.
///
/// # Safety
///
/// There is one.
#[inline(always)]
pub(in crate::engine) unsafe fn holds<T, const AT: usize>(
    start: &T,
    word: u32,
    _in_rust: impl FnOnce() -> bool,
) -> bool {
    // SAFETY: by the contract.
    unsafe {
        asm!(
            "cmp dword ptr [{start} + {at}], {word:e}",
            "jne {other}",
            start = in(reg) start,
            at = const AT,
            word = in(reg) word,
            other = label { return false },
            options(readonly, nostack),
        );
    }
    true
}
