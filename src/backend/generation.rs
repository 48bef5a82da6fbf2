//! Leases for stores that have none: striped generation counters.
//!
//! Invariant I8 for a store behind a socket: a value loaded under a lease is published only if no
//! set, invalidation or clear of this process touched the key since the lease was taken. A writer
//! bumps the key's counter before it sends *and* when the reply is in (T6); a leased write moves the
//! counter by compare-and-swap, so that of two leases on one key only one publishes. The counters
//! are striped by hash: a clash only makes a load go unpublished.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;

/// Half a mebibyte per store: at 16 guilds pre-warmed at once, with a thousand leases out, about one claim in
/// a hundred voids somebody else's.
const STRIPES: usize = 1 << 16;

/// Tells leases of different stores apart.
pub(crate) fn next_store_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) struct Generations {
    id: u64,
    hasher: RandomState,
    all: AtomicU64,
    stripes: Box<[AtomicU64]>,
}

/// What a lease on such a store remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    id: u64,
    stripe: usize,
    generation: u64,
    all: u64,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self {
            id: next_store_id(),
            hasher: RandomState::new(),
            all: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The number of this store.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn stripe<K: Hash + ?Sized>(&self, key: &K) -> usize {
        self.hasher.hash_one(key) as usize % STRIPES
    }

    // SeqCst throughout: a network round trip stands beside each of these, and one total order over
    // all counters is what the argument above uses.

    /// A ticket for `key` as of now.
    pub(crate) fn ticket<K: Hash + ?Sized>(&self, key: &K) -> Ticket {
        let stripe = self.stripe(key);
        Ticket {
            id: self.id,
            stripe,
            generation: self.stripes[stripe].load(Ordering::SeqCst),
            all: self.all.load(Ordering::SeqCst),
        }
    }

    /// Voids the leases on `key`.
    pub(crate) fn bump<K: Hash + ?Sized>(&self, key: &K) {
        self.stripes[self.stripe(key)].fetch_add(1, Ordering::SeqCst);
    }

    /// Voids every lease.
    pub(crate) fn bump_all(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether nothing has voided the ticket so far.
    pub(crate) fn is_current(&self, ticket: &Ticket) -> bool {
        ticket.id == self.id
            && self.all.load(Ordering::SeqCst) == ticket.all
            && self.stripes[ticket.stripe].load(Ordering::SeqCst) == ticket.generation
    }

    /// Turns a current ticket into the right to write, voiding every other ticket on the key. The
    /// ticket returned is current until somebody else touches the key.
    pub(crate) fn claim(&self, ticket: Ticket) -> Option<Ticket> {
        if ticket.id != self.id || self.all.load(Ordering::SeqCst) != ticket.all {
            return None;
        }
        self.stripes[ticket.stripe]
            .compare_exchange(
                ticket.generation,
                ticket.generation.wrapping_add(1),
                Ordering::SeqCst,
                Ordering::SeqCst,
            )
            .ok()
            .map(|_| Ticket {
                generation: ticket.generation.wrapping_add(1),
                ..ticket
            })
    }

    /// [`claim`](Self::claim) for the keys of one batch: those that share a stripe share a claim, so that
    /// they do not void each other.
    pub(crate) fn claim_all(
        &self,
        tickets: impl Iterator<Item = Option<Ticket>>,
    ) -> Vec<Option<Ticket>> {
        let mut by_stripe: HashMap<usize, (Ticket, Option<Ticket>)> = HashMap::new();
        tickets
            .map(|ticket| {
                let ticket = ticket?;
                match by_stripe.get(&ticket.stripe) {
                    Some((earlier, claim)) if *earlier == ticket => *claim,
                    // Taken at another time: one of the two is void by now.
                    Some(_) => self.claim(ticket),
                    None => {
                        let claim = self.claim(ticket);
                        by_stripe.insert(ticket.stripe, (ticket, claim));
                        claim
                    }
                }
            })
            .collect()
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
        let (a, b) = (generations.ticket("k"), generations.ticket("k"));
        let claimed = generations.claim(a).expect("the first claim wins");
        assert!(generations.claim(b).is_none());
        assert!(generations.is_current(&claimed));
        generations.bump("k");
        assert!(!generations.is_current(&claimed));
    }

    #[test]
    fn keys_of_one_batch_that_share_a_stripe_are_all_claimed() {
        let generations = Generations::new();
        let keys: Vec<u32> = (0..5 * STRIPES as u32).collect();
        let tickets: Vec<_> = keys
            .iter()
            .map(|key| Some(generations.ticket(key)))
            .collect();
        let claims = generations.claim_all(tickets.iter().copied());
        assert!(claims.iter().all(Option::is_some));
        generations.bump(&keys[0]);
        let current =
            |claim: &Option<Ticket>| claim.as_ref().is_some_and(|c| generations.is_current(c));
        assert!(!current(&claims[0]));
        let void = generations.claim_all(tickets.into_iter());
        assert!(void.iter().all(Option::is_none));
    }

    #[test]
    fn bump_all_voids_every_lease_and_a_foreign_lease_is_never_current() {
        let generations = Generations::new();
        let ticket = generations.ticket("k");
        generations.bump_all();
        assert!(!generations.is_current(&ticket));
        assert!(generations.claim(ticket).is_none());
        let other = Generations::new();
        assert!(!generations.is_current(&other.ticket("k")));
    }
}
