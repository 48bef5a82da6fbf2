//! In vectors, and in assembly.

#[cfg(not(any(tux_loom, tux_count, miri)))]
use crate::sync::AtomicU64;
use std::arch::x86_64::{
    _mm_cmpeq_epi8, _mm_cmpeq_epi16, _mm_cvtsi64_si128, _mm_movemask_epi8, _mm_packs_epi16,
    _mm_set1_epi16, _mm_unpacklo_epi64,
};
#[cfg(not(any(tux_loom, tux_count, miri)))]
use std::arch::{asm, x86_64::__m128i};

/// A mask with bit i set where byte i of both words is equal.
#[inline(always)]
pub(in crate::engine) fn matching_bytes(one: u64, other: u64) -> u32 {
    // SAFETY: every x86-64 processor has SSE2.
    let equal = unsafe {
        _mm_movemask_epi8(_mm_cmpeq_epi8(
            _mm_cvtsi64_si128(one.cast_signed()),
            _mm_cvtsi64_si128(other.cast_signed()),
        ))
    };
    equal.cast_unsigned() & 0xff
}

/// A mask with bit i set where the i-th of these twelve numbers of 16 bits is the wanted one.
#[inline(always)]
pub(in crate::engine) fn matching_words([low, high, last]: [u64; 3], wanted: u16) -> u32 {
    // SAFETY: every x86-64 processor has SSE2.
    let equal = unsafe {
        let wanted = _mm_set1_epi16(wanted.cast_signed());
        let [low, high, last] = [low, high, last].map(|w| _mm_cvtsi64_si128(w.cast_signed()));
        let first = _mm_cmpeq_epi16(_mm_unpacklo_epi64(low, high), wanted);
        _mm_movemask_epi8(_mm_packs_epi16(first, _mm_cmpeq_epi16(last, wanted)))
    };
    equal.cast_unsigned() & 0xfff
}

/// A mask whose bit i is set where byte i of the first word of a line equals that of `hash`, for the low seven; the others
/// say nothing.
///
/// # Safety
///
/// It is a line of at least two atomic words, aligned to two.
#[cfg(not(any(tux_loom, tux_count, miri)))]
#[inline(always)]
pub(in crate::engine) unsafe fn equal_bytes(line: *const AtomicU64, hash: u64) -> u32 {
    // The second word is read because the instruction reads two; nothing is made of it. Each byte of the first is judged for
    // itself, so it would not matter if a processor read them in pieces.
    macro_rules! compare {
        ($instruction:literal) => {{
            let mut equal = _mm_cvtsi64_si128(hash.cast_signed());
            asm!(
                $instruction,
                equal = inout(xmm_reg) equal,
                line = in(reg) line,
                options(readonly, nostack, preserves_flags),
            );
            _mm_movemask_epi8(equal).cast_unsigned()
        }};
    }
    // SAFETY: by the contract, and every x86-64 processor has SSE2. Where the program is compiled for AVX its form is used: the
    // other one would have to keep the upper halves of registers.
    unsafe {
        if cfg!(target_feature = "avx") {
            compare!("vpcmpeqb {equal}, {equal}, xmmword ptr [{line}]")
        } else {
            compare!("pcmpeqb {equal}, xmmword ptr [{line}]")
        }
    }
}

/// Whether the atomic word that stands `AT` bytes behind `start` is `word`, which is what `in_rust` says too.
///
/// # Safety
///
/// There is one.
#[cfg(not(any(tux_loom, tux_count, miri)))]
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

/// A mask whose bit i is set where the low 16 bits of word i + 1 of a line are `tag`, which is what `in_rust` says too.
///
/// # Safety
///
/// It is a line of eight atomic words.
#[cfg(not(any(tux_loom, tux_count, miri)))]
#[inline(always)]
pub(in crate::engine) unsafe fn equal_tags(
    line: *const AtomicU64,
    tag: u16,
    _in_rust: impl FnOnce() -> u32,
) -> u32 {
    // Each word is read by an instruction of its own, as much of it as is asked for.
    macro_rules! gather {
        ($load:literal, $insert:literal) => {{
            let tags: __m128i;
            asm!(
                concat!($load, " {tags}, dword ptr [{line} + 8]"),
                concat!($insert, " word ptr [{line} + 16], 1"),
                concat!($insert, " word ptr [{line} + 24], 2"),
                concat!($insert, " word ptr [{line} + 32], 3"),
                concat!($insert, " word ptr [{line} + 40], 4"),
                concat!($insert, " word ptr [{line} + 48], 5"),
                concat!($insert, " word ptr [{line} + 56], 6"),
                tags = out(xmm_reg) tags,
                line = in(reg) line,
                options(readonly, nostack, preserves_flags),
            );
            tags
        }};
    }
    // SAFETY: by the contract, and every x86-64 processor has SSE2; for AVX as above.
    unsafe {
        let tags = if cfg!(target_feature = "avx") {
            gather!("vmovd", "vpinsrw {tags}, {tags},")
        } else {
            gather!("movd", "pinsrw {tags},")
        };
        let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag.cast_signed()));
        _mm_movemask_epi8(_mm_packs_epi16(equal, equal)).cast_unsigned() & 0x7f
    }
}
