//! A lock-free cache: a concurrent map whose entries expire and whose size is bounded exactly; and on it the caching system of a
//! Discord bot. How to use both: [`guide`].
//!
//! - [`TtlCache`]: a concurrent map whose entries expire and whose size is bounded, exactly and at every instant.
//! - `backend`: the same entries in memory, in Valkey, or in a store of your own.
//! - `TypedCache`: async caches of values of your own, a family in ten lines.
//! - `managers`: such caches for what a bot looks up on every message.
//! - `service`: connects to Valkey, keeps the connection, and hands the managers out.
//! - [`metrics`]: every counter, for a dashboard.
//!
//! ```
//! use std::{sync::Arc, thread, time::Duration};
//! use tux_cache::TtlCache;
//!
//! let ranks = Arc::new(TtlCache::new(Duration::from_secs(300), 10_000));
//! let writer = Arc::clone(&ranks);
//! thread::spawn(move || writer.set((1_u64, 2_u64), 7)).join().unwrap();
//! assert_eq!(ranks.get(&(1, 2)), Some(7));
//! assert_eq!(ranks.get_or_fetch((1, 3), || 5), 5);
//! ```
//!
//! # Features
//!
//! With no feature the crate is the engine alone: synchronous, without a runtime. `backend` brings backends and
//! managers (tokio, serde), `valkey` the Valkey store and the service (redis, rustls); none is on by default.
//! `tls-ring` and `tls-aws-lc` bring the cryptography for `rediss://` and `valkeys://`, where the program installs none of its own.
//! `snapshot` writes what a cache holds to a file, and begins with it again (serde).
//! `twilight-model` and `serenity` let their ids be used as keys, and their events remove what they make wrong.
//! `metrics`, `opentelemetry` and `prometheus-client` hand the [numbers](metrics) to the crates of these names.
//!
//! # Consistency
//!
//! Operations on one key of a bounded cache are linearizable as *a map that may forget*: a `get` that starts after a `set`
//! returned sees that value, a later one, or nothing if the entry was evicted, expired, invalidated or cleared since. It
//! never sees a value after its invalidation returned, nor one past its deadline by more than three ticks and the
//! ticker's lag, when it was written and now; nor does an entry end early by any lag.
//! Walks over all entries are weakly consistent.
//!
//! # Fork
//!
//! In a child of `fork` caches and in-memory backends work from the first call; nothing of the parent's other threads is waited for,
//! and loads under way there are led anew. Bounded caches go on with what they held. So do unbounded ones, unless another thread
//! was inside a call of a cache at the moment of the fork: then they begin empty, and what they held stays in the child's memory. A Valkey
//! backend has to be connected anew.
//!
//! # What can block
//!
//! On bounded caches nothing waits for another thread but `get_or_fetch` and its kin, which wait for the one that loads the
//! same key; the asynchronous ones block no thread meanwhile. Of `update`s of one key that collide one comes through, and the others try again. Unbounded caches inherit papaya's progress: reads never wait, writes may help the map to grow.
#![warn(missing_docs)]
// Says at each item which feature it needs; rustdoc can on nightly only, which docs.rs has.
#![cfg_attr(docsrs, feature(doc_cfg))]

// One word of the table holds a pointer and a tag, and deadlines are 64 bits wide.
#[cfg(not(all(target_pointer_width = "64", target_has_atomic = "64")))]
compile_error!(
    "tux-cache needs a target with 64-bit pointers and 64-bit atomics, such as x86_64 or aarch64"
);

#[cfg(feature = "backend")]
pub mod backend;
mod engine;
pub mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod histogram;
mod lease;
#[cfg(feature = "backend")]
pub mod managers;
pub mod metrics;
#[cfg(feature = "valkey")]
pub mod service;
#[allow(
    dead_code,
    unused_imports,
    reason = "the async half is used by the features"
)]
mod single_flight;
#[cfg(feature = "snapshot")]
mod snapshot;
#[allow(unused_imports, reason = "the shim offers the same to both builds")]
mod sync;
pub mod time;
#[cfg(feature = "backend")]
pub mod typed;

pub use engine::{
    DefaultHasher, Iter, Parts, Remaining, Stats, TtlCache, TtlCacheBuilder, Update, View,
};
pub use error::{Error, ErrorKind};
pub use lease::Lease;
#[cfg(feature = "backend")]
pub use managers::{
    CaseCache, GuildConfigCacheManager, JailStatusCache, PermissionCache, PrefixCache,
};
pub use papaya::Equivalent;
#[cfg(feature = "valkey")]
pub use service::{CacheService, CacheSetup, get_cache_backend};
pub use single_flight::{IntoLoaded, Loaded};
#[cfg(feature = "snapshot")]
pub use snapshot::{Restored, SnapshotSize};
#[cfg(feature = "backend")]
pub use typed::{Family, TypedCache};
