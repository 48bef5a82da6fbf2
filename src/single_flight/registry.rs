//! Key → flight under way, on papaya. Under loom `registry_loom.rs` stands in its place.

use papaya::{Compute, Equivalent, Operation};
use std::hash::{BuildHasher, Hash, Hasher};

use super::flight::Flight;
use super::source::FlightKey;
use crate::sync::{StdArc, map_guard};

type Entered<K, V, L> = StdArc<Flight<K, V, L>>;

/// What papaya shows of a key's entry.
type Present<'m, K, V, L> = Option<(&'m Hashed<K>, &'m Entered<K, V, L>)>;

/// A key with its hash, so that `K::hash` never runs inside papaya: a panic there while the map grows would leave the
/// others waiting for ever for the rest of the copy.
struct Hashed<K> {
    hash: u64,
    key: K,
}

impl<K> Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K: Eq> PartialEq for Hashed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Eq> Eq for Hashed<K> {}

/// The same to look for, without a copy of the key.
struct Sought<'k, K>(Hashed<&'k K>);

impl<K> Hash for Sought<'_, K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Eq> Equivalent<Hashed<K>> for Sought<'_, K> {
    fn equivalent(&self, other: &Hashed<K>) -> bool {
        *self.0.key == other.key
    }
}

/// The flights under way, by key.
pub(crate) struct Registry<K, V, L> {
    map: papaya::HashMap<Hashed<K>, Entered<K, V, L>, ahash::RandomState>,
    hasher: ahash::RandomState,
}

impl<K, V, L> Registry<K, V, L> {
    pub(crate) fn new() -> Self {
        Self {
            map: papaya::HashMap::with_hasher(ahash::RandomState::new()),
            hasher: ahash::RandomState::new(),
        }
    }
}

impl<K: FlightKey, V, L> Registry<K, V, L> {
    fn sought<'k>(&self, key: &'k K) -> Sought<'k, K> {
        let hash = self.hasher.hash_one(key);
        Sought(Hashed { hash, key })
    }

    /// The flight under this key, if any.
    pub(crate) fn get(&self, key: &K) -> Option<Entered<K, V, L>> {
        self.map
            .get(&self.sought(key), &map_guard(&self.map))
            .cloned()
    }

    /// Enters `flight` under its key if there is none, or the one there is `stale`. Else hands back the
    /// one that is in the way.
    pub(crate) fn enter(
        &self,
        flight: &Entered<K, V, L>,
        stale: Option<&Entered<K, V, L>>,
    ) -> Result<(), Entered<K, V, L>> {
        let sought = self.sought(&flight.key);
        let key = Hashed {
            hash: sought.0.hash,
            key: flight.key.clone(),
        };
        let guard = map_guard(&self.map);
        let enter = |present: Present<'_, K, V, L>| match present {
            Some((_, present)) if !stale.is_some_and(|stale| StdArc::ptr_eq(stale, present)) => {
                Operation::Abort(StdArc::clone(present))
            }
            _ => Operation::Insert(StdArc::clone(flight)),
        };
        let outcome = self.map.compute(key, enter, &guard);
        match outcome {
            Compute::Aborted(present) => Err(present),
            _ => Ok(()),
        }
    }

    /// Takes `flight` out, unless another one has its place by now.
    pub(crate) fn remove(&self, flight: &Entered<K, V, L>) {
        // An `Err` is another flight's entry, which stays.
        let _ = self.map.remove_if(
            &self.sought(&flight.key),
            |_, present| StdArc::ptr_eq(present, flight),
            &map_guard(&self.map),
        );
    }

    /// How many keys have a flight.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}
