//! How large tables are.

use super::Slot;

#[cfg(not(tux_loom))]
pub(crate) const SLOTS: usize = 7;
/// Small, so that models overflow and explore.
#[cfg(tux_loom)]
pub(crate) const SLOTS: usize = 2;

/// How full the table is when the cache is: so many entries to two buckets. With half of the slots taken, 1 % of the entries of
/// a table filled at random live outside their home bucket (Poisson); under churn, when newcomers have come before the victims
/// are gone, some more. Each of them costs as much as several hits.
const ENTRIES_IN_TWO: usize = if cfg!(tux_loom) { 4 } else { 7 };

/// The most entries a bounded cache may be built for.
pub(crate) const MAX_CAPACITY: usize = 1 << 30;
const _: () = assert!(buckets_for(MAX_CAPACITY) <= Slot::MAX_BUCKETS || cfg!(tux_loom));

/// How many buckets a table for so many entries has.
pub(super) const fn buckets_for(capacity: usize) -> usize {
    (2 * capacity).div_ceil(ENTRIES_IN_TWO) + 1
}
