//! The numbers of a bot's caches on a page, by three crates: each module makes the page its own way, and [`serve()`] answers whoever asks.

pub mod facade;
pub mod open_telemetry;
pub mod prometheus;
mod serve;

pub use serve::serve;
