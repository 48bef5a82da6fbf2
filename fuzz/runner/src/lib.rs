//! What the fuzz targets run: bytes become operations on the public `TtlCache`, and every answer is held
//! against a sequential model that shares no code with the engine.
//!
//! - [`ops`]: one thread, a small bounded cache, a manual ticker; every answer is checked. The model is *a map
//!   that may forget*, and only when it must: an entry may go missing only while another key is being stored into
//!   a full cache, and each one that goes is counted as an eviction.
//! - [`unbounded`]: the same without a bound: nothing may go missing at all.
//! - [`ops_mt`]: two or three threads; each key has one writer, so that everybody knows what may be read.
//!
//! A target panics when the cache and the model disagree. `TARGETS` names them all, so that the replay of the
//! committed corpora cannot forget one.

mod input;
mod model;
mod ops;
mod sequential;
mod threads;
mod value;

pub use sequential::{ops, unbounded};
pub use threads::ops_mt;

/// What a target runs on one input.
pub type Target = fn(&[u8]);

/// Every target by the name of its file in `fuzz_targets/` and its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] =
    &[("ops", ops), ("ops_mt", ops_mt), ("unbounded", unbounded)];
