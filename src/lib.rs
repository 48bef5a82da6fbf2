//! # tux-cache

pub mod error;

pub use error::{Error, ErrorKind};
