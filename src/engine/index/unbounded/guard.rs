//! papaya's guard, on the cache's own reclamation: what the map unlinks goes to the thread's bag like what a bounded cache unlinks.
//!
//! So it is counted and freed like that, by any thread (`bag`), and no thread-local of papaya's is needed, which would be gone
//! when destructors of thread-locals use the cache. The guard is entered before anything is loaded from the map and left after its last
//! use (R2); papaya retires what it has unlinked, once (R1).

use super::{Entries, SharedHasher, Versioned as Value};
use crate::engine::reclaim::Guard as Entered;
use crate::engine::reclaim::bag::{Foreign, Retired};
use crate::engine::threads::current::Current;
use crate::engine::threads::local::Local;
use seize::{Collector, Guard};

/// A guard of the map's, for the calling thread.
pub(crate) struct UnboundedGuard<'m, K, V, S> {
    local: &'m Local<K, V>,
    entries: &'m Entries<K, V, S>,
    participant: usize,
    _entered: Entered<'static>,
}

impl<'m, K, V, S> UnboundedGuard<'m, K, V, S> {
    /// `local` is the part of the thread that is here.
    #[inline]
    pub(super) fn enter(
        entries: &'m Entries<K, V, S>,
        current: &Current,
        local: &'m Local<K, V>,
    ) -> Self {
        let participant = current.participant();
        Self {
            local,
            entries,
            participant: participant.id(),
            _entered: participant.enter(),
        }
    }

    /// What it guards. Asked of the guard, so that a call that forks half-way ends with what it began with.
    #[inline]
    pub(super) fn entries(&self) -> &'m Entries<K, V, S> {
        self.entries
    }

    #[inline]
    pub(super) fn map(&self) -> &'m papaya::HashMap<K, Value<V>, SharedHasher<S>> {
        &self.entries.map
    }
}

impl<K, V, S> Guard for UnboundedGuard<'_, K, V, S> {
    fn refresh(&mut self) {}

    fn flush(&self) {}

    #[inline]
    fn collector(&self) -> &Collector {
        &self.entries.collector
    }

    /// papaya spreads counters by it.
    #[inline]
    fn thread_id(&self) -> usize {
        self.participant
    }

    unsafe fn defer_retire<T>(&self, memory: *mut T, reclaim: unsafe fn(*mut T, &Collector)) {
        // Tables, which come here too, are of a type without size worth mention.
        let is_entry = size_of::<T>() >= size_of::<Value<V>>();
        // SAFETY: by the contract it may be freed by this once nobody holds it, and the collector lives as long as the map.
        let foreign = unsafe { Foreign::new(memory, reclaim, &self.entries.collector, is_entry) };
        self.local.retire(Retired::Foreign(Box::new(foreign)));
    }
}
