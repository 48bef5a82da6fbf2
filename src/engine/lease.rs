//! Leases: a load publishes only if nothing changed the key since it began (I8).
//!
//! Taking a lease reads three generations: the key's stripe, the predicate generation and the clear generation. Every
//! change of a key bumps its stripe, *before* it takes effect and, if a lease was taken meanwhile, again after it.
//! Publishing puts the entry into the table as PENDING, reads the generations once more, and only then lets it live; an
//! invalidation bumps first and then kills PENDING entries too. So either the publisher sees the bump, or the
//! invalidation sees the entry: a Dekker pair.
//!
//! Stripes bound the memory: two keys of one stripe can only void each other's leases, which costs a load.
//! Writers look at the stripes only while a lease is out (one shared, read-mostly counter).

use super::entry::Hash;
use crate::sync::{Arc, AtomicU64, AtomicUsize, CachePadded, Ordering, dekker_fence};

/// The generations of one cache.
#[derive(Debug)]
pub(crate) struct Board {
    out: CachePadded<AtomicUsize>,
    stripes: Box<[AtomicU64]>,
    everything: AtomicU64,
}

/// The right to publish the value of one key, as long as nothing has changed that key since it was taken.
///
/// Made by [`TtlCache::lease`](crate::TtlCache::lease), spent by
/// [`set_leased`](crate::TtlCache::set_leased). While any lease is out, writers pay one extra atomic addition.
#[derive(Debug)]
pub struct Lease {
    board: Arc<Board>,
    stripe: usize,
    stripe_generation: u64,
    everything: u64,
    pub(crate) clears: u64,
}

impl Board {
    pub(crate) fn new(stripes: usize) -> Self {
        Self {
            out: CachePadded::new(AtomicUsize::new(0)),
            stripes: (0..stripes.next_power_of_two())
                .map(|_| AtomicU64::new(0))
                .collect(),
            everything: AtomicU64::new(0),
        }
    }

    #[inline]
    fn stripe(&self, hash: Hash) -> usize {
        hash.low as usize & (self.stripes.len() - 1)
    }

    /// Takes a lease; `clears` reads the clear generation, which must happen after the lease is counted.
    pub(crate) fn lease(self: &Arc<Self>, hash: Hash, clears: impl FnOnce() -> u64) -> Lease {
        // SeqCst: a writer that loads `out` after this sees the lease; one that does not came first.
        self.out.fetch_add(1, Ordering::SeqCst);
        dekker_fence();
        let stripe = self.stripe(hash);
        Lease {
            stripe,
            stripe_generation: self.stripes[stripe].load(Ordering::SeqCst),
            everything: self.everything.load(Ordering::SeqCst),
            clears: clears(),
            board: Arc::clone(self),
        }
    }

    /// Whether the lease was taken on a key of this hash's stripe.
    #[inline]
    pub(crate) fn covers(&self, lease: &Lease, hash: Hash) -> bool {
        lease.stripe == self.stripe(hash)
    }

    /// Voids the leases on a key. Call before the change takes effect, and once more after it.
    #[inline(always)]
    pub(crate) fn void(&self, hash: Hash) {
        if self.out.load(Ordering::SeqCst) != 0 {
            self.stripes[self.stripe(hash)].fetch_add(1, Ordering::SeqCst);
            dekker_fence();
        }
    }

    /// Voids every lease.
    pub(crate) fn void_all(&self) {
        self.everything.fetch_add(1, Ordering::SeqCst);
        dekker_fence();
    }
}

impl Lease {
    /// Whether nothing has voided it yet, `clears` being the cache's clear generation now.
    #[inline]
    pub(crate) fn is_valid(&self, clears: u64) -> bool {
        dekker_fence();
        self.board.stripes[self.stripe].load(Ordering::SeqCst) == self.stripe_generation
            && self.board.everything.load(Ordering::SeqCst) == self.everything
            && clears == self.clears
    }

    #[inline]
    pub(crate) fn is_of(&self, board: &Arc<Board>) -> bool {
        Arc::ptr_eq(&self.board, board)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.board.out.fetch_sub(1, Ordering::SeqCst);
    }
}
