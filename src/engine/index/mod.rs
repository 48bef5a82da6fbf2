//! What a cache keeps its entries in: nothing, a bounded table, or a map without a bound.

pub(crate) mod bounded;
#[cfg(not(tux_loom))]
mod change;
#[cfg(not(tux_loom))]
mod kinds;
#[cfg(not(tux_loom))]
pub(crate) mod unbounded;

#[cfg(not(tux_loom))]
pub(in crate::engine) use self::{change::Write, kinds::Index};
