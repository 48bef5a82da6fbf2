//! Where in the table an entry stands.

/// The number of a lane: bucket × 8 + position, which is below 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane(pub(crate) u32);

impl Lane {
    #[inline(always)]
    pub(crate) fn new(bucket: usize, position: usize) -> Self {
        debug_assert!(position < 8 && u32::try_from(bucket << 3).is_ok());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the builder bounds the number of lanes"
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
