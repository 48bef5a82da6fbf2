//! All threads' parts of one cache.

use super::local::Local;
use crate::engine::reclaim::supply::Supply;
use crate::engine::reclaim::{FAST_PARTICIPANTS, Far, Fast, PLACES, Participant, PinGuard};
use crate::sync::{AtomicPtr, CachePadded, Ordering, StdArc as Arc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;

mod collect;

/// All threads' [`Local`]s of one cache, by participant number. Grows by segments, never shrinks before the cache goes.
pub(crate) struct Locals<K, V> {
    /// Those of the first `fast_participants` participants, by the participant's [`place`](Fast::place): the other half stays empty.
    fast: [LocalPlace<K, V>; PLACES],
    /// [`FAST_PARTICIPANTS`] or none.
    fast_participants: usize,
    /// The parts of the others: [`FIRST`] of them, and then twice as many each time. Those of a cache that is not fast begin
    /// behind [`SEGMENTS`] that stay empty: there far threads look (`made_far`), and find nothing.
    segments: [Segment<K, V>; 2 * SEGMENTS],
    supply: Arc<Supply<K, V>>,
}

type LocalPlace<K, V> = AtomicPtr<CachePadded<Local<K, V>>>;
/// Null, or the first of its places.
type Segment<K, V> = AtomicPtr<LocalPlace<K, V>>;

/// Places in the first segment.
const FIRST: usize = 128;
/// More than there can be threads for.
const SEGMENTS: usize = 24;

/// Which segment the part of a participant is in that is not fast, and where in it; participants are counted from the first that is not.
#[inline(always)]
fn find(participant: usize) -> (usize, usize) {
    let nth = participant + FIRST;
    let segment = (nth.ilog2() - FIRST.ilog2()) as usize;
    (segment, nth - size(segment))
}

/// Where the part of a [far](Far) participant stands in every cache whose parts are fast.
#[derive(Clone, Copy)]
pub(crate) struct FarPlace {
    segment: usize,
    at: usize,
}

impl FarPlace {
    pub(crate) fn of(far: Far) -> Self {
        let (segment, at) = find(far.participant().id() - FAST_PARTICIPANTS);
        assert!(segment < SEGMENTS, "more threads than fit into memory");
        Self { segment, at }
    }
}

#[inline(always)]
const fn size(segment: usize) -> usize {
    FIRST << segment
}

/// What stands in a place. Acquire: other threads read its counters.
fn load<K, V>(place: &LocalPlace<K, V>) -> Option<&Local<K, V>> {
    // SAFETY: null or installed, and freed only with the cache.
    unsafe { place.load(Ordering::Acquire).as_ref() }.map(|local| &**local)
}

impl<K, V> Locals<K, V> {
    /// Parts that [`made`](Self::made) finds only if `fast`.
    pub(crate) fn new(supply: Arc<Supply<K, V>>, fast: bool) -> Self {
        Self {
            fast: std::array::from_fn(|_| AtomicPtr::new(null_mut())),
            fast_participants: if fast { FAST_PARTICIPANTS } else { 0 },
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

    /// The calling thread's part, if it has been made and the thread is outside its short guard, which it enters; always `None` if
    /// these are not fast.
    #[inline(always)]
    pub(crate) fn try_pin(&self, fast: Fast) -> Option<(&Local<K, V>, PinGuard<'static>)> {
        let local = self.made(fast)?;
        // SAFETY: there is a part at this place, so the place is below `FAST_PARTICIPANTS`.
        Some((local, unsafe { fast.try_pin() }))
    }

    /// The calling thread's part, if it has been made and the thread is outside its short guard; always `None` if these are not
    /// fast.
    #[inline(always)]
    pub(crate) fn made(&self, fast: Fast) -> Option<&Local<K, V>> {
        // SAFETY: places are below `PLACES`, which is how many there are.
        let local = unsafe { self.fast.get_unchecked(fast.place()) }.load(Ordering::Relaxed);
        // SAFETY: null, or installed once, by an owner of this participant before us (handed over with the participant, acquire) or
        // by ourselves, and freed only with the cache.
        unsafe { local.as_ref() }.map(|local| &**local)
    }

    /// The part of a thread beyond the fast ones, if it has been made; always `None` if these are not fast. The caller owns the
    /// participant.
    #[inline(always)]
    pub(crate) fn made_far(&self, place: FarPlace) -> Option<&Local<K, V>> {
        let FarPlace { segment, at } = place;
        // SAFETY: made from a participant's number, so there is such a segment (`FarPlace::of`).
        let places = unsafe { self.segments.get_unchecked(segment) }.load(Ordering::Acquire);
        // SAFETY: null, or published with so many places that each number of this segment has one (`find`).
        let place = (!places.is_null()).then(|| unsafe { &*places.add(at) })?;
        load(place)
    }

    /// The calling thread's part; the caller owns `participant`.
    #[inline(always)]
    pub(crate) fn of(&self, participant: &Participant) -> &Local<K, V> {
        if participant.id() < self.fast_participants {
            let local = self.fast[participant.id()].load(Ordering::Relaxed);
            if !local.is_null() {
                // SAFETY: as in `made`.
                return unsafe { &*local };
            }
        }
        self.find_or_make(participant.id())
    }

    #[cold]
    fn find_or_make(&self, participant: usize) -> &Local<K, V> {
        let place = match participant.checked_sub(self.fast_participants) {
            None => &self.fast[participant],
            Some(id) => {
                let (segment, at) = find(id);
                &self.segment_or_new(segment)[at]
            }
        };
        load(place).unwrap_or_else(|| {
            let local = Box::into_raw(Box::new(CachePadded::new(Local::new(
                &self.supply,
                participant,
            ))));
            // Release: other threads read the counters. Only the participant's owner stores here.
            place.store(local, Ordering::Release);
            // SAFETY: installed, and freed only with the cache.
            unsafe { &*local }
        })
    }

    #[inline(always)]
    fn segments(&self) -> &[Segment<K, V>] {
        let (of_fast, of_others) = self.segments.split_at(SEGMENTS);
        if self.fast_participants == 0 {
            of_others
        } else {
            of_fast
        }
    }

    /// The places of a segment, if there is one. Acquire pairs with its publication.
    #[inline(always)]
    fn segment(&self, segment: usize) -> Option<&[LocalPlace<K, V>]> {
        let first = self.segments()[segment].load(Ordering::Acquire);
        // SAFETY: published with so many places, and freed only with the cache.
        (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first, size(segment)) })
    }

    #[cold]
    fn segment_or_new(&self, segment: usize) -> &[LocalPlace<K, V>] {
        self.segment(segment).unwrap_or_else(|| {
            let places = (0..size(segment)).map(|_| AtomicPtr::new(null_mut()));
            let new = Box::into_raw(places.collect::<Box<[LocalPlace<K, V>]>>());
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

    /// The part with this participant number; `Err` where nobody with this number or a higher one near it has been. What others may
    /// do with it: read its counters, take what it has unlinked.
    pub(crate) fn get(&self, id: usize) -> Result<Option<&Local<K, V>>, ()> {
        let Some(id) = id.checked_sub(self.fast_participants) else {
            return Ok(load(&self.fast[id]));
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

    /// Visits every thread's part with its participant number; see [`get`](Self::get).
    pub(crate) fn for_each<'s>(&'s self, mut visit: impl FnMut(usize, &'s Local<K, V>)) {
        let mut from = 0;
        let segments = (0..SEGMENTS).map(|segment| (size(segment), self.segment(segment)));
        for (size, places) in [(
            self.fast_participants,
            self.fast.get(..self.fast_participants),
        )]
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
        let mut drop_all = |places: &[LocalPlace<K, V>]| {
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
        drop_all(&self.fast);
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

    fn locals(fast: bool) -> Locals<u64, u64> {
        let slab = Arc::new(Slab::new(0));
        Locals::new(supply(slab), fast)
    }

    /// More threads than the first segment has places.
    #[test]
    fn each_participant_has_a_part_of_its_own() {
        let domain = Domain::new(|| false);
        let mut participants: Vec<_> = (0..2 * FIRST + 3).map(|_| domain.acquire()).collect();
        participants.sort_by_key(|participant| participant.id());
        let count = |local: &Local<u64, u64>| local.counters.hits.get();
        for locals in [locals(true), locals(false)] {
            for participant in &participants {
                assert!(matches!(locals.get(participant.id()), Ok(None) | Err(())));
                locals
                    .of(participant)
                    .counters
                    .hits
                    .add(participant.id() as u64 + 1);
            }
            for participant in &participants {
                let own = participant.id() as u64 + 1;
                assert_eq!(count(locals.of(participant)), own);
                assert_eq!(
                    locals.get(participant.id()).map(|l| l.map(count)),
                    Ok(Some(own))
                );
            }
            assert!(locals.get(9 * FIRST).is_err(), "beyond the last segment");
            assert!(locals.get(usize::MAX / 2).is_err());
            let mut seen = Vec::new();
            locals.for_each(|id, local| seen.push((id, count(local))));
            let all = participants
                .iter()
                .map(|participant| (participant.id(), participant.id() as u64 + 1));
            assert_eq!(seen, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_fast_participant_finds_what_was_made_for_it_outside_its_pin() {
        static DOMAIN: Domain = Domain::new(|| true);
        let locals = locals(true);
        let participant = DOMAIN.acquire();
        let fast = Fast::of(participant).unwrap();
        assert!(locals.made(fast).is_none() && locals.try_pin(fast).is_none());
        let made = std::ptr::from_ref(locals.of(participant));
        assert_eq!(locals.made(fast).map(std::ptr::from_ref), Some(made));
        let (local, pin) = locals.try_pin(fast).unwrap();
        assert_eq!(std::ptr::from_ref(local), made);
        assert!(locals.made(fast).is_none() && locals.try_pin(fast).is_none());
        drop(pin);
        assert!(locals.try_pin(fast).is_some());
        // Where parts are not fast, none is found.
        let others = self::locals(false);
        others.of(participant);
        assert!(others.try_pin(fast).is_none());
    }

    #[test]
    fn a_far_participant_finds_what_was_made_for_it_in_caches_whose_parts_are_fast() {
        static DOMAIN: Domain = Domain::new(|| true);
        let participants = || std::iter::repeat_with(|| DOMAIN.acquire());
        let far: Vec<_> = participants().filter_map(Far::of).take(3 * FIRST).collect();
        let (locals, others) = (locals(true), locals(false));
        for &far in &far {
            let place = FarPlace::of(far);
            assert!(locals.made_far(place).is_none());
            let made = std::ptr::from_ref(locals.of(far.participant()));
            assert_eq!(locals.made_far(place).map(std::ptr::from_ref), Some(made));
            others.of(far.participant());
            assert!(others.made_far(place).is_none());
        }
    }

    #[test]
    fn nobody_has_no_part() {
        static UNREGISTERED: Participant = Participant::unregistered();
        assert!(
            locals(true)
                .try_pin(Fast::unregistered(&UNREGISTERED))
                .is_none()
        );
    }

    /// I9: a drop that panics in one thread's part is not hidden when the cache goes.
    #[test]
    fn a_drop_that_panics_is_not_hidden() {
        use crate::engine::entry::{Hash, Lifetime, Newcomer, Phase, PolicyMeta};
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                assert!(std::thread::panicking(), "a drop that panics");
            }
        }
        let (domain, slab) = (Domain::new(|| false), Arc::new(Slab::new(0)));
        let locals = Locals::<u64, Panics>::new(supply(slab), false);
        let lifetime = Lifetime {
            deadline: crate::time::Deadline::NEVER,
            generation: 0,
        };
        let local = locals.of(domain.acquire());
        let meta = PolicyMeta::new(0, 0);
        let entry =
            local.allocate(|| Newcomer::new(Phase::Live, Hash::new(0), lifetime, meta, 1, Panics));
        local.retire(crate::engine::reclaim::bag::Retired::Entry(entry));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(locals))).is_err());
    }
}
