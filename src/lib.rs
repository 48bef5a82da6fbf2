//! # tux-cache

pub mod error;
// Until the engine and the managers stand on them.
#[allow(dead_code, unused_imports)]
mod load;
#[allow(dead_code, unused_imports)]
mod sync;

pub use error::{Error, ErrorKind};
