//! Real servers and real faults for the tests, benches and `xtask` of `tux-cache`.
//!
//! - [`ValkeyServer`]: a private `valkey-server` on a loopback port, killed with the test.
//! - [`FaultProxy`] (feature `net`): a TCP proxy in front of it that delays, cuts, swallows and truncates.
//! - [`TestCa`], [`TlsProxy`] (feature `net`): throw-away certificate authorities and a TLS front for a plain server.
//! - [`CountingAllocator`]: counts the allocations one closure makes.
//! - [`probe`]: keys and values through which a test sees and steers what a cache does.
//!
//! A test that needs a server fails when none is found; it never passes by skipping. `cargo xtask valkey`
//! installs one under `target/` without touching the system.

mod admin;
mod alloc;
mod builder;
mod find;
pub mod probe;
mod server;

#[cfg(feature = "net")]
mod fault_proxy;
#[cfg(feature = "net")]
mod pump;
#[cfg(feature = "net")]
mod tls;

pub use admin::Reply;
pub use alloc::{AllocationCount, CountingAllocator, count_allocations, live_bytes};
pub use builder::ValkeyServerBuilder;
pub use find::{
    ENV_SERVER, ValkeyNotFound, find_valkey, find_valkey_version, valkey_homes, valkey_version,
};
pub use server::{StartError, ValkeyServer};

#[cfg(feature = "net")]
pub use fault_proxy::{Fault, FaultProxy, Target};
#[cfg(feature = "net")]
pub use tls::{TestCa, TlsProxy};

/// `serde_json::json!` as the library's own value. Names of an object are in the order of `serde_json`.
#[macro_export]
macro_rules! json {
    ($($tokens:tt)+) => {
        ::tux_cache::backend::Json::from(::serde_json::json!($($tokens)+))
    };
}
