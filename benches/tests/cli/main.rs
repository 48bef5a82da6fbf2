//! The real binaries.

mod formats;
mod plays;
mod programs;
mod refusals;
mod support;
#[cfg(feature = "valkey")]
mod valkey;
