//! What a thread tells the reclaimers, and how it enters and leaves.

use crate::sync::{AtomicBool, AtomicUsize, CachePadded, Ordering, compiler_fence, fence};
use std::marker::PhantomData;
use std::ptr;

/// One thread's place in the domain.
#[derive(Debug)]
pub(crate) struct Participant {
    activity: CachePadded<Activity>,
    /// Reclaimers run `membarrier`, so entering needs no fence instruction.
    light: bool,
    /// Small, dense and unique among the participants: indexes per-thread tables.
    id: usize,
    pub(super) owned: AtomicBool,
    pub(super) next: *mut Participant,
}

/// What a thread tells the reclaimers; written by that thread only.
#[derive(Debug)]
struct Activity {
    pin: PinWord,
    pin_depth: AtomicUsize,
    unpins: AtomicUsize,
}

/// A thread's short guard, and the number by which it finds what it keeps for a cache.
///
/// The low seven bits are the participant's number if that is fast, the next one is set inside the guard, and the rest count how
/// often it was left: entering and leaving are one addition each. The low eight together tell the number and whether the
/// guard is free, so that a look-up asks once for both.
#[derive(Debug)]
struct PinWord(AtomicUsize);

impl Activity {
    #[cfg(not(tux_loom))]
    const fn new(pin: usize) -> Self {
        Self {
            pin: PinWord(AtomicUsize::new(pin)),
            pin_depth: AtomicUsize::new(0),
            unpins: AtomicUsize::new(0),
        }
    }

    #[cfg(tux_loom)]
    fn new(pin: usize) -> Self {
        Self {
            pin: PinWord(AtomicUsize::new(pin)),
            pin_depth: AtomicUsize::new(0),
            unpins: AtomicUsize::new(0),
        }
    }
}

impl PinWord {
    /// Set inside the guard.
    const INSIDE: usize = FAST_PARTICIPANTS;

    /// The number of its participant, and [`INSIDE`](Self::INSIDE). Only the participant's owner may call it.
    #[inline(always)]
    fn own(&self) -> usize {
        #[cfg(not(any(tux_loom, tux_count)))]
        // SAFETY: only the owner writes, and that is the caller; others read atomically.
        return unsafe { *self.0.as_ptr() } % PLACES;
        #[cfg(any(tux_loom, tux_count))]
        return self.0.load(Ordering::Relaxed) % PLACES;
    }

    /// Enters or leaves. Only the participant's owner may call it.
    #[inline(always)]
    fn step(&self, order: Ordering) {
        let pin = self.0.load(Ordering::Relaxed);
        self.0.store(pin.wrapping_add(Self::INSIDE), order);
    }
}

// SAFETY: `light`, `id` and `next` never change after the participant is published; the rest is atomic.
unsafe impl Sync for Participant {}
// SAFETY: as above; nothing in a participant is tied to a thread.
unsafe impl Send for Participant {}

/// What a seal saw of a thread that was inside: this pin word, or so many unpins and a guard open.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeenPin {
    Word(usize),
    Unpins(usize),
}

impl Participant {
    /// One that has an owner and is to be put into a list.
    pub(super) fn new(light: bool) -> Self {
        Self {
            activity: CachePadded::new(Activity::new(0)),
            light,
            id: 0,
            owned: AtomicBool::new(true),
            next: ptr::null_mut(),
        }
    }

    pub(super) fn put_before(&mut self, next: *mut Participant, id: usize) {
        (self.next, self.id) = (next, id);
        self.activity = CachePadded::new(Activity::new(id % FAST_PARTICIPANTS));
    }

    /// Makes the caller the owner, if there is none. Acquire: what the former one did with it comes before.
    pub(super) fn take_over(&self) -> bool {
        !self.owned.load(Ordering::Relaxed)
            && self
                .owned
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Whether a guard is open. Only the participant's owner may call it.
    pub(super) fn is_inside(&self) -> bool {
        let Activity { pin, pin_depth, .. } = &*self.activity;
        pin_depth.load(Ordering::Relaxed) != 0 || pin.own() & PinWord::INSIDE != 0
    }

    /// What a reclaimer sees of open guards.
    pub(super) fn seen_inside(&self) -> [Option<SeenPin>; 2] {
        let Activity {
            pin,
            pin_depth,
            unpins,
        } = &*self.activity;
        let pin = pin.0.load(Ordering::Acquire);
        let in_pin = pin & PinWord::INSIDE != 0 && !cfg!(tux_fault = "reclaim-pin-unseen");
        let is_pinned = pin_depth.load(Ordering::Acquire) != 0;
        [
            in_pin.then_some(SeenPin::Word(pin)),
            is_pinned.then(|| SeenPin::Unpins(unpins.load(Ordering::Acquire))),
        ]
    }

    /// Whether the thread may still be in the guards that were seen. Acquire pairs with who leaves: the reader's accesses come before the free.
    pub(super) fn is_still(&self, then: SeenPin) -> bool {
        let Activity {
            pin,
            pin_depth,
            unpins,
        } = &*self.activity;
        match then {
            SeenPin::Word(then) => pin.0.load(Ordering::Acquire) == then,
            SeenPin::Unpins(then) => {
                pin_depth.load(Ordering::Acquire) != 0 && unpins.load(Ordering::Acquire) == then
            }
        }
    }

    /// Leaves every guard, for an owner that does not exist in this process (R4). Returns whether it was in one.
    #[cfg(not(tux_loom))]
    pub(super) fn leave_all(&self) -> bool {
        let Activity {
            pin,
            pin_depth,
            unpins,
        } = &*self.activity;
        let (in_pin, is_pinned) = (
            pin.own() & PinWord::INSIDE != 0,
            pin_depth.load(Ordering::Relaxed) != 0,
        );
        if in_pin {
            pin.step(Ordering::Release);
        }
        if is_pinned {
            pin_depth.store(0, Ordering::Release);
            unpins.store(
                unpins.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Release,
            );
        }
        in_pin || is_pinned
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// Enters a guard. Only the participant's owner may call it. Guards nest, and may be left in any order.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Guard<'_> {
        let guard = self.pin();
        self.fence();
        guard
    }

    /// Enters the short guard; `None` inside it. Only the participant's owner may call it.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn try_pin(&self) -> Option<PinGuard<'_>> {
        let is_free = self.activity.pin.own() & PinWord::INSIDE == 0;
        (is_free || cfg!(tux_fault = "reclaim-pin-nested")).then(|| {
            let guard = self.step_in();
            self.fence();
            guard
        })
    }

    /// The light fence, or what stands for it where there is no heavy one.
    #[inline(always)]
    fn fence(&self) {
        if self.light {
            compiler_fence(Ordering::SeqCst);
        } else if !cfg!(tux_fault = "reclaim-no-fence") {
            fence(Ordering::SeqCst);
        }
    }

    /// The short guard that the calling thread is in.
    ///
    /// # Safety
    ///
    /// It was [handed over](PinGuard::keep_pinned), and is taken over once.
    #[inline(always)]
    pub(crate) unsafe fn resume_pin(&self) -> PinGuard<'_> {
        // No assertion counts as an access.
        debug_assert!(cfg!(tux_count) || self.activity.pin.own() & PinWord::INSIDE != 0);
        PinGuard {
            pin: &self.activity.pin,
            not_send: PhantomData,
        }
    }

    #[inline(always)]
    fn step_in(&self) -> PinGuard<'_> {
        // Release, and ordered before the reads that follow, as in `pin_depth`.
        self.activity.pin.step(Ordering::Release);
        PinGuard {
            pin: &self.activity.pin,
            not_send: PhantomData,
        }
    }

    /// The participant of a thread that has none: always inside its short guard.
    #[cfg(not(tux_loom))]
    pub(crate) const fn unregistered() -> Self {
        Self {
            activity: CachePadded::new(Activity::new(PinWord::INSIDE)),
            light: true,
            id: usize::MAX,
            owned: AtomicBool::new(true),
            next: ptr::null_mut(),
        }
    }

    #[inline(always)]
    fn pin(&self) -> Guard<'_> {
        let pin_depth = &self.activity.pin_depth;
        // Release is more than is needed: who reads this number and frees nevertheless has read a new count of unpins too, which
        // carries what the guards before have read. The caller's fence orders it before the reads that follow.
        pin_depth.store(
            pin_depth.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
        Guard {
            participant: self,
            not_send: PhantomData,
        }
    }
}

/// A participant that needs no fence and whose number is below [`FAST_PARTICIPANTS`], or [nobody's](Participant::nobody): known
/// once, so that hits need not look.
#[derive(Clone, Copy)]
pub(crate) struct Fast(&'static Participant, PhantomData<*const ()>);

/// How many participants can be fast.
pub(crate) const FAST_PARTICIPANTS: usize = 128;
/// How many [places](Fast::place) there are.
pub(crate) const PLACES: usize = 2 * FAST_PARTICIPANTS;

impl Fast {
    pub(crate) fn of(participant: &'static Participant) -> Option<Self> {
        (participant.light && participant.id < FAST_PARTICIPANTS)
            .then_some(Self(participant, PhantomData))
    }

    /// The fast participant of a thread that has none.
    #[cfg(not(tux_loom))]
    pub(crate) const fn unregistered(unregistered: &'static Participant) -> Self {
        Self(unregistered, PhantomData)
    }

    pub(crate) fn participant(self) -> &'static Participant {
        self.0
    }

    /// Enters a guard that nests.
    #[inline(always)]
    pub(crate) fn enter(self) -> Guard<'static> {
        debug_assert!(self.0.light);
        let guard = self.0.pin();
        compiler_fence(Ordering::SeqCst);
        guard
    }

    /// The participant's number, which is below [`FAST_PARTICIPANTS`], while it is outside its short guard; inside, and for
    /// nobody's participant, one from there on, but below [`PLACES`].
    #[inline(always)]
    pub(crate) fn place(self) -> usize {
        self.0.activity.pin.own()
    }

    /// Enters the short guard, if its [`place`](Self::place) is below [`FAST_PARTICIPANTS`].
    ///
    /// # Safety
    ///
    /// That is so.
    #[inline(always)]
    pub(crate) unsafe fn try_pin(self) -> PinGuard<'static> {
        debug_assert!(self.0.light);
        let guard = self.0.step_in();
        compiler_fence(Ordering::SeqCst);
        guard
    }
}

/// A participant that needs no fence and whose number is not below [`FAST_PARTICIPANTS`].
#[derive(Clone, Copy)]
pub(crate) struct Far(&'static Participant, PhantomData<*const ()>);

impl Far {
    pub(crate) fn of(participant: &'static Participant) -> Option<Self> {
        (participant.light && participant.id >= FAST_PARTICIPANTS)
            .then_some(Self(participant, PhantomData))
    }

    #[inline(always)]
    pub(crate) fn participant(self) -> &'static Participant {
        self.0
    }

    /// Enters the short guard; `None` inside it.
    #[inline(always)]
    pub(crate) fn try_pin(self) -> Option<PinGuard<'static>> {
        if self.0.activity.pin.own() & PinWord::INSIDE != 0 {
            return None;
        }
        let guard = self.0.step_in();
        compiler_fence(Ordering::SeqCst);
        Some(guard)
    }
}

/// A [`Guard`] of which there is only one at a time. Not `Send`.
#[derive(Debug)]
pub(crate) struct PinGuard<'s> {
    pin: &'s PinWord,
    not_send: PhantomData<*const ()>,
}

impl PinGuard<'_> {
    /// Stays inside, for who [takes it over](Participant::resume_pin).
    #[inline(always)]
    pub(crate) fn keep_pinned(self) {
        if !cfg!(tux_fault = "reclaim-pin-dropped") {
            std::mem::forget(self);
        }
    }
}

impl Drop for PinGuard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.pin.step(leaving());
    }
}

/// Release pairs with the Acquire loads of the reclaimer: our reads happen before its frees.
#[inline(always)]
fn leaving() -> Ordering {
    if cfg!(tux_fault = "reclaim-leave-relaxed") {
        Ordering::Relaxed
    } else {
        Ordering::Release
    }
}

/// Entries loaded while it lives stay allocated. Not `Send`.
#[derive(Debug)]
pub(crate) struct Guard<'s> {
    participant: &'s Participant,
    not_send: PhantomData<*const ()>,
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Activity {
            pin_depth, unpins, ..
        } = &*self.participant.activity;
        let order = leaving();
        let left = pin_depth.load(Ordering::Relaxed).wrapping_sub(1);
        pin_depth.store(left, order);
        if left == 0 || cfg!(tux_fault = "reclaim-unpin-nested") {
            unpins.store(unpins.load(Ordering::Relaxed).wrapping_add(1), order);
        }
    }
}
