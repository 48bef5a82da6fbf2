//! What calls that need but one short guard work with.

use crate::engine::index::bounded::Bounded;
use crate::engine::reclaim::{Fast, PinGuard};
use crate::engine::threads::local::Local;

/// What a call that needs but one short guard works with.
pub(in crate::engine) struct Short<'c, K, V, S> {
    pub(in crate::engine) participant: Fast,
    pub(in crate::engine) local: &'c Local<K, V>,
    pub(in crate::engine) hasher: &'c S,
    pub(in crate::engine) bounded: &'c Bounded<K, V>,
    pub(in crate::engine) guard: PinGuard<'static>,
}
