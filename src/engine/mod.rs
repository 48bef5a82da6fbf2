//! The cache itself: a sharded lock-free TTL map with one global, size-bounded eviction clock.
//!
//! From the outside in:
//!
//! | module | what it keeps |
//! |---|---|
//! | [`cache`], [`builder`], [`pinned`], [`lent`], [`stats`] | the public face |
//! | [`bounded`] | a cache with a bound: invariants I1–I9, put together from the modules below |
//! | [`unbounded`] | a cache without one: papaya |
//! | [`table`], [`word`], [`entry`] | buckets, lanes, the words in them and what those name |
//! | [`ledger`] | how many rooms are in use, exactly |
//! | [`clock`], [`ring`], [`tour`], [`ghost`] | who leaves |
//! | [`expiry`] | where expired entries are |
//! | [`lease`] | whether a load may still publish |
//! | [`reclaim`], [`bag`], [`supply`], [`local`], [`locals`], [`thread`] | when memory may be freed, and by whom; what each thread keeps |
//! | [`slab`], [`memory`] | where entries and tables lie |
//! | [`short`] | two steps of a hit in assembly |

pub(crate) mod bag;
pub(crate) mod blocks;
pub(crate) mod bounded;
pub(crate) mod clock;
pub(crate) mod entry;
pub(crate) mod expiry;
pub(crate) mod ghost;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod local;
pub(crate) mod locals;
pub(crate) mod memory;
pub(crate) mod reclaim;
pub(crate) mod ring;
mod short;
pub(crate) mod slab;
pub(crate) mod supply;
pub(crate) mod table;
pub(crate) mod tour;
pub(crate) mod word;

#[cfg(not(tux_loom))]
mod builder;
#[cfg(not(tux_loom))]
mod cache;
#[cfg(not(tux_loom))]
mod fetch;
#[cfg(not(tux_loom))]
mod lent;
#[cfg(not(tux_loom))]
mod pinned;
#[cfg(not(tux_loom))]
mod stats;
#[cfg(not(tux_loom))]
mod thread;
#[cfg(not(tux_loom))]
mod unbounded;
#[cfg(not(tux_loom))]
mod walk;

#[cfg(not(tux_loom))]
pub use self::{
    builder::TtlCacheBuilder, cache::TtlCache, lease::Lease, pinned::View, stats::Stats, walk::Iter,
};
#[cfg(all(not(tux_loom), feature = "backend"))]
pub(crate) use self::{
    entry::Hash,
    lease::{Board, Reached},
    lent::Lent,
};
