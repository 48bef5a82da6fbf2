//! Replay of cache traces and of a Discord bot shard, beside the published caches and the optimum of hindsight.
//!
//! The programs under `src/bin` are thin; what they do is here, so that the tests and the criterion benches use it
//! too. This package is never published and asks for a newer Rust than the library, because foyer-memory does.

pub mod belady;
pub mod cli;
pub mod cost;
pub mod heap;
pub mod hit_ratio;
pub mod latency;
#[cfg(feature = "valkey")]
pub mod managers;
pub mod memory;
pub mod out;
pub mod peers;
pub mod plot;
pub mod progress;
pub mod ratios;
pub mod record;
pub mod replay;
pub mod run;
pub mod summary;
pub mod table;
pub mod trace;
pub mod under_load;
#[cfg(feature = "valkey")]
mod valkey;
