//! The library's real source files, compiled over loom's types, and the models that check them.
//!
//! `build.rs` sets `cfg(tux_loom)` for this crate alone; `src/sync` of the library then hands out loom's
//! atomics, mutexes and threads. The modules below carry the same names as in the library, so that
//! `crate::sync::…` and the like mean the same thing in both builds. Nothing is copied.
//!
//! The models are unit tests (`#[cfg(test)] mod models`), one file per primitive. Run them with
//! `cargo test -p tux-cache-loom`; `TUX_LOOM_DEEP=1` raises every preemption bound by one and lifts the
//! time limit. A unit test beside the library's code that should not run here carries
//! `cfg(all(test, not(tux_loom)))`.
#![cfg(test)]
// The models use a part of each module; features of the library are unknown to this crate.
#![allow(dead_code, unused_imports, unreachable_pub, unexpected_cfgs)]

/// The library's `cfg!(tux_fault = "name")` asks at run time here, so that one build has all faults. Everything else is
/// the compiler's `cfg!`.
macro_rules! cfg {
    (tux_fault = $name:literal) => {
        $crate::fault::is_on($name)
    };
    ($($other:tt)*) => {
        ::core::cfg!($($other)*)
    };
}

mod fault;

#[path = "../../src/engine/mod.rs"]
mod engine;
#[path = "../../src/lease/mod.rs"]
mod lease;
#[path = "../../src/typed/policy/state/mod.rs"]
mod policy_state;
#[path = "../../src/single_flight/mod.rs"]
mod single_flight;
#[path = "../../src/sync/mod.rs"]
mod sync;
#[path = "../../src/time/mod.rs"]
mod time;

mod models;
