//! The cache itself: a sharded lock-free TTL map with one global, size-bounded eviction clock.
//!
//! From the outside in:
//!
//! | module | what it keeps |
//! |---|---|
//! | [`api`] | what users call |
//! | [`index`] | what a cache keeps its entries in: [`bounded`](index::bounded) (invariants I1–I9) or [`unbounded`](index::unbounded) |
//! | [`threads`] | what each thread keeps |
//! | [`policy`] | who leaves |
//! | [`capacity`] | how many permits are in use, exactly |
//! | [`expiry`] | where expired entries are |
//! | [`lease`] | whether a load may still publish |
//! | [`table`] | where an entry stands: buckets, slots, the words in them |
//! | [`entry`] | what an entry is, and where it lies |
//! | [`reclaim`] | when memory may be freed |
//! | [`arch`] | what names a processor or an allocator |

pub(crate) mod arch;
pub(crate) mod capacity;
pub(crate) mod entry;
pub(crate) mod expiry;
pub(crate) mod index;
pub(crate) mod lease;
pub(crate) mod policy;
pub(crate) mod reclaim;
pub(crate) mod table;
pub(crate) mod threads;

#[cfg(not(tux_loom))]
mod api;

#[cfg(all(not(tux_loom), feature = "backend"))]
pub(crate) use self::{
    api::ValueRef,
    entry::Hash,
    lease::{Board, Reached},
};
#[cfg(not(tux_loom))]
pub use self::{
    api::{Iter, Stats, TtlCache, TtlCacheBuilder, View},
    lease::Lease,
};
