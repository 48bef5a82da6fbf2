//! What each thread keeps: its place in the domain of reclamation, and its part of each cache.

pub(crate) mod counters;
#[cfg(not(tux_loom))]
pub(crate) mod current;
pub(crate) mod local;
pub(crate) mod registry;
