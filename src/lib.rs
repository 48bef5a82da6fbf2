//! # tux-cache
#![warn(missing_docs)]

#[cfg(feature = "backend")]
pub mod backend;
mod engine;
pub mod error;
#[allow(
    dead_code,
    unused_imports,
    reason = "the async half is used by the features above"
)]
mod load;
#[cfg(feature = "backend")]
pub mod managers;
#[cfg(feature = "valkey")]
pub mod service;
#[allow(unused_imports, reason = "the shim offers the same to both builds")]
mod sync;
pub mod time;

pub use engine::{Iter, Lease, Stats, TtlCache, TtlCacheBuilder, View};
pub use error::{Error, ErrorKind};
#[cfg(feature = "backend")]
pub use managers::{GuildConfigCacheManager, JailStatusCache, PermissionCache, PrefixCache};
#[cfg(feature = "valkey")]
pub use service::{CacheService, CacheSetup, get_cache_backend};
