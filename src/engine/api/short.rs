//! How calls that need but one short guard get at their entries.

use super::cache::TtlCache;
use crate::engine::index::bounded::Bounded;
use crate::engine::reclaim::{Quick, TurnGuard};
use crate::engine::threads::current::{far, quick};
use crate::engine::threads::local::Local;

/// What a call that needs but one short guard works with.
pub(in crate::engine) struct Short<'c, K, V, S> {
    pub(in crate::engine) slot: Quick,
    pub(in crate::engine) local: &'c Local<K, V>,
    pub(in crate::engine) hasher: &'c S,
    pub(in crate::engine) bounded: &'c Bounded<K, V>,
    pub(in crate::engine) guard: TurnGuard<'static>,
}

impl<K, V, S> TtlCache<K, V, S> {
    /// Enters the calling thread's turn, if this cache is bounded, the thread is not new to it, and outside its turn.
    #[inline(always)]
    pub(in crate::engine) fn enter_turn(&self) -> Option<Short<'_, K, V, S>> {
        let slot = quick();
        let (local, guard) = self.locals.enter_turn(slot)?;
        // SAFETY: only the parts of bounded caches are quick (see `build`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        Some(Short {
            slot,
            local,
            hasher,
            bounded,
            guard,
        })
    }

    /// [`enter_turn`](Self::enter_turn) for threads beyond those that it is for.
    #[inline(always)]
    pub(in crate::engine) fn enter_far_turn(&self) -> Option<(&Local<K, V>, TurnGuard<'static>)> {
        let (far, place) = far()?;
        let local = self.locals.made_far(place)?;
        Some((local, far.enter_turn()?))
    }
}
