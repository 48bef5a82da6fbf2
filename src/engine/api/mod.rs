//! What users call: the cache, its builder, and what its methods hand out.

mod builder;
mod cache;
mod change;
mod fetch;
mod fetch_async;
mod get_slow;
mod iter;
mod maintain;
mod parts;
mod peek;
mod set;
mod short;
mod stats;
mod ttl;
mod value_ref;
mod view;

#[cfg(feature = "backend")]
pub(crate) use self::value_ref::ValueRef;
pub use self::{
    builder::TtlCacheBuilder, cache::TtlCache, change::Update, iter::Iter, parts::Parts,
    peek::Remaining, stats::Stats, view::View,
};
