//! The library's real source files, in which a thread can be stopped before any of its atomic operations.
//!
//! `build.rs` sets `cfg(tux_count)`, so that this crate's copy of the library, compiled from the very same files, announces
//! each access to an atomic to `watch.rs`, which lets the thread stand there until the test lets it go on. Not seen: what
//! `std`'s own `Arc` and locks do inside, and papaya.
// The library's files are compiled in here by path: their links lead to what only the library has.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

#[path = "../../src/engine/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, unexpected_cfgs)]
mod engine;
#[path = "../../src/error.rs"]
#[allow(dead_code, unreachable_pub, unexpected_cfgs)]
mod error;
#[path = "../../src/single_flight/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, unexpected_cfgs)]
mod single_flight;
#[path = "../../src/sync/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, unexpected_cfgs)]
mod sync;
/// As in the library.
#[path = "../../src/time/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, unexpected_cfgs)]
pub mod time;

mod watch;

pub use engine::{Iter, Lease, Stats, TtlCache, TtlCacheBuilder, View};
pub use error::{Error, ErrorKind};
pub use watch::Gate;
