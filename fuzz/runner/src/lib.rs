//! What the fuzz targets run: bytes become operations on the public `TtlCache`, and every answer is held
//! against a sequential model that shares no code with the engine.
//!
//! - [`ops`]: one thread, a small bounded cache, a manual ticker. The model is exact (`oracle/`): the same answers, the same
//!   victims in the same order, the same counters.
//! - [`unbounded`]: the same without a bound.
//! - [`ops_mt`]: two or three threads; each key has one writer, so that everybody knows what may be read.
//! - [`wire`]: values and keys as another process may have written them, and URLs.
//! - [`traces`]: trace files of every format and packing.
//!
//! A target panics when the cache and the model disagree. `TARGETS` names them all, so that the replay of the
//! committed corpora cannot forget one.

mod concurrent;
mod counts;
mod input;
mod ops;
mod oracle;
mod sequential;
mod threads;
// Its own tests run where it lives.
#[cfg(not(test))]
mod trace_files;
mod value;
mod wire;

pub use concurrent::ops_mt;
pub use sequential::{ops, unbounded};
#[cfg(not(test))]
pub use trace_files::traces;
pub use wire::wire;

/// What a target runs on one input.
pub type Target = fn(&[u8]);

/// Every target by the name of its file in `fuzz_targets/` and its folder in `corpus/`.
#[cfg(not(test))]
pub const TARGETS: &[(&str, Target)] = &[
    ("ops", ops),
    ("ops_mt", ops_mt),
    ("traces", traces),
    ("unbounded", unbounded),
    ("wire", wire),
];
