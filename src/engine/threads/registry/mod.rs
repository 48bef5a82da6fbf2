//! All threads' parts of one cache.

use super::local::Local;
use crate::engine::reclaim::supply::Supply;
use crate::engine::reclaim::{Far, PLACES, QUICK_SLOTS, Quick, Slot, TurnGuard};
use crate::sync::{AtomicPtr, CachePadded, Ordering, StdArc as Arc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;

mod collect;

/// All threads' [`Local`]s of one cache, by slot number. Grows by segments, never shrinks before the cache goes.
pub(crate) struct Locals<K, V> {
    /// Those of the first `quick_slots` slots, by the slot's [`place`](Quick::place): the other half stays empty.
    quick: [Place<K, V>; PLACES],
    /// [`QUICK_SLOTS`] or none.
    quick_slots: usize,
    /// The parts of the others: [`FIRST`] of them, and then twice as many each time. Those of a cache that is not quick begin
    /// behind [`SEGMENTS`] that stay empty: there far threads look (`made_far`), and find nothing.
    segments: [Segment<K, V>; 2 * SEGMENTS],
    supply: Arc<Supply<K, V>>,
}

type Place<K, V> = AtomicPtr<CachePadded<Local<K, V>>>;
/// Null, or the first of its places.
type Segment<K, V> = AtomicPtr<Place<K, V>>;

/// Places in the first segment.
const FIRST: usize = 128;
/// More than there can be threads for.
const SEGMENTS: usize = 24;

/// Which segment the part of a slot is in that is not quick, and where in it; slots are counted from the first that is not.
#[inline(always)]
fn find(slot: usize) -> (usize, usize) {
    let nth = slot + FIRST;
    let segment = (nth.ilog2() - FIRST.ilog2()) as usize;
    (segment, nth - size(segment))
}

/// Where the part of a [far](Far) slot stands in every cache whose parts are quick.
#[derive(Clone, Copy)]
pub(crate) struct FarPlace {
    segment: usize,
    at: usize,
}

impl FarPlace {
    pub(crate) fn of(far: Far) -> Self {
        let (segment, at) = find(far.slot().id() - QUICK_SLOTS);
        assert!(segment < SEGMENTS, "more threads than fit into memory");
        Self { segment, at }
    }
}

#[inline(always)]
const fn size(segment: usize) -> usize {
    FIRST << segment
}

/// What stands in a place. Acquire: other threads read its counters.
fn load<K, V>(place: &Place<K, V>) -> Option<&Local<K, V>> {
    // SAFETY: null or installed, and freed only with the cache.
    unsafe { place.load(Ordering::Acquire).as_ref() }.map(|local| &**local)
}

impl<K, V> Locals<K, V> {
    /// Parts that [`made`](Self::made) finds only if `quick`.
    pub(crate) fn new(supply: Arc<Supply<K, V>>, quick: bool) -> Self {
        Self {
            quick: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            quick_slots: if quick { QUICK_SLOTS } else { 0 },
            segments: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            supply,
        }
    }

    /// Entries that were unlinked and not freed. Inside a guard (D5).
    pub(crate) fn unreclaimed(&self) -> u64 {
        let mut sum = self.supply.budget.held();
        self.for_each(|_, local| sum += local.fresh() as u64);
        sum
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

    /// The part of a thread beyond the quick ones, if it has been made; always `None` if these are not quick. The caller owns the
    /// slot.
    #[inline(always)]
    pub(crate) fn made_far(&self, place: FarPlace) -> Option<&Local<K, V>> {
        let FarPlace { segment, at } = place;
        // SAFETY: made from a slot's number, so there is such a segment (`FarPlace::of`).
        let places = unsafe { self.segments.get_unchecked(segment) }.load(Ordering::Acquire);
        // SAFETY: null, or published with so many places that each number of this segment has one (`find`).
        let place = (!places.is_null()).then(|| unsafe { &*places.add(at) })?;
        load(place)
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
                let (segment, at) = find(id);
                &self.segment_or_new(segment)[at]
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

    #[inline(always)]
    fn segments(&self) -> &[Segment<K, V>] {
        let (of_quick, of_others) = self.segments.split_at(SEGMENTS);
        if self.quick_slots == 0 {
            of_others
        } else {
            of_quick
        }
    }

    /// The places of a segment, if there is one. Acquire pairs with its publication.
    #[inline(always)]
    fn segment(&self, segment: usize) -> Option<&[Place<K, V>]> {
        let first = self.segments()[segment].load(Ordering::Acquire);
        // SAFETY: published with so many places, and freed only with the cache.
        (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first, size(segment)) })
    }

    #[cold]
    fn segment_or_new(&self, segment: usize) -> &[Place<K, V>] {
        self.segment(segment).unwrap_or_else(|| {
            let places = (0..size(segment)).map(|_| AtomicPtr::new(null_mut()));
            let new = Box::into_raw(places.collect::<Box<[Place<K, V>]>>());
            // Release publishes the places; on failure somebody else's are used.
            let first = match self.segments()[segment].compare_exchange(
                null_mut(),
                new.cast(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => new.cast(),
                Err(theirs) => {
                    // SAFETY: never published.
                    drop(unsafe { Box::from_raw(new) });
                    theirs
                }
            };
            // SAFETY: as in `segment`.
            unsafe { std::slice::from_raw_parts(first, size(segment)) }
        })
    }

    /// The part with this slot number; `Err` where nobody with this number or a higher one near it has been. What others may
    /// do with it: read its counters, take what it has unlinked.
    pub(crate) fn get(&self, id: usize) -> Result<Option<&Local<K, V>>, ()> {
        let Some(id) = id.checked_sub(self.quick_slots) else {
            return Ok(load(&self.quick[id]));
        };
        let (segment, at) = find(id);
        match self.segments().get(segment) {
            None => Err(()),
            Some(_) => match self.segment(segment) {
                Some(places) => Ok(load(&places[at])),
                // A thread with a higher number may have been faster.
                None if (segment + 1..SEGMENTS).any(|s| self.segment(s).is_some()) => Ok(None),
                None => Err(()),
            },
        }
    }

    /// Visits every thread's part with its slot number; see [`get`](Self::get).
    pub(crate) fn for_each<'s>(&'s self, mut visit: impl FnMut(usize, &'s Local<K, V>)) {
        let mut from = 0;
        let segments = (0..SEGMENTS).map(|segment| (size(segment), self.segment(segment)));
        for (size, places) in [(self.quick_slots, self.quick.get(..self.quick_slots))]
            .into_iter()
            .chain(segments)
        {
            for (at, place) in places.into_iter().flatten().enumerate() {
                if let Some(local) = load(place) {
                    visit(from + at, local);
                }
            }
            from += size;
        }
    }
}

impl<K, V> Drop for Locals<K, V> {
    // I9: a panic in one part does not keep the others from being dropped.
    fn drop(&mut self) {
        let mut panicked = None;
        let mut drop_all = |places: &[Place<K, V>]| {
            for local in places.iter().map(|place| place.load(Ordering::Relaxed)) {
                if local.is_null() {
                    continue;
                }
                // SAFETY: made by `Box`; the cache is going and has it alone.
                let attempt = || drop(unsafe { Box::from_raw(local) });
                if let Err(panic) = catch_unwind(AssertUnwindSafe(attempt)) {
                    panicked.get_or_insert(panic);
                }
            }
        };
        drop_all(&self.quick);
        for (segment, first) in self.segments().iter().enumerate() {
            let first = first.load(Ordering::Relaxed);
            if !first.is_null() {
                let places = std::ptr::slice_from_raw_parts_mut(first, size(segment));
                // SAFETY: made by `Box` with so many places; as above.
                drop_all(&unsafe { Box::from_raw(places) });
            }
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
    use crate::engine::entry::slab::Slab;
    use crate::engine::reclaim::Domain;
    use crate::engine::reclaim::supply::{Batches, Budget};

    fn supply<K, V>(slab: Arc<Slab<K, V>>) -> Arc<Supply<K, V>> {
        Supply::new(slab, 0, Batches::all(8), Budget::new(64))
    }

    fn locals(quick: bool) -> Locals<u64, u64> {
        let slab = Arc::new(Slab::new(0));
        Locals::new(supply(slab), quick)
    }

    /// More threads than the first segment has places.
    #[test]
    fn each_slot_has_a_part_of_its_own() {
        let domain = Domain::new(|| false);
        let mut slots: Vec<_> = (0..2 * FIRST + 3).map(|_| domain.acquire()).collect();
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
            assert!(locals.get(9 * FIRST).is_err(), "beyond the last segment");
            assert!(locals.get(usize::MAX / 2).is_err());
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
    fn a_far_slot_finds_what_was_made_for_it_in_caches_whose_parts_are_quick() {
        static DOMAIN: Domain = Domain::new(|| true);
        let slots = || std::iter::repeat_with(|| DOMAIN.acquire());
        let far: Vec<_> = slots().filter_map(Far::of).take(3 * FIRST).collect();
        let (locals, others) = (locals(true), locals(false));
        for &far in &far {
            let place = FarPlace::of(far);
            assert!(locals.made_far(place).is_none());
            let made = std::ptr::from_ref(locals.of(far.slot()));
            assert_eq!(locals.made_far(place).map(std::ptr::from_ref), Some(made));
            others.of(far.slot());
            assert!(others.made_far(place).is_none());
        }
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
        local.retire(crate::engine::reclaim::bag::Retired::Entry(entry));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(locals))).is_err());
    }
}
