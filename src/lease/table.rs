//! Where the leases of one cache stand, and how those on a key are found.

use super::cell::{CLAIMED, Holders, LeaseCell, Stripe, Tag, WAYS};
use super::group::{Groups, Reached};
use super::{Lease, MadeOnce};
use crate::sync::Zeros;
use crate::sync::{AtomicU64, AtomicUsize, CachePadded, Ordering, StdArc as Arc, dekker_fence};

/// The second and the third level. With 10,000 leases out no two share a cell, with 50,000 some hundred do.
pub(super) const LEVELS: [usize; 2] = [1 << 10, 1 << 14];

/// The most counters of [`Level::passed`].
const PASSED: usize = 1 << 10;

/// Stripes a key may stand in: one on each level, and a second one on the last.
pub(super) const STEPS: usize = 4;

/// A level after the first.
#[derive(Debug)]
pub(super) struct Level {
    /// How many leases stand here or beyond, by the stripe of the level before: who has none of them need not look here.
    pub(super) passed: Zeros<AtomicU64>,
    pub(super) stripes: Zeros<Stripe>,
}

impl Level {
    fn new(before: usize, stripes: usize) -> Option<Self> {
        Some(Self {
            passed: Zeros::new(before.min(PASSED))?,
            stripes: Zeros::new(stripes)?,
        })
    }

    #[inline(always)]
    pub(super) fn passed(&self, hash: u64) -> &AtomicU64 {
        at(&self.passed, hash >> 1)
    }

    #[inline(always)]
    fn stripe(&self, hash: u64) -> &Stripe {
        at(&self.stripes, hash >> 1)
    }

    /// Another one, if there are two.
    #[inline(always)]
    fn second_stripe(&self, hash: u64) -> &Stripe {
        at(&self.stripes, hash >> 1 ^ (hash >> 24 | 1))
    }
}

/// Of a power of two of things the one that these bits choose.
#[inline(always)]
fn at<T>(of: &[T], bits: u64) -> &T {
    &of[bits as usize & (of.len() - 1)]
}

/// Where a lease stands: which of the key's stripes, and which cell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CellPlace {
    pub(super) step: u8,
    pub(super) way: u8,
}

impl CellPlace {
    /// How many levels a lease passes to stand here.
    pub(super) fn passed(self) -> usize {
        usize::from(self.step).min(LEVELS.len())
    }
}

/// The leases of one cache that are out.
#[derive(Debug)]
pub(crate) struct LeaseTable {
    pub(super) out: CachePadded<AtomicUsize>,
    stripes: Zeros<Stripe>,
    pub(super) everything: AtomicU64,
    pub(super) levels: [MadeOnce<Level>; LEVELS.len()],
    sizes: [usize; LEVELS.len()],
    pub(super) groups: Groups,
}

impl LeaseTable {
    /// `None` if there is no memory for the stripes of the first level.
    pub(crate) fn new(stripes: usize) -> Option<Self> {
        Self::sized(stripes, LEVELS)
    }

    /// A table with levels of so many stripes (rounded up to powers of two).
    pub(crate) fn sized(stripes: usize, levels: [usize; LEVELS.len()]) -> Option<Self> {
        Some(Self {
            out: CachePadded::new(AtomicUsize::new(0)),
            stripes: Zeros::new(stripes.next_power_of_two())?,
            everything: AtomicU64::new(0),
            levels: std::array::from_fn(|_| MadeOnce::new()),
            sizes: levels.map(usize::next_power_of_two),
            groups: Groups::new(),
        })
    }

    /// The level that is reached by passing so many, made if need be. `None`: there is none, or no memory for it.
    pub(super) fn level(&self, passed: usize) -> Option<&Level> {
        let at = passed.checked_sub(1)?;
        let before = match at {
            0 => self.stripes.len(),
            _ => self.sizes[at - 1],
        };
        self.levels[at].get_or_make(|| Level::new(before, self.sizes[at]))
    }

    /// The key's stripe at this step, its level made if need be.
    fn stripe(&self, hash: u64, step: u8) -> Option<&Stripe> {
        match step {
            0 => Some(at(&self.stripes, hash >> 1)),
            1 | 2 => Some(self.level(step.into())?.stripe(hash)),
            _ => Some(self.level(LEVELS.len())?.second_stripe(hash)),
        }
    }

    /// Visits the cells on which a lease on the key may stand: all that were counted before (B2).
    #[inline(always)]
    pub(super) fn each(&self, hash: u64, mut visit: impl FnMut(CellPlace, Holders, &LeaseCell)) {
        let tag = Tag::of(hash);
        let mut look = |step: u8, stripe: &Stripe| {
            for (way, cell) in (0..).zip(&stripe.0) {
                let holders = cell.holders();
                if holders.concern(tag) {
                    visit(CellPlace { step, way }, holders, cell);
                }
            }
        };
        // The lowest bit is the same for all that come from the engine.
        look(0, at(&self.stripes, hash >> 1));
        for (step, level) in (1..).zip(&self.levels) {
            let Some(level) = level
                .get()
                .filter(|level| level.passed(hash).load(Ordering::SeqCst) != 0)
            else {
                return;
            };
            if cfg!(tux_fault = "lease-first-level") {
                return;
            }
            look(step, level.stripe(hash));
            if usize::from(step) == LEVELS.len() {
                look(step + 1, level.second_stripe(hash));
            }
        }
    }

    /// Notes a lease on a cell that is this key's already, else on a free one, else on one that it then shares.
    pub(super) fn join(&self, hash: u64) -> CellPlace {
        let tag = Tag::of(hash);
        loop {
            let mut own = None;
            self.each(hash, |place, seen, _| {
                if seen.is_of(tag) {
                    own.get_or_insert((place, seen));
                }
            });
            let (place, seen) = own
                .or_else(|| self.free(hash))
                .unwrap_or_else(|| self.to_share(hash));
            // Fails only if another lease came or went: somebody has moved on.
            if self
                .cell(hash, place)
                .is_some_and(|cell| cell.change(seen, seen.join(tag)))
            {
                return place;
            }
        }
    }

    /// The first free cell of the key's stripes.
    fn free(&self, hash: u64) -> Option<(CellPlace, Holders)> {
        (0..STEPS as u8).find_map(|step| {
            let stripe = self.stripe(hash, step)?;
            let way = stripe.0.iter().position(|cell| cell.holders().is_free())?;
            let way = way as u8;
            Some((CellPlace { step, way }, Holders(0)))
        })
    }

    /// The cell that a key shares when there is no free one: on the last level there is memory for.
    #[cold]
    fn to_share(&self, hash: u64) -> (CellPlace, Holders) {
        let way = ((u128::from(hash) * WAYS as u128) >> 64) as u8;
        let place = |step| CellPlace { step, way };
        let found = (0..STEPS as u8).rev().find_map(|step| {
            let cell = self.cell(hash, place(step))?;
            Some((place(step), cell.holders()))
        });
        found.unwrap_or((place(0), Holders(0)))
    }

    pub(super) fn cell(&self, hash: u64, place: CellPlace) -> Option<&LeaseCell> {
        let stripe = self.stripe(hash, place.step)?;
        stripe.0.get(usize::from(place.way))
    }

    /// Takes a lease on a key, which may belong to a group; `clears` reads the clear generation, which must happen after
    /// the lease is counted.
    pub(crate) fn lease_in(
        self: &Arc<Self>,
        hash: u64,
        group: Option<u64>,
        clears: impl FnOnce() -> u64,
    ) -> Lease {
        self.take(hash, self.join(hash), group, clears)
    }

    /// The lease that stands at `place` by now.
    fn take(
        self: &Arc<Self>,
        hash: u64,
        place: CellPlace,
        group: Option<u64>,
        clears: impl FnOnce() -> u64,
    ) -> Lease {
        let mut lease = self.stand(hash, place, group, clears);
        // Somebody is publishing this key: what is loaded now may be older than that, so the lease is born void.
        self.each(hash, |_, _, cell| {
            lease.generation |= cell.generation.load(Ordering::SeqCst) & CLAIMED;
        });
        lease
    }

    /// The same whoever is publishing.
    pub(super) fn stand(
        self: &Arc<Self>,
        hash: u64,
        place: CellPlace,
        group: Option<u64>,
        clears: impl FnOnce() -> u64,
    ) -> Lease {
        let mut lease = Lease {
            hash,
            place,
            group: Groups::at(group),
            generation: 0,
            everything: 0,
            of_group: 0,
            clears: 0,
            table: Arc::clone(self),
        };
        if !cfg!(tux_fault = "lease-counted-late") {
            self.count(&lease);
        }
        dekker_fence();
        lease.generation = lease.cell().generation.load(Ordering::SeqCst);
        lease.everything = self.everything.load(Ordering::SeqCst);
        lease.of_group = self.groups.generation(lease.group);
        lease.clears = clears();
        if cfg!(tux_fault = "lease-counted-late") {
            self.count(&lease);
        }
        lease
    }

    /// A lease on a key of no group.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn lease(self: &Arc<Self>, hash: u64, clears: impl FnOnce() -> u64) -> Lease {
        self.lease_in(hash, None, clears)
    }

    /// A lease in a cell of its own, whatever other leases there are on the key: on this stripe of it, which has a free one.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn lease_apart(self: &Arc<Self>, hash: u64, step: u8) -> Lease {
        let stripe = self.stripe(hash, step).expect("memory");
        let free = stripe.0.iter().position(|cell| cell.holders().is_free());
        let way = free.expect("a free cell");
        let joined = stripe.0[way].change(Holders(0), Holders(0).join(Tag::of(hash)));
        assert!(joined, "nobody else takes it");
        let way = way as u8;
        self.take(hash, CellPlace { step, way }, None, || 0)
    }

    /// Counts a lease that stands in its cell (B2).
    fn count(&self, lease: &Lease) {
        for passed in 1..=lease.place.passed() {
            if let Some(level) = self.level(passed) {
                level.passed(lease.hash).fetch_add(1, Ordering::SeqCst);
            }
        }
        self.out.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the lease was taken on a key of this hash.
    pub(crate) fn covers(&self, lease: &Lease, hash: u64) -> bool {
        lease.hash == hash
    }

    /// Voids the leases on a key. Call before the change takes effect, and once more after it.
    #[inline(always)]
    pub(crate) fn void(&self, hash: u64) {
        if self.out.load(Ordering::SeqCst) != 0 {
            self.void_cells(hash);
        }
    }

    /// Two leases on one key may have got two cells, when both found none.
    #[cold]
    #[inline(never)]
    fn void_cells(&self, hash: u64) {
        self.each(hash, |_, _, cell| cell.step());
        dekker_fence();
    }

    /// Voids every lease.
    pub(crate) fn void_all(&self) {
        self.everything.fetch_add(1, Ordering::SeqCst);
        dekker_fence();
    }

    /// Voids the leases that a removal may reach.
    pub(crate) fn void_reached(&self, reached: Reached) {
        match reached {
            Reached::Group(group) if self.groups.step(group) => dekker_fence(),
            _ => self.void_all(),
        }
    }
}
