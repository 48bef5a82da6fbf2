//! Leases: a load publishes only if nothing changed the key since it began (I8).
//!
//! Taking a lease reads the generation of its key's cell and those of everything (see below). Every change of a key steps
//! the generations of its cells, *before* it takes effect and, if a lease was taken meanwhile, again after it.
//! Publishing puts the entry into the table as PENDING, reads the generations once more, and only then lets it live; an
//! invalidation steps first and then kills PENDING entries too. So either the publisher sees the step, or the
//! invalidation sees the entry: a Dekker pair.
//!
//! # Cells
//!
//! A lease that is out stands in a cell, which notes *whose* leases stand there: how many, and the tag of their key. So a
//! change of a key voids the leases on that key and leaves the loads of all others alone. A stripe is one cache line of
//! four cells; there are three levels of stripes. The first (64 stripes) every table has, the others (1,024 and 16,384,
//! together 1.1 MiB) are made by the first lease that finds all stripes of its key on the levels before full, and stay. On
//! the last level each key may stand in one of two stripes. Only a lease that finds those full too shares a cell: then a
//! change of one key voids leases on the other, which costs a load. While no lease is out, a writer pays one load of a
//! shared, read-mostly counter; while some are, a cache line of its stripe on each level that leases on keys *of that stripe*
//! had to go on to.
//!
//! # Invariants
//!
//! - **B1** A lease stands in one cell from before it reads its generations until it is dropped. A cell with a tag holds
//!   leases on keys of that tag alone; one that is shared concerns every key of its stripe.
//! - **B2** Whoever looks for the leases on a key finds each that was counted before it began to look: a lease is counted in
//!   its cell, in `passed` of its own level and those before it but the first, and in the table's count, *before* it reads its generations, and
//!   levels are neither replaced nor freed. All of it is SeqCst: who misses a lease at one of these comes, in the one order
//!   of them all, before that lease reads its generations, which are then as new as that look.
//! - **B3** A change steps the generation of each cell it finds; no generation comes back. So of the leases on its key none
//!   that was taken before is valid.
//! - **B4** A change of a key steps no cell that has another key's tag: leases on different keys do not void each other
//!   unless they share a cell, which they do only if both stripes of the last level were full of other keys' leases.
//! - **B5** Of the leases on one key one publishes at most: a claim marks its own cell and steps every other one of the key,
//!   on whatever level. Of two claims in two cells at most one sees its own cell unstepped afterwards.
//! - **B6** A lease that is never dropped keeps its own cell busy, and costs nobody else's lease.
//! - **B7** A group's removal voids the leases of that group and those of none, `void_all` all of them.

use crate::sync::{Ordering, StdArc as Arc, dekker_fence};

mod cell;
#[cfg(feature = "backend")]
mod change;
mod group;
mod made_once;
mod table;
mod watch;

use cell::{CLAIMED, LeaseCell, STEP};
#[cfg(feature = "backend")]
pub(crate) use change::ChangeGuard;
pub(crate) use group::Reached;
#[cfg(feature = "backend")]
pub(crate) use group::named;
use made_once::MadeOnce;
use table::CellPlace;
pub(crate) use table::LeaseTable;
pub(crate) use watch::Watch;

/// The right to publish the value of one key, as long as nothing has changed that key since it was taken.
///
/// Made by [`TtlCache::lease`](crate::TtlCache::lease), spent by
/// [`set_leased`](crate::TtlCache::set_leased). While it is out, writers of its key pay one extra atomic addition. One that is
/// never dropped keeps a few bytes of the cache busy.
#[derive(Debug)]
pub struct Lease {
    table: Arc<LeaseTable>,
    hash: u64,
    place: CellPlace,
    group: u16,
    generation: u64,
    everything: u64,
    of_group: u64,
    pub(crate) clears: u64,
}

impl Lease {
    fn cell(&self) -> &LeaseCell {
        match self.table.cell(self.hash, self.place) {
            Some(cell) => cell,
            None => unreachable!("a lease stands on a level that was made"),
        }
    }

    /// Whether nothing has voided it yet, `clears` being the cache's clear generation now.
    #[inline]
    pub(crate) fn is_valid(&self, clears: u64) -> bool {
        dekker_fence();
        // No generation of a lease that was born void matches.
        self.cell().generation.load(Ordering::SeqCst) & !CLAIMED == self.generation
            && self.is_current(clears)
    }

    /// Whether nothing has voided everything, or its group.
    #[inline]
    fn is_current(&self, clears: u64) -> bool {
        self.table.everything.load(Ordering::SeqCst) == self.everything
            && self.table.groups.generation(self.group) == self.of_group
            && clears == self.clears
    }

    /// The right to publish now; `None` if the lease is void. Of the leases on one key only one gets it, and the others
    /// are void from then on: so of two leased sets from one state only one is published. Leases taken before the claim
    /// ends are void as well, since their loads may have begun before the publication.
    pub(crate) fn claim(&self, clears: u64) -> Option<Claim<'_>> {
        self.move_on(clears, CLAIMED).then(|| Claim(self))
    }

    /// [`claim`](Self::claim) for a publication that takes time: the lease stays valid until something else changes the
    /// key, and so are leases that are taken meanwhile; a claim of one of those voids this one.
    #[cfg_attr(
        not(feature = "backend"),
        allow(dead_code, reason = "for stores behind a socket")
    )]
    pub(crate) fn claim_for_long(&mut self) -> bool {
        let clears = self.clears;
        let claimed = self.move_on(clears, STEP);
        if claimed {
            self.generation += STEP;
        }
        claimed
    }

    /// Adds to the generation, if the lease is valid and nobody else did, and voids the other leases on the key.
    fn move_on(&self, clears: u64, by: u64) -> bool {
        // A void lease must not void others.
        if !self.is_valid(clears) {
            return false;
        }
        let own = self.cell();
        let moved = own
            .generation
            .compare_exchange(
                self.generation,
                self.generation + by,
                Ordering::SeqCst,
                Ordering::Relaxed,
            )
            .is_ok();
        if moved {
            dekker_fence();
            // Another lease on the key may have got another cell. If that claims at the same time, both are void.
            self.table.each(self.hash, |place, _, cell| {
                let spared =
                    cfg!(tux_fault = "lease-claims-own-level") && place.step != self.place.step;
                if !std::ptr::eq(cell, own) && !spared {
                    cell.step();
                }
            });
            dekker_fence();
        }
        moved
    }

    #[inline]
    pub(crate) fn is_of(&self, table: &Arc<LeaseTable>) -> bool {
        Arc::ptr_eq(&self.table, table)
    }
}

/// A lease on its way to publish. A thread that stops here delays nobody: leases on the key are void meanwhile.
#[derive(Debug)]
pub(crate) struct Claim<'l>(&'l Lease);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Takes the mark away and goes on to a new generation.
        self.0
            .cell()
            .generation
            .fetch_add(STEP - CLAIMED, Ordering::SeqCst);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.table.out.fetch_sub(1, Ordering::SeqCst);
        for passed in 1..=self.place.passed() {
            if let Some(level) = self.table.level(passed) {
                level.passed(self.hash).fetch_sub(1, Ordering::SeqCst);
            }
        }
        loop {
            let seen = self.cell().holders();
            if self.cell().change(seen, seen.leave()) {
                break;
            }
        }
    }
}

#[cfg(all(test, not(any(tux_loom, tux_count))))]
mod property;
#[cfg(all(test, not(tux_loom)))]
mod tests;
