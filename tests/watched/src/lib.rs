//! The library's real source files over atomics that announce each access.
//!
//! `build.rs` sets `cfg(tux_count)`, so that this crate's copy of the library, compiled from the very same files, tells
//! [`watch`] of each access before it makes it. From that come
//!
//! - the operations of one call ([`calls`], [`Counts`]), held against the stated maxima (`maxima.json`) by `tests/maxima.rs`;
//! - which of them go to a line that other threads use, and how often a line has to come from another core
//!   ([`coherence`]), for as many threads as asked for;
//! - stops: a thread stands still before its first, second, … access ([`stop_in`]), and `tests/every_atomic.rs` looks
//!   whether the others go on.
//!
//! A line counts as shared if another thread touched it too. That is observed, not declared: no list of "owner-only"
//! words can be wrong, and two threads' words that fell into one line by accident are found. What is not seen: fields
//! that are no atomics (they are written before an entry is published, or by the thread that owns them), `std`'s `Arc`
//! and locks (no call counted here uses them), papaya, and `membarrier`, which a thread calls once per batch of retired
//! entries.
// The library's files are compiled in here by path: their links lead to what only the library has.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

#[path = "../../../src/engine/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
mod engine;
#[path = "../../../src/error.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
mod error;
#[path = "../../../src/lease/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
mod lease;
#[path = "../../../src/single_flight/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
mod single_flight;
#[path = "../../../src/sync/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
mod sync;
/// As in the library.
#[path = "../../../src/time/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unexpected_cfgs,
    reason = "the library's file, of which this crate uses a part"
)]
pub mod time;

pub mod calls;
pub mod coherence;
mod watch;

pub use engine::{Iter, Stats, TtlCache, TtlCacheBuilder, View};
pub use error::{Error, ErrorKind};
pub use lease::Lease;
pub use watch::{Access, Counts, Touch, observed, stop_at_update_in, stop_in};
