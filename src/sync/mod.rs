//! The only door to atomics, cells, threads and blocking primitives for `engine`, `load` and `time`.
//!
//! Compiled normally it re-exports `std` (and `crossbeam-utils`' `CachePadded`); compiled inside
//! `loom-tests`, whose build script sets `cfg(tux_loom)`, it re-exports loom's model-checked types; compiled inside
//! `tests/watched` (`cfg(tux_count)`), `std`'s with every access announced.
//! Nothing under `src/engine` or `src/single_flight` imports `std::sync` directly; `tests/layering.rs` checks it.

#[cfg(not(tux_loom))]
mod std;
#[cfg(not(tux_loom))]
pub(crate) use self::std::*;

#[cfg(not(tux_loom))]
mod fork;
#[cfg(not(tux_loom))]
pub(crate) use fork::{
    PerProcess, Renewed, count_forks, count_interruption, in_forked_child, interruptions,
    process_number,
};

#[cfg(not(tux_loom))]
mod map_guard;
#[cfg(not(tux_loom))]
pub(crate) use map_guard::{map_guard, with_number};

#[cfg(tux_loom)]
mod loom;
#[cfg(tux_loom)]
pub(crate) use self::loom::*;

#[cfg(any(feature = "backend", tux_loom))]
mod append;
#[cfg(any(feature = "backend", tux_loom))]
pub(crate) use append::{AppendOnly, Appended};

mod zeros;
pub(crate) use zeros::{Zeroed, Zeros, prefer_huge_pages};
