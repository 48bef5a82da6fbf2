//! What a cache keeps its entries in: nothing, a bounded table, or a map without a bound.

pub(crate) mod bounded;
#[cfg(not(tux_loom))]
mod change;
#[cfg(not(tux_loom))]
mod change_if;
#[cfg(not(tux_loom))]
mod kinds;
#[cfg(not(tux_loom))]
pub(crate) mod unbounded;
pub(crate) mod version;

#[cfg(not(tux_loom))]
pub(in crate::engine) use self::{change::Write, kinds::Index};
