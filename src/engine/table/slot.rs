//! Where in the table an entry stands.

/// The number of a slot: bucket × 8 + position, which is below 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    /// How many buckets have numbers of slots.
    pub(crate) const MAX_BUCKETS: usize = (u32::MAX >> 3) as usize + 1;

    #[inline(always)]
    pub(crate) fn new(bucket: usize, position: usize) -> Self {
        debug_assert!(position < 8 && bucket < Self::MAX_BUCKETS);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "tables have at most `MAX_BUCKETS`"
        )]
        Self((bucket << 3 | position) as u32)
    }

    #[inline(always)]
    pub(crate) fn bucket(self) -> usize {
        self.0 as usize >> 3
    }

    #[inline(always)]
    pub(crate) fn position(self) -> usize {
        self.0 as usize & 7
    }
}
