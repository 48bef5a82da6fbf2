//! All threads' parts of one cache.

use super::local::Local;
use super::reclaim::{QUICK_SLOTS, Quick, Slot};
use super::slab::Slab;
use crate::sync::{AtomicPtr, CachePadded, Ordering, StdArc as Arc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What a thread's part is made with.
pub(crate) struct Supply<K, V> {
    /// How many unlinked entries share one heavy fence.
    pub(crate) batch: usize,
    /// How many threads may have a victim's room in hand (see `bounded::room`).
    pub(crate) hands: usize,
    /// Where the memory of entries comes from.
    pub(crate) slab: Arc<Slab<K, V>>,
}

/// All threads' [`Local`]s of one cache, by slot number. Grows by blocks, never shrinks before the cache goes.
pub(crate) struct Locals<K, V> {
    first: Block<K, V>,
    supply: Supply<K, V>,
}

/// The parts with [`QUICK_SLOTS`] numbers in a row, and the block with the next ones.
struct Block<K, V> {
    locals: [AtomicPtr<CachePadded<Local<K, V>>>; QUICK_SLOTS],
    next: AtomicPtr<Block<K, V>>,
}

impl<K, V> Locals<K, V> {
    pub(crate) fn new(supply: Supply<K, V>) -> Self {
        Self {
            first: Block::new(),
            supply,
        }
    }

    /// The calling thread's part, if it has been made.
    #[inline(always)]
    pub(crate) fn made(&self, quick: Quick) -> Option<&Local<K, V>> {
        let locals = &self.first.locals;
        debug_assert!(quick.id() < locals.len());
        // SAFETY: quick slots have numbers below `QUICK_SLOTS`, which is how many there are.
        let local = unsafe { locals.get_unchecked(quick.id()) }.load(Ordering::Relaxed);
        // SAFETY: null, or installed once, by an owner of this slot before us (handed over with the slot, acquire) or
        // by ourselves, and freed only with the cache.
        unsafe { local.as_ref() }.map(|local| &**local)
    }

    /// The calling thread's part; the caller owns `slot`.
    #[inline(always)]
    pub(crate) fn of(&self, slot: &Slot) -> &Local<K, V> {
        if let Some(place) = self.first.locals.get(slot.id()) {
            let local = place.load(Ordering::Relaxed);
            if !local.is_null() {
                // SAFETY: as in `made`.
                return unsafe { &*local };
            }
        }
        self.find_or_make(slot.id())
    }

    #[cold]
    fn find_or_make(&self, slot: usize) -> &Local<K, V> {
        let (mut block, mut id) = (&self.first, slot);
        let place = loop {
            match block.locals.get(id) {
                Some(place) => break place,
                None => (block, id) = (block.next_or_new(), id - QUICK_SLOTS),
            }
        };
        let mut local = place.load(Ordering::Acquire);
        if local.is_null() {
            local = Box::into_raw(Box::new(CachePadded::new(Local::new(&self.supply, slot))));
            // Release: other threads read the counters. Only the slot's owner stores here.
            place.store(local, Ordering::Release);
        }
        // SAFETY: installed, and freed only with the cache.
        unsafe { &*local }
    }

    /// The part with this slot number; `Err` beyond the last block. Only its counters may be touched.
    pub(crate) fn get(&self, mut id: usize) -> Result<Option<&Local<K, V>>, ()> {
        let mut block = &self.first;
        while id >= QUICK_SLOTS {
            // SAFETY: null, or published and freed only with the cache.
            block = unsafe { block.next.load(Ordering::Acquire).as_ref() }.ok_or(())?;
            id -= QUICK_SLOTS;
        }
        // SAFETY: null or installed, and freed only with the cache.
        Ok(unsafe { block.locals[id].load(Ordering::Acquire).as_ref() }.map(|local| &**local))
    }

    /// Visits every thread's part with its slot number. Only counters may be touched, unless the caller owns the slot.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, &Local<K, V>)) {
        let (mut block, mut base) = (&self.first, 0);
        loop {
            for (i, place) in block.locals.iter().enumerate() {
                // SAFETY: null or installed, and freed only with the cache.
                if let Some(local) = unsafe { place.load(Ordering::Acquire).as_ref() } {
                    visit(base + i, local);
                }
            }
            // SAFETY: as above.
            match unsafe { block.next.load(Ordering::Acquire).as_ref() } {
                Some(next) => (block, base) = (next, base + QUICK_SLOTS),
                None => return,
            }
        }
    }
}

impl<K, V> Block<K, V> {
    fn new() -> Self {
        Self {
            locals: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            next: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    fn next_or_new(&self) -> &Self {
        let mut next = self.next.load(Ordering::Acquire);
        if next.is_null() {
            let new = Box::into_raw(Box::new(Self::new()));
            // Release publishes the block; on failure somebody else's is used.
            match self
                .next
                .compare_exchange(next, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => next = new,
                Err(theirs) => {
                    // SAFETY: never published.
                    drop(unsafe { Box::from_raw(new) });
                    next = theirs;
                }
            }
        }
        // SAFETY: not null, published, and freed only with the cache.
        unsafe { &*next }
    }
}

impl<K, V> Drop for Block<K, V> {
    fn drop(&mut self) {
        let next = self.next.load(Ordering::Relaxed);
        let places = self.locals.iter();
        let locals = places
            .map(|place| place.load(Ordering::Relaxed))
            .filter(|local| !local.is_null());
        let mut panicked = None;
        // A drop that panics in one thread's part must not keep those of the others from being dropped (I9).
        let mut attempt = |run: &mut dyn FnMut()| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                panicked.get_or_insert(panic);
            }
        };
        if !next.is_null() {
            // SAFETY: made by `Box`, exclusive access.
            attempt(&mut || drop(unsafe { Box::from_raw(next) }));
        }
        for local in locals {
            // SAFETY: made by `Box`, exclusive access.
            attempt(&mut || drop(unsafe { Box::from_raw(local) }));
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use crate::engine::reclaim::Domain;

    fn supply<K, V>(slab: Arc<Slab<K, V>>) -> Supply<K, V> {
        let (batch, hands) = (8, 0);
        Supply { batch, hands, slab }
    }

    fn locals() -> Locals<u64, u64> {
        let slab = Arc::new(Slab::new(0));
        Locals::new(supply(slab))
    }

    /// More threads than a block has places.
    #[test]
    fn each_slot_has_a_part_of_its_own() {
        let (domain, locals) = (Domain::new(|| false), locals());
        let mut slots: Vec<_> = (0..2 * QUICK_SLOTS + 3).map(|_| domain.acquire()).collect();
        slots.sort_by_key(|slot| slot.id());
        let count = |local: &Local<u64, u64>| local.counters.hits.get();
        for slot in &slots {
            assert!(matches!(locals.get(slot.id()), Ok(None) | Err(())));
            locals.of(slot).counters.hits.add(slot.id() as u64 + 1);
        }
        for slot in &slots {
            let own = slot.id() as u64 + 1;
            assert_eq!(count(locals.of(slot)), own);
            assert_eq!(locals.get(slot.id()).map(|l| l.map(count)), Ok(Some(own)));
        }
        assert!(
            locals.get(3 * QUICK_SLOTS).is_err(),
            "beyond the last block"
        );
        let mut seen = Vec::new();
        locals.for_each(|id, local| seen.push((id, count(local))));
        let all = slots.iter().map(|slot| (slot.id(), slot.id() as u64 + 1));
        assert_eq!(seen, all.collect::<Vec<_>>());
    }

    #[test]
    fn a_quick_slot_finds_what_was_made_for_it() {
        let (domain, locals) = (Domain::new(|| true), locals());
        let slot = domain.acquire();
        let quick = || Quick::of(static_slot(slot)).unwrap();
        assert!(locals.made(quick()).is_none());
        let made = std::ptr::from_ref(locals.of(slot));
        assert_eq!(locals.made(quick()).map(std::ptr::from_ref), Some(made));
    }

    /// I9: a drop that panics in one thread's part is not hidden when the cache goes.
    #[test]
    fn a_drop_that_panics_is_not_hidden() {
        use crate::engine::entry::{Due, Entry, Hash, Phase, Standing};
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "a drop that panics");
            }
        }
        let (domain, slab) = (Domain::new(|| false), Arc::new(Slab::new(0)));
        let locals = Locals::<u64, Panics>::new(supply(slab));
        let due = Due::new(crate::time::Deadline::NEVER, 0);
        let local = locals.of(domain.acquire());
        let standing = Standing::new(0, 0);
        let entry =
            local.allocate(|| Entry::new(Phase::Live, Hash::new(0), due, standing, 1, Panics));
        local.retire(crate::engine::local::Retired::Entry(entry));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(locals))).is_err());
    }

    fn static_slot(slot: &Slot) -> &'static Slot {
        // SAFETY: the test uses it only while the domain lives.
        unsafe { &*std::ptr::from_ref(slot) }
    }
}
