//! What `single_flight` knows of a cache: leases, and a place to look up and publish values.

use super::loaded::Loaded;
use std::hash::Hash;

/// What a key must be able to do.
pub(crate) trait FlightKey: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> FlightKey for K {}

/// Hands out leases: a lease taken before a load tells afterwards whether the key was set, invalidated or
/// cleared since (I8). A tier with a connection epoch makes the epoch a part of its lease.
pub(crate) trait LeaseSource<K> {
    /// Dropped as soon as the flight is over, or its leader gone.
    type Lease: Send + Sync + 'static;

    /// A lease on `key`, valid from now on.
    fn lease(&self, key: &K) -> Self::Lease;

    /// Whether nothing has voided the lease yet. Must see every invalidation that returned before the
    /// call. Called under the flight's lock: no user code, no waiting.
    fn is_valid(&self, lease: &Self::Lease) -> bool;
}

/// A synchronous cache that values are looked up in and published to.
pub(crate) trait SyncStore<K, V>: LeaseSource<K> {
    /// The live value of `key`. The leader's second look, after the caller's own `get` has missed; it
    /// should count neither as a hit nor as a miss.
    fn peek(&self, key: &K) -> Option<V>;

    /// Stores the value, for as long as it says, if the lease still holds; check and store are one step to the outside (I8).
    fn publish(&self, lease: &Self::Lease, key: &K, loaded: Loaded<V>) -> bool;
}
