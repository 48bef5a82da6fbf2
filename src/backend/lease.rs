//! What a load or a partial update holds while it is under way.
//!
//! One kind of lease for all stores ([`crate::Lease`], invariants B1 to B7). Memory's leases are taken from its cache.
//! Every other store has a [`StoreLeases`] beside it, and I8 behind a socket says: a value loaded under a lease is
//! published only if no set, invalidation or clear of this process touched the key since. A writer voids the leases on
//! its key before it sends *and* when the reply is in; a leased write claims its lease before it sends and looks again
//! when the reply is in, so that of two leases on one key only one publishes.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;

use super::value::Value;
use crate::lease::{ChangeGuard, LeaseTable, Reached};

/// Taken before a value is loaded; the value is published only if nothing set, invalidated or cleared
/// the key since. A lease of one backend is void on every other.
#[derive(Debug)]
#[must_use = "a lease protects the load that follows it"]
pub struct StoreLease {
    store: u64,
    lease: crate::Lease,
}

impl StoreLease {
    /// Of the store with this number.
    pub(super) fn new(store: u64, lease: crate::Lease) -> Self {
        Self { store, lease }
    }

    /// The lease, if it was taken from the store with this number.
    pub(super) fn taken_from(self, store: u64) -> Option<crate::Lease> {
        (self.store == store).then_some(self.lease)
    }

    /// The same, lent.
    pub(super) fn as_taken_from(&self, store: u64) -> Option<&crate::Lease> {
        (self.store == store).then_some(&self.lease)
    }
}

/// A number for a store; no two of this process have the same.
pub(super) fn next_store_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Stripes of the first level.
const STRIPES: usize = 64;

/// A store's keys have no clear generation: its clears void everything.
const CLEARS: u64 = 0;

/// The leases on the keys of a store that has none of its own.
pub(super) struct StoreLeases {
    store: u64,
    hasher: RandomState,
    table: Arc<LeaseTable>,
}

impl StoreLeases {
    pub(super) fn new() -> Self {
        let table = LeaseTable::new(STRIPES).expect("memory for 4 KiB");
        Self {
            store: next_store_number(),
            hasher: RandomState::new(),
            table: Arc::new(table),
        }
    }

    /// The number of this store.
    pub(super) fn store(&self) -> u64 {
        self.store
    }

    pub(super) fn table(&self) -> &Arc<LeaseTable> {
        &self.table
    }

    /// A lease on `key` as of now; `guild`: whose key it is, if it is any guild's.
    pub(super) fn lease<K: Hash + ?Sized>(&self, key: &K, guild: Option<u64>) -> StoreLease {
        let bits = self.hasher.hash_one(key);
        StoreLease::new(self.store, self.table.lease_in(bits, guild, || CLEARS))
    }

    /// A change of `key` (T6).
    pub(super) fn change<'a, K: Hash + ?Sized>(
        &'a self,
        key: &'a K,
    ) -> ChangeGuard<impl Fn() + 'a> {
        let bits = self.hasher.hash_one(key);
        ChangeGuard::new(move || self.table.void(bits))
    }

    /// A change of all that a removal may reach: the guild's keys and those of no guild, or every key.
    pub(super) fn change_all(&self, guild: Option<u64>) -> ChangeGuard<impl Fn() + '_> {
        let reached = guild.map_or(Reached::Everything, Reached::Group);
        ChangeGuard::new(move || self.table.void_reached(reached))
    }

    /// Whether nothing has voided the lease so far.
    pub(super) fn is_valid(&self, lease: &StoreLease) -> bool {
        lease
            .as_taken_from(self.store)
            .is_some_and(|lease| lease.is_valid(CLEARS))
    }

    /// Turns a lease that holds into the right to write, voiding every other lease on the key. It stays valid until
    /// somebody else touches the key.
    pub(super) fn claim(&self, mut lease: StoreLease) -> Option<StoreLease> {
        (lease.store == self.store && lease.lease.claim_for_long()).then_some(lease)
    }
}

impl std::fmt::Debug for StoreLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreLeases")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// What stood under a key when a read-merge-write began; goes back with
/// [`Backend::commit`](super::Backend::commit).
#[must_use = "a snapshot is the base of the commit that follows it"]
pub struct Snapshot {
    value: Option<Value>,
    base: Base,
}

pub(super) enum Base {
    /// Unchanged if the lease still holds.
    Memory(StoreLease),
    /// Unchanged if the server still has this whole text (`None`: nothing).
    #[cfg(feature = "valkey")]
    Text { store: u64, text: Option<Vec<u8>> },
    /// Unchanged if a user's store still has this value.
    Custom,
}

impl std::fmt::Debug for Snapshot {
    /// Never what stood there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let base = match self.base {
            Base::Memory(_) => "memory",
            #[cfg(feature = "valkey")]
            Base::Text { .. } => "valkey",
            Base::Custom => "custom",
        };
        f.debug_struct("Snapshot")
            .field("value", &self.value)
            .field("of", &base)
            .finish()
    }
}

impl Snapshot {
    pub(super) fn memory(value: Option<Value>, lease: StoreLease) -> Self {
        Self {
            value,
            base: Base::Memory(lease),
        }
    }

    pub(super) fn custom(value: Option<Value>) -> Self {
        Self {
            value,
            base: Base::Custom,
        }
    }

    #[cfg(feature = "valkey")]
    pub(super) fn text(value: Option<Value>, store: u64, text: Option<Vec<u8>>) -> Self {
        Self {
            value,
            base: Base::Text { store, text },
        }
    }

    /// The value, `None` when there was none.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    pub(super) fn into_parts(self) -> (Option<Value>, Base) {
        (self.value, self.base)
    }

    pub(super) fn into_memory_parts(self) -> (Option<Value>, Option<StoreLease>) {
        match self.base {
            Base::Memory(lease) => (self.value, Some(lease)),
            _ => (self.value, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_leases_on_one_key_one_publishes() {
        let leases = StoreLeases::new();
        let (a, b) = (leases.lease("k", None), leases.lease("k", None));
        let claimed = leases.claim(a).expect("the first claim wins");
        assert!(leases.claim(b).is_none());
        assert!(leases.is_valid(&claimed));
        drop(leases.change("k"));
        assert!(!leases.is_valid(&claimed));
    }

    #[test]
    fn of_many_keys_each_is_voided_by_its_own_changes_alone() {
        let leases = StoreLeases::new();
        let taken: Vec<_> = (0..10_000_u32)
            .map(|key| leases.lease(&key, None))
            .collect();
        let claims: Vec<_> = taken
            .into_iter()
            .filter_map(|lease| leases.claim(lease))
            .collect();
        assert_eq!(claims.len(), 10_000);
        drop(leases.change(&0_u32));
        let valid = claims.iter().filter(|claim| leases.is_valid(claim));
        assert_eq!(valid.count(), 9_999);
        let again = claims.into_iter().filter_map(|claim| leases.claim(claim));
        assert_eq!(again.count(), 9_999);
    }

    #[test]
    fn a_removal_voids_what_it_reaches_and_a_lease_of_another_store_is_void() {
        let leases = StoreLeases::new();
        let lease = leases.lease("k", Some(1));
        drop(leases.change_all(Some(2)));
        assert!(leases.is_valid(&lease));
        drop(leases.change_all(None));
        assert!(!leases.is_valid(&lease));
        assert!(leases.claim(lease).is_none());
        let lease = leases.lease("k", Some(1));
        drop(leases.change_all(Some(1)));
        assert!(!leases.is_valid(&lease));
        let other = StoreLeases::new();
        let foreign = other.lease("k", None);
        assert!(!leases.is_valid(&foreign) && leases.claim(foreign).is_none());
    }
}
