//! Which of a bucket's hint bytes are those of a hash.

use super::LANES;

/// A mask with bit i set where byte i of both words is equal. The top byte is no lane.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn matching(hints: u64, hash: u64) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_movemask_epi8};
    // SAFETY: every x86-64 processor has SSE2.
    let equal = unsafe {
        _mm_movemask_epi8(_mm_cmpeq_epi8(
            _mm_cvtsi64_si128(hints.cast_signed()),
            _mm_cvtsi64_si128(hash.cast_signed()),
        ))
    };
    equal.cast_unsigned() & ((1 << LANES) - 1)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn matching(hints: u64, hash: u64) -> u32 {
    matching_without_simd(hints, hash)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn matching_without_simd(hints: u64, hash: u64) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let different = hints ^ hash;
    // The top bit of each byte: clear where the byte is zero. Then the eight bits are gathered at the top.
    let zero = !(((different & LOW) + LOW) | different) & !LOW;
    let gathered = ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    gathered & ((1 << LANES) - 1)
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn matching_finds_every_equal_byte_and_ignores_the_top() {
        const HASH: u64 = 0x0706_0504_0302_0100;
        for matching in [matching, matching_without_simd] {
            assert_eq!(matching(HASH, HASH), 0x7f);
            assert_eq!(matching(!HASH, HASH), 0);
            for at in 0..7 {
                let byte = 0xff << (8 * at);
                assert_eq!(matching(HASH & byte | !HASH & !byte, HASH), 1 << at);
                assert_eq!(
                    matching(!HASH & byte | HASH & !byte, HASH),
                    0x7f & !(1 << at)
                );
            }
            assert_eq!(
                matching(0x0100_ff01_0000_8001, 0x0101_0101_0101_0101),
                0b1_0001
            );
            assert_eq!(matching(0x0100_ff01_0000_8001, 0), 0b100_1100);
        }
    }
}
