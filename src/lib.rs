//! # tux-cache
#![warn(missing_docs)]

mod engine;
pub mod error;
#[allow(
    dead_code,
    unused_imports,
    reason = "the async half is used by the features above"
)]
mod load;
#[allow(unused_imports, reason = "the shim offers the same to both builds")]
mod sync;
pub mod time;

pub use engine::{Iter, Lease, Stats, TtlCache, TtlCacheBuilder, View};
pub use error::{Error, ErrorKind};
