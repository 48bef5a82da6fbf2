//! Leases: a load publishes only if nothing changed the key since it began (I8).
//!
//! Taking a lease reads three generations: the key's stripe, the predicate generation and the clear generation. Every
//! change of a key bumps its stripe, *before* it takes effect and, if a lease was taken meanwhile, again after it.
//! Publishing puts the entry into the table as PENDING, reads the generations once more, and only then lets it live; an
//! invalidation bumps first and then kills PENDING entries too. So either the publisher sees the bump, or the
//! invalidation sees the entry: a Dekker pair.
//!
//! Stripes bound the memory. A stripe has a few slots, each a generation and a note of *whose* leases are out on it: how
//! many, and the hash of their key. So a change of a key voids the leases on that key and leaves the loads of its
//! neighbours alone. Only when more keys of one stripe are being loaded at once than it has slots do they share one and
//! can void each other's leases, which costs a load. While no lease is out, a writer pays one load of a shared,
//! read-mostly counter; while some are, one cache line of its stripe besides.

use super::entry::Hash;
use crate::sync::{AtomicU64, AtomicUsize, CachePadded, Ordering, StdArc as Arc, dekker_fence};

/// Set in a slot's generation while a lease on it is on its way to publish (see [`Claim`]).
const CLAIMED: u64 = 1;
/// What a change of the key adds to the generation.
const STEP: u64 = 2;

/// Who holds leases on a slot: a count in the low bits, whether they are on more than one key, and the key's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holders(u64);

impl Holders {
    const COUNT: u64 = (1 << 20) - 1;
    const MIXED: u64 = 1 << 20;
    const TAG: u64 = !(Self::COUNT | Self::MIXED);

    fn tag(hash: Hash) -> u64 {
        hash.bits() & Self::TAG
    }

    fn is_free(self) -> bool {
        self.0 & Self::COUNT == 0
    }

    /// Whether the leases are on keys of this hash alone.
    fn is_of(self, hash: Hash) -> bool {
        !self.is_free() && self.0 & (Self::MIXED | Self::TAG) == Self::tag(hash)
    }

    /// One lease more. A count that has reached its end stays there: its slot is then treated as in use for ever.
    fn join(self, hash: Hash) -> Self {
        let tag = Self::tag(hash);
        match self.0 & Self::COUNT {
            0 => Self(tag | 1),
            Self::COUNT => Self(self.0 | Self::MIXED),
            _ if self.0 & Self::TAG == tag => Self(self.0 + 1),
            _ => Self((self.0 | Self::MIXED) + 1),
        }
    }

    /// One lease less; the last one takes the note of the key with it.
    fn leave(self) -> Self {
        match self.0 & Self::COUNT {
            0 | 1 => Self(0),
            Self::COUNT => self,
            _ => Self(self.0 - 1),
        }
    }

    /// Whether a lease may be out on a key of this hash.
    fn concern(self, hash: Hash) -> bool {
        self.0 & Self::COUNT != 0
            && (self.0 & Self::MIXED != 0 || self.0 & Self::TAG == Self::tag(hash))
    }
}

#[derive(Debug)]
struct Slot {
    holders: AtomicU64,
    generation: AtomicU64,
}

impl Slot {
    fn new() -> Self {
        Self {
            holders: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }
    }

    fn holders(&self) -> Holders {
        Holders(self.holders.load(Ordering::SeqCst))
    }

    /// Whether a lease on a key of this hash is on its way to publish.
    fn is_claimed(&self, hash: Hash) -> bool {
        self.generation.load(Ordering::SeqCst) & CLAIMED != 0 && self.holders().concern(hash)
    }

    /// One step from what was seen; SeqCst, see [`Board::lease`].
    fn change(&self, seen: Holders, next: Holders) -> bool {
        self.holders
            .compare_exchange(seen.0, next.0, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }
}

/// How many keys of one stripe can be loaded at once without sharing a slot.
const WAYS: usize = 4;

/// One cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Stripe([Slot; WAYS]);

impl Stripe {
    /// Notes a lease on the slot that is this key's already, else on a free one, else on one that it then shares.
    fn join(&self, hash: Hash) -> usize {
        loop {
            let seen: [Holders; WAYS] = std::array::from_fn(|at| self.0[at].holders());
            let at = seen
                .iter()
                .position(|holders| holders.is_of(hash))
                .or_else(|| seen.iter().position(|holders| holders.is_free()))
                .unwrap_or(hash.share(WAYS));
            // Fails only if another lease came or went: somebody has moved on.
            if self.0[at].change(seen[at], seen[at].join(hash)) {
                return at;
            }
        }
    }
}

/// The generations of one cache.
#[derive(Debug)]
pub(crate) struct Board {
    out: CachePadded<AtomicUsize>,
    stripes: Box<[Stripe]>,
    everything: AtomicU64,
}

/// The right to publish the value of one key, as long as nothing has changed that key since it was taken.
///
/// Made by [`TtlCache::lease`](crate::TtlCache::lease), spent by
/// [`set_leased`](crate::TtlCache::set_leased). While it is out, writers of its key pay one extra atomic addition.
#[derive(Debug)]
pub struct Lease {
    board: Arc<Board>,
    hash: Hash,
    slot: usize,
    generation: u64,
    everything: u64,
    pub(crate) clears: u64,
}

impl Board {
    pub(crate) fn new(stripes: usize) -> Self {
        Self {
            out: CachePadded::new(AtomicUsize::new(0)),
            stripes: (0..stripes.next_power_of_two())
                .map(|_| Stripe(std::array::from_fn(|_| Slot::new())))
                .collect(),
            everything: AtomicU64::new(0),
        }
    }

    fn stripe(&self, hash: Hash) -> &Stripe {
        // The lowest bit is the same for all.
        &self.stripes[(hash.bits() >> 1) as usize & (self.stripes.len() - 1)]
    }

    /// Takes a lease; `clears` reads the clear generation, which must happen after the lease is counted.
    pub(crate) fn lease(self: &Arc<Self>, hash: Hash, clears: impl FnOnce() -> u64) -> Lease {
        let stripe = self.stripe(hash);
        // SeqCst, both: a writer that loads the count and then the slots after this sees the lease; one that does not
        // came first.
        let slot = stripe.join(hash);
        self.out.fetch_add(1, Ordering::SeqCst);
        dekker_fence();
        let mut generation = stripe.0[slot].generation.load(Ordering::SeqCst);
        // Somebody is publishing this key: what is loaded now may be older than that, so the lease is born void.
        if stripe.0.iter().any(|slot| slot.is_claimed(hash)) {
            generation |= CLAIMED;
        }
        Lease {
            hash,
            slot,
            generation,
            everything: self.everything.load(Ordering::SeqCst),
            clears: clears(),
            board: Arc::clone(self),
        }
    }

    /// Whether the lease was taken on a key of this hash.
    pub(crate) fn covers(&self, lease: &Lease, hash: Hash) -> bool {
        lease.hash == hash
    }

    /// Voids the leases on a key. Call before the change takes effect, and once more after it.
    #[inline(always)]
    pub(crate) fn void(&self, hash: Hash) {
        if self.out.load(Ordering::SeqCst) != 0 {
            self.void_slots(hash);
        }
    }

    /// Two leases on one key may have got two slots, when both found none.
    #[cold]
    #[inline(never)]
    fn void_slots(&self, hash: Hash) {
        for slot in &self.stripe(hash).0 {
            if slot.holders().concern(hash) {
                slot.generation.fetch_add(STEP, Ordering::SeqCst);
            }
        }
        dekker_fence();
    }

    /// Voids every lease.
    pub(crate) fn void_all(&self) {
        self.everything.fetch_add(1, Ordering::SeqCst);
        dekker_fence();
    }
}

impl Lease {
    fn slot(&self) -> &Slot {
        &self.board.stripe(self.hash).0[self.slot]
    }

    /// Whether nothing has voided it yet, `clears` being the cache's clear generation now.
    #[inline]
    pub(crate) fn is_valid(&self, clears: u64) -> bool {
        dekker_fence();
        // No generation of a lease that was born void matches.
        self.slot().generation.load(Ordering::SeqCst) & !CLAIMED == self.generation
            && self.board.everything.load(Ordering::SeqCst) == self.everything
            && clears == self.clears
    }

    /// The right to publish now; `None` if the lease is void. Of the leases on one key only one gets it, and the others
    /// are void from then on: so of two leased sets from one state only one is published. Leases taken before the claim
    /// ends are void as well, since their loads may have begun before the publication.
    pub(crate) fn claim(&self, clears: u64) -> Option<Claim<'_>> {
        // A void lease must not void others.
        if !self.is_valid(clears) {
            return None;
        }
        let stripe = self.board.stripe(self.hash);
        stripe.0[self.slot]
            .generation
            .compare_exchange(
                self.generation,
                self.generation | CLAIMED,
                Ordering::SeqCst,
                Ordering::Relaxed,
            )
            .ok()?;
        // Another lease on the key may have got another slot. If that claims at the same time, both are void.
        for (at, slot) in stripe.0.iter().enumerate() {
            if at != self.slot && slot.holders().concern(self.hash) {
                slot.generation.fetch_add(STEP, Ordering::SeqCst);
            }
        }
        dekker_fence();
        Some(Claim(self))
    }

    #[inline]
    pub(crate) fn is_of(&self, board: &Arc<Board>) -> bool {
        Arc::ptr_eq(&self.board, board)
    }
}

/// A lease on its way to publish. A thread that stops here delays nobody: leases on the key are void meanwhile.
#[derive(Debug)]
pub(crate) struct Claim<'l>(&'l Lease);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Takes the mark away and goes on to a new generation.
        self.0
            .slot()
            .generation
            .fetch_add(STEP - CLAIMED, Ordering::SeqCst);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.board.out.fetch_sub(1, Ordering::SeqCst);
        loop {
            let seen = self.slot().holders();
            if self.slot().change(seen, seen.leave()) {
                break;
            }
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
