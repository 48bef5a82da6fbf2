//! The real binaries.

mod plays;
mod programs;
mod refusals;
mod support;
#[cfg(feature = "valkey")]
mod valkey;
