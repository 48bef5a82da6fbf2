//! Replay of cache traces and of a Discord bot shard, beside the published caches and the optimum of hindsight.
//!
//! `program` has the subcommands of the one binary; what they do is here, so that the tests and the criterion benches use it
//! too. This package is never published and asks for a newer Rust than the library, because foyer-memory does.

pub mod belady;
mod cost;
pub mod heap;
mod hit_ratio;
pub mod latency;
#[cfg(feature = "valkey")]
pub mod managers;
mod memory;
mod out;
pub mod peers;
pub mod plot;
mod program;
pub mod progress;
mod ratios;
pub mod record;
mod replay;
pub mod run;
mod summary;
pub mod table;
pub mod trace;
mod under_load;

pub use program::main;
