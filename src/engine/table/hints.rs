//! Which of a bucket's hint bytes are those of a hash.

use super::SLOTS;
use crate::engine::arch::matching_bytes;

/// A mask with bit i set where byte i of both words is equal. The top byte is no slot.
#[inline(always)]
pub(crate) fn matching(hints: u64, hash: u64) -> u32 {
    matching_bytes(hints, hash) & ((1 << SLOTS) - 1)
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;

    #[test]
    fn matching_ignores_the_top() {
        const HASH: u64 = 0x0706_0504_0302_0100;
        assert_eq!(matching(HASH, HASH), 0x7f);
        assert_eq!(
            matching(0x0100_ff01_0000_8001, 0x0101_0101_0101_0101),
            0b1_0001
        );
    }
}
