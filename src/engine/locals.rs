//! All threads' parts of one cache.

use super::local::Local;
use super::reclaim::{PLACES, QUICK_SLOTS, Quick, Slot, TurnGuard};
use super::slab::Slab;
use crate::sync::{AtomicPtr, CachePadded, Ordering, StdArc as Arc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many unlinked entries share one heavy fence: not too few, since it takes microseconds where another processor runs
/// the program too (10 in a virtual machine); not too many, since they hold values, and each thread has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    /// Those of a thread among many.
    least: usize,
    /// Those of the first slot's thread; the second one has half as many, the third one a third.
    first: usize,
}

impl Batches {
    pub(crate) const fn all(of: usize) -> Self {
        Self {
            least: of,
            first: of,
        }
    }

    pub(crate) fn for_capacity(n: usize) -> Self {
        Self {
            least: (n / 16).clamp(8, 256).max((n / 128).min(512)),
            first: (n / 64).min(4_096),
        }
    }

    pub(super) fn of(self, slot: usize) -> usize {
        self.least.max(self.first / (slot + 1))
    }
}

/// What a thread's part is made with.
pub(crate) struct Supply<K, V> {
    pub(crate) batches: Batches,
    /// How many threads may have a victim's room in hand (see `bounded::room`).
    pub(crate) hands: usize,
    /// Where the memory of entries comes from.
    pub(crate) slab: Arc<Slab<K, V>>,
}

/// All threads' [`Local`]s of one cache, by slot number. Grows by blocks, never shrinks before the cache goes.
pub(crate) struct Locals<K, V> {
    /// Those of the first `quick_slots` slots, by the slot's [`place`](Quick::place): the other half stays empty.
    quick: [Place<K, V>; PLACES],
    /// [`QUICK_SLOTS`] or none.
    quick_slots: usize,
    /// The parts of the others.
    rest: Link<K, V>,
    supply: Supply<K, V>,
}

type Place<K, V> = AtomicPtr<CachePadded<Local<K, V>>>;
type Link<K, V> = AtomicPtr<Block<K, V>>;

/// The parts with [`BLOCK`] numbers in a row, and the block with the next ones.
struct Block<K, V> {
    locals: [Place<K, V>; BLOCK],
    next: Link<K, V>,
}

const BLOCK: usize = 128;

/// What stands in a place. Acquire: other threads read its counters.
fn load<K, V>(place: &Place<K, V>) -> Option<&Local<K, V>> {
    // SAFETY: null or installed, and freed only with the cache.
    unsafe { place.load(Ordering::Acquire).as_ref() }.map(|local| &**local)
}

/// The block behind a link. Acquire pairs with its publication.
fn follow<K, V>(link: &Link<K, V>) -> Option<&Block<K, V>> {
    // SAFETY: null, or published and freed only with the cache.
    unsafe { link.load(Ordering::Acquire).as_ref() }
}

impl<K, V> Locals<K, V> {
    /// Parts that [`made`](Self::made) finds only if `quick`.
    pub(crate) fn new(supply: Supply<K, V>, quick: bool) -> Self {
        Self {
            quick: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            quick_slots: if quick { QUICK_SLOTS } else { 0 },
            rest: AtomicPtr::new(std::ptr::null_mut()),
            supply,
        }
    }

    /// The calling thread's part, if it has been made and the thread is outside its turn, which it enters; always `None` if
    /// these are not quick.
    #[inline(always)]
    pub(crate) fn enter_turn(&self, quick: Quick) -> Option<(&Local<K, V>, TurnGuard<'static>)> {
        let local = self.made(quick)?;
        // SAFETY: there is a part at this place, so the place is below `QUICK_SLOTS`.
        Some((local, unsafe { quick.enter_turn() }))
    }

    /// The calling thread's part, if it has been made and the thread is outside its turn; always `None` if these are not
    /// quick.
    #[inline(always)]
    pub(crate) fn made(&self, quick: Quick) -> Option<&Local<K, V>> {
        // SAFETY: places are below `PLACES`, which is how many there are.
        let local = unsafe { self.quick.get_unchecked(quick.place()) }.load(Ordering::Relaxed);
        // SAFETY: null, or installed once, by an owner of this slot before us (handed over with the slot, acquire) or
        // by ourselves, and freed only with the cache.
        unsafe { local.as_ref() }.map(|local| &**local)
    }

    /// The calling thread's part; the caller owns `slot`.
    #[inline(always)]
    pub(crate) fn of(&self, slot: &Slot) -> &Local<K, V> {
        if slot.id() < self.quick_slots {
            let local = self.quick[slot.id()].load(Ordering::Relaxed);
            if !local.is_null() {
                // SAFETY: as in `made`.
                return unsafe { &*local };
            }
        }
        self.find_or_make(slot.id())
    }

    #[cold]
    fn find_or_make(&self, slot: usize) -> &Local<K, V> {
        let place = match slot.checked_sub(self.quick_slots) {
            None => &self.quick[slot],
            Some(id) => {
                let mut block = Block::behind(&self.rest);
                for _ in 0..id / BLOCK {
                    block = Block::behind(&block.next);
                }
                &block.locals[id % BLOCK]
            }
        };
        load(place).unwrap_or_else(|| {
            let local = Box::into_raw(Box::new(CachePadded::new(Local::new(&self.supply, slot))));
            // Release: other threads read the counters. Only the slot's owner stores here.
            place.store(local, Ordering::Release);
            // SAFETY: installed, and freed only with the cache.
            unsafe { &*local }
        })
    }

    /// The part with this slot number; `Err` beyond the last block. Only its counters may be touched.
    pub(crate) fn get(&self, id: usize) -> Result<Option<&Local<K, V>>, ()> {
        let Some(id) = id.checked_sub(self.quick_slots) else {
            return Ok(load(&self.quick[id]));
        };
        let mut block = follow(&self.rest).ok_or(())?;
        for _ in 0..id / BLOCK {
            block = follow(&block.next).ok_or(())?;
        }
        Ok(load(&block.locals[id % BLOCK]))
    }

    /// Visits every thread's part with its slot number. Only counters may be touched, unless the caller owns the slot.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, &Local<K, V>)) {
        let (mut id, mut places, mut next) = (0, &self.quick[..self.quick_slots], &self.rest);
        loop {
            for place in places {
                if let Some(local) = load(place) {
                    visit(id, local);
                }
                id += 1;
            }
            match follow(next) {
                Some(block) => (places, next) = (&block.locals[..], &block.next),
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

    /// The block behind a link, a new one if there is none.
    fn behind(link: &Link<K, V>) -> &Self {
        follow(link).unwrap_or_else(|| {
            let new = Box::into_raw(Box::new(Self::new()));
            let none = std::ptr::null_mut();
            // Release publishes the block; on failure somebody else's is used.
            let block = match link.compare_exchange(none, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => new,
                Err(theirs) => {
                    // SAFETY: never published.
                    drop(unsafe { Box::from_raw(new) });
                    theirs
                }
            };
            // SAFETY: not null, published, and freed only with the cache.
            unsafe { &*block }
        })
    }
}

/// Drops what stands in places and behind a link; a panic in one part does not keep the others from being dropped (I9).
fn drop_all<K, V>(places: &[Place<K, V>], link: &Link<K, V>) {
    let mut panicked = None;
    let mut attempt = |run: &mut dyn FnMut()| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            panicked.get_or_insert(panic);
        }
    };
    let next = link.load(Ordering::Relaxed);
    if !next.is_null() {
        // SAFETY: made by `Box`; the caller is about to go and has it alone.
        attempt(&mut || drop(unsafe { Box::from_raw(next) }));
    }
    for local in places.iter().map(|place| place.load(Ordering::Relaxed)) {
        if !local.is_null() {
            // SAFETY: as above.
            attempt(&mut || drop(unsafe { Box::from_raw(local) }));
        }
    }
    if let Some(panic) = panicked
        && !std::thread::panicking()
    {
        resume_unwind(panic);
    }
}

impl<K, V> Drop for Block<K, V> {
    fn drop(&mut self) {
        drop_all(&self.locals, &self.next);
    }
}

impl<K, V> Drop for Locals<K, V> {
    fn drop(&mut self) {
        drop_all(&self.quick, &self.rest);
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use crate::engine::reclaim::Domain;

    fn supply<K, V>(slab: Arc<Slab<K, V>>) -> Supply<K, V> {
        Supply {
            batches: Batches::all(8),
            hands: 0,
            slab,
        }
    }

    fn locals(quick: bool) -> Locals<u64, u64> {
        let slab = Arc::new(Slab::new(0));
        Locals::new(supply(slab), quick)
    }

    /// More threads than a block has places.
    #[test]
    fn each_slot_has_a_part_of_its_own() {
        let domain = Domain::new(|| false);
        let mut slots: Vec<_> = (0..2 * BLOCK + 3).map(|_| domain.acquire()).collect();
        slots.sort_by_key(|slot| slot.id());
        let count = |local: &Local<u64, u64>| local.counters.hits.get();
        for locals in [locals(true), locals(false)] {
            for slot in &slots {
                assert!(matches!(locals.get(slot.id()), Ok(None) | Err(())));
                locals.of(slot).counters.hits.add(slot.id() as u64 + 1);
            }
            for slot in &slots {
                let own = slot.id() as u64 + 1;
                assert_eq!(count(locals.of(slot)), own);
                assert_eq!(locals.get(slot.id()).map(|l| l.map(count)), Ok(Some(own)));
            }
            assert!(locals.get(3 * BLOCK).is_err(), "beyond the last block");
            let mut seen = Vec::new();
            locals.for_each(|id, local| seen.push((id, count(local))));
            let all = slots.iter().map(|slot| (slot.id(), slot.id() as u64 + 1));
            assert_eq!(seen, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_quick_slot_finds_what_was_made_for_it_outside_its_turn() {
        static DOMAIN: Domain = Domain::new(|| true);
        let locals = locals(true);
        let slot = DOMAIN.acquire();
        let quick = Quick::of(slot).unwrap();
        assert!(locals.made(quick).is_none() && locals.enter_turn(quick).is_none());
        let made = std::ptr::from_ref(locals.of(slot));
        assert_eq!(locals.made(quick).map(std::ptr::from_ref), Some(made));
        let (local, turn) = locals.enter_turn(quick).unwrap();
        assert_eq!(std::ptr::from_ref(local), made);
        assert!(locals.made(quick).is_none() && locals.enter_turn(quick).is_none());
        drop(turn);
        assert!(locals.enter_turn(quick).is_some());
        // Where parts are not quick, none is found.
        let others = self::locals(false);
        others.of(slot);
        assert!(others.enter_turn(quick).is_none());
    }

    #[test]
    fn nobody_has_no_part() {
        static NOBODY: Slot = Slot::nobody();
        assert!(locals(true).enter_turn(Quick::nobody(&NOBODY)).is_none());
    }

    /// I9: a drop that panics in one thread's part is not hidden when the cache goes.
    #[test]
    fn a_drop_that_panics_is_not_hidden() {
        use crate::engine::entry::{Due, Hash, Newcomer, Phase, Standing};
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "a drop that panics");
            }
        }
        let (domain, slab) = (Domain::new(|| false), Arc::new(Slab::new(0)));
        let locals = Locals::<u64, Panics>::new(supply(slab), false);
        let due = Due {
            deadline: crate::time::Deadline::NEVER,
            generation: 0,
        };
        let local = locals.of(domain.acquire());
        let standing = Standing::new(0, 0);
        let entry =
            local.allocate(|| Newcomer::new(Phase::Live, Hash::new(0), due, standing, 1, Panics));
        local.retire(crate::engine::local::Retired::Entry(entry));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(locals))).is_err());
    }
}
