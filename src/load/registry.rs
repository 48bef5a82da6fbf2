//! Key → flight under way, on papaya. Under loom `registry_loom.rs` stands in its place.

use papaya::{Compute, Operation};

use super::flight::Flight;
use super::source::Key;
use crate::sync::StdArc;

type Entered<K, V, L> = StdArc<Flight<K, V, L>>;

/// The flights under way, by key.
pub(crate) struct Registry<K, V, L> {
    map: papaya::HashMap<K, Entered<K, V, L>, ahash::RandomState>,
}

impl<K, V, L> Registry<K, V, L> {
    pub(crate) fn new() -> Self {
        Self {
            map: papaya::HashMap::with_hasher(ahash::RandomState::new()),
        }
    }
}

impl<K: Key, V, L> Registry<K, V, L> {
    /// The flight under this key, if any.
    pub(crate) fn get(&self, key: &K) -> Option<Entered<K, V, L>> {
        self.map.pin().get(key).cloned()
    }

    /// Enters `flight` under its key if there is none, or the one there is `stale`. Else hands back the
    /// one that is in the way.
    pub(crate) fn enter(
        &self,
        flight: &Entered<K, V, L>,
        stale: Option<&Entered<K, V, L>>,
    ) -> Result<(), Entered<K, V, L>> {
        let map = self.map.pin();
        let outcome = map.compute(flight.key.clone(), |present| match present {
            Some((_, present)) if !stale.is_some_and(|stale| StdArc::ptr_eq(stale, present)) => {
                Operation::Abort(StdArc::clone(present))
            }
            _ => Operation::Insert(StdArc::clone(flight)),
        });
        match outcome {
            Compute::Aborted(present) => Err(present),
            _ => Ok(()),
        }
    }

    /// Takes `flight` out, unless another one has its place by now.
    pub(crate) fn remove(&self, flight: &Entered<K, V, L>) {
        // An `Err` is another flight's entry, which stays.
        let _ = self
            .map
            .pin()
            .remove_if(&flight.key, |_, present| StdArc::ptr_eq(present, flight));
    }

    /// How many keys have a flight.
    pub(crate) fn len(&self) -> usize {
        self.map.pin().len()
    }
}
