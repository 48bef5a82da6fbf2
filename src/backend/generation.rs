//! Leases for stores that have none: the engine's board, for keys that live elsewhere.
//!
//! Invariant I8 for a store behind a socket: a value loaded under a lease is published only if no
//! set, invalidation or clear of this process touched the key since the lease was taken. A writer
//! voids the leases on its key before it sends *and* when the reply is in; a leased write claims its
//! lease before it sends and looks again when the reply is in, so that of two leases on one key only one publishes.
//! Leases on different keys leave each other alone (B4).

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;

use crate::lease::{LeaseTable, Reached};

/// Stripes of the first level.
const STRIPES: usize = 64;

/// Tells leases of different stores apart.
pub(crate) fn next_store_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A change under way: voids leases when it begins and once more when it is over, answered, failed or dropped.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Change<F: Fn()>(F);

impl<F: Fn()> Change<F> {
    pub(crate) fn new(void: F) -> Self {
        void();
        Self(void)
    }
}

impl<F: Fn()> Drop for Change<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

pub(crate) struct Generations {
    id: u64,
    hasher: RandomState,
    board: Arc<LeaseTable>,
}

/// A lease on such a store.
#[derive(Debug)]
pub(crate) struct GenerationTicket {
    id: u64,
    lease: crate::Lease,
}

/// A store's keys have no clear generation: its clears void everything.
const CLEARS: u64 = 0;

impl Generations {
    pub(crate) fn new() -> Self {
        let board = LeaseTable::new(STRIPES).expect("memory for 4 KiB");
        Self {
            id: next_store_id(),
            hasher: RandomState::new(),
            board: Arc::new(board),
        }
    }

    /// The number of this store.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// A ticket for `key` as of now; `guild`: whose key it is, if it is any guild's.
    pub(crate) fn ticket<K: Hash + ?Sized>(&self, key: &K, guild: Option<u64>) -> GenerationTicket {
        GenerationTicket {
            id: self.id,
            lease: self.board.lease_in(self.hash(key), guild, || CLEARS),
        }
    }

    /// Voids the leases on `key`.
    pub(crate) fn bump<K: Hash + ?Sized>(&self, key: &K) {
        self.board.void(self.hash(key));
    }

    /// Voids every lease that a removal may reach: those on the guild's keys and on keys of no guild, or all.
    pub(crate) fn bump_all(&self, guild: Option<u64>) {
        self.board
            .void_reached(guild.map_or(Reached::Everything, Reached::Group));
    }

    /// Voids the leases on `key` now, when a change of it begins, and once more when it is over (T6).
    pub(crate) fn change<'a, K: Hash + ?Sized>(&'a self, key: &'a K) -> Change<impl Fn() + 'a> {
        Change::new(|| self.bump(key))
    }

    /// The same for all that a removal may reach.
    pub(crate) fn change_all(&self, guild: Option<u64>) -> Change<impl Fn() + '_> {
        Change::new(move || self.bump_all(guild))
    }

    /// Whether nothing has voided the ticket so far.
    pub(crate) fn is_current(&self, ticket: &GenerationTicket) -> bool {
        ticket.id == self.id && ticket.lease.is_valid(CLEARS)
    }

    /// Turns a current ticket into the right to write, voiding every other ticket on the key. It stays
    /// current until somebody else touches the key.
    pub(crate) fn claim(&self, mut ticket: GenerationTicket) -> Option<GenerationTicket> {
        (ticket.id == self.id && ticket.lease.claim_for_long()).then_some(ticket)
    }

    /// [`claim`](Self::claim) for the keys of one batch.
    pub(crate) fn claim_all(
        &self,
        tickets: impl Iterator<Item = Option<GenerationTicket>>,
    ) -> Vec<Option<GenerationTicket>> {
        tickets.map(|ticket| self.claim(ticket?)).collect()
    }
}

impl std::fmt::Debug for Generations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generations")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_leases_on_one_key_one_publishes() {
        let generations = Generations::new();
        let (a, b) = (generations.ticket("k", None), generations.ticket("k", None));
        let claimed = generations.claim(a).expect("the first claim wins");
        assert!(generations.claim(b).is_none());
        assert!(generations.is_current(&claimed));
        generations.bump("k");
        assert!(!generations.is_current(&claimed));
    }

    #[test]
    fn keys_of_one_batch_are_all_claimed() {
        let generations = Generations::new();
        let tickets = (0..10_000_u32).map(|key| Some(generations.ticket(&key, None)));
        let tickets: Vec<_> = tickets.collect();
        let claims = generations.claim_all(tickets.into_iter());
        assert!(claims.iter().all(Option::is_some));
        generations.bump(&0_u32);
        let current = claims
            .iter()
            .flatten()
            .filter(|claim| generations.is_current(claim));
        assert_eq!(current.count(), 9_999);
        let void = generations.claim_all(claims.into_iter());
        assert_eq!(void.iter().flatten().count(), 9_999);
    }

    #[test]
    fn bump_all_voids_every_lease_and_a_foreign_lease_is_never_current() {
        let generations = Generations::new();
        let ticket = generations.ticket("k", Some(1));
        generations.bump_all(Some(2));
        assert!(generations.is_current(&ticket));
        generations.bump_all(None);
        assert!(!generations.is_current(&ticket));
        assert!(generations.claim(ticket).is_none());
        let ticket = generations.ticket("k", Some(1));
        generations.bump_all(Some(1));
        assert!(!generations.is_current(&ticket));
        let other = Generations::new();
        let foreign = other.ticket("k", None);
        assert!(!generations.is_current(&foreign) && generations.claim(foreign).is_none());
    }
}
