//! What a thread tells the reclaimers, and how it enters and leaves.

use crate::sync::{AtomicBool, AtomicUsize, CachePadded, Ordering, compiler_fence, fence};
use std::marker::PhantomData;
use std::ptr;

/// One thread's place in the domain.
#[derive(Debug)]
pub(crate) struct Slot {
    activity: CachePadded<Activity>,
    /// Reclaimers run `membarrier`, so entering needs no fence instruction.
    light: bool,
    /// Small, dense and unique among the slots: indexes per-thread tables.
    id: usize,
    pub(super) owned: AtomicBool,
    pub(super) next: *mut Slot,
}

/// What a thread tells the reclaimers; written by that thread only.
#[derive(Debug)]
struct Activity {
    turn: Turn,
    open: AtomicUsize,
    laps: AtomicUsize,
}

/// A thread's short guard, and the number by which it finds what it keeps for a cache.
///
/// The low seven bits are the slot's number if that is quick, the next one is set inside the guard, and the rest count how
/// often it was left: entering and leaving are one addition each. The low eight together tell the number and whether the
/// guard is free, so that a look-up asks once for both.
#[derive(Debug)]
struct Turn(AtomicUsize);

impl Activity {
    #[cfg(not(tux_loom))]
    const fn new(turn: usize) -> Self {
        Self {
            turn: Turn(AtomicUsize::new(turn)),
            open: AtomicUsize::new(0),
            laps: AtomicUsize::new(0),
        }
    }

    #[cfg(tux_loom)]
    fn new(turn: usize) -> Self {
        Self {
            turn: Turn(AtomicUsize::new(turn)),
            open: AtomicUsize::new(0),
            laps: AtomicUsize::new(0),
        }
    }
}

impl Turn {
    /// Set inside the guard.
    const INSIDE: usize = QUICK_SLOTS;

    /// The number of its slot, and [`INSIDE`](Self::INSIDE). Only the slot's owner may call it.
    #[inline(always)]
    fn own(&self) -> usize {
        #[cfg(not(any(tux_loom, tux_count)))]
        // SAFETY: only the owner writes, and that is the caller; others read atomically.
        return unsafe { *self.0.as_ptr() } % PLACES;
        #[cfg(any(tux_loom, tux_count))]
        return self.0.load(Ordering::Relaxed) % PLACES;
    }

    /// Enters or leaves. Only the slot's owner may call it.
    #[inline(always)]
    fn step(&self, order: Ordering) {
        let turn = self.0.load(Ordering::Relaxed);
        self.0.store(turn.wrapping_add(Self::INSIDE), order);
    }
}

// SAFETY: `light`, `id` and `next` never change after the slot is published; the rest is atomic.
unsafe impl Sync for Slot {}
// SAFETY: as above; nothing in a slot is tied to a thread.
unsafe impl Send for Slot {}

/// What a seal saw of a thread that was inside: this turn, or so many laps and a guard open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    Turn(usize),
    Lap(usize),
}

impl Slot {
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

    pub(super) fn put_before(&mut self, next: *mut Slot, id: usize) {
        (self.next, self.id) = (next, id);
        self.activity = CachePadded::new(Activity::new(id % QUICK_SLOTS));
    }

    /// Makes the caller the owner, if there is none. Acquire: what the former one did with it comes before.
    pub(super) fn take_over(&self) -> bool {
        !self.owned.load(Ordering::Relaxed)
            && self
                .owned
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Whether a guard is open. Only the slot's owner may call it.
    pub(super) fn is_inside(&self) -> bool {
        let Activity { turn, open, .. } = &*self.activity;
        open.load(Ordering::Relaxed) != 0 || turn.own() & Turn::INSIDE != 0
    }

    /// What a reclaimer sees of open guards.
    pub(super) fn seen_inside(&self) -> [Option<Inside>; 2] {
        let Activity { turn, open, laps } = &*self.activity;
        let turn = turn.0.load(Ordering::Acquire);
        let in_turn = turn & Turn::INSIDE != 0 && !cfg!(tux_fault = "reclaim-turn-unseen");
        let is_open = open.load(Ordering::Acquire) != 0;
        [
            in_turn.then_some(Inside::Turn(turn)),
            is_open.then(|| Inside::Lap(laps.load(Ordering::Acquire))),
        ]
    }

    /// Whether the thread may still be in the guards that were seen. Acquire pairs with the Release of who leaves: what the
    /// reader did inside happens before the free.
    pub(super) fn is_still(&self, then: Inside) -> bool {
        let Activity { turn, open, laps } = &*self.activity;
        match then {
            Inside::Turn(then) => turn.0.load(Ordering::Acquire) == then,
            Inside::Lap(then) => {
                open.load(Ordering::Acquire) != 0 && laps.load(Ordering::Acquire) == then
            }
        }
    }

    /// Leaves every guard, for an owner that does not exist in this process (R4).
    #[cfg(not(tux_loom))]
    pub(super) fn leave_all(&self) {
        let Activity { turn, open, laps } = &*self.activity;
        if turn.own() & Turn::INSIDE != 0 {
            turn.step(Ordering::Release);
        }
        if open.load(Ordering::Relaxed) != 0 {
            open.store(0, Ordering::Release);
            laps.store(
                laps.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Release,
            );
        }
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// Enters a guard. Only the slot's owner may call it. Guards nest, and may be left in any order.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Guard<'_> {
        let guard = self.open();
        self.fence();
        guard
    }

    /// Enters the short guard; `None` inside it. Only the slot's owner may call it.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn enter_turn(&self) -> Option<TurnGuard<'_>> {
        let is_free = self.activity.turn.own() & Turn::INSIDE == 0;
        (is_free || cfg!(tux_fault = "reclaim-turn-nested")).then(|| {
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
    /// It was [handed over](TurnGuard::hand_over), and is taken over once.
    #[inline(always)]
    pub(crate) unsafe fn take_over_turn(&self) -> TurnGuard<'_> {
        // No assertion counts as an access.
        debug_assert!(cfg!(tux_count) || self.activity.turn.own() & Turn::INSIDE != 0);
        TurnGuard {
            turn: &self.activity.turn,
            not_send: PhantomData,
        }
    }

    #[inline(always)]
    fn step_in(&self) -> TurnGuard<'_> {
        // Release, and ordered before the reads that follow, as in `open`.
        self.activity.turn.step(Ordering::Release);
        TurnGuard {
            turn: &self.activity.turn,
            not_send: PhantomData,
        }
    }

    /// The slot of a thread that has none: always inside its turn.
    #[cfg(not(tux_loom))]
    pub(crate) const fn nobody() -> Self {
        Self {
            activity: CachePadded::new(Activity::new(Turn::INSIDE)),
            light: true,
            id: usize::MAX,
            owned: AtomicBool::new(true),
            next: ptr::null_mut(),
        }
    }

    #[inline(always)]
    fn open(&self) -> Guard<'_> {
        let open = &self.activity.open;
        // Release is more than is needed: who reads this number and frees nevertheless has read a new lap too, which
        // carries what the guards before have read. The caller's fence orders it before the reads that follow.
        open.store(
            open.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
        Guard {
            slot: self,
            not_send: PhantomData,
        }
    }
}

/// A slot that needs no fence and whose number is below [`QUICK_SLOTS`], or [nobody's](Slot::nobody): known once, so that
/// hits need not look.
#[derive(Clone, Copy)]
pub(crate) struct Quick(&'static Slot, PhantomData<*const ()>);

/// How many slots can be quick.
pub(crate) const QUICK_SLOTS: usize = 128;
/// How many [places](Quick::place) there are.
pub(crate) const PLACES: usize = 2 * QUICK_SLOTS;

impl Quick {
    pub(crate) fn of(slot: &'static Slot) -> Option<Self> {
        (slot.light && slot.id < QUICK_SLOTS).then_some(Self(slot, PhantomData))
    }

    /// The quick slot of a thread that has none.
    #[cfg(not(tux_loom))]
    pub(crate) const fn nobody(nobody: &'static Slot) -> Self {
        Self(nobody, PhantomData)
    }

    pub(crate) fn slot(self) -> &'static Slot {
        self.0
    }

    /// Enters a guard that nests.
    #[inline(always)]
    pub(crate) fn enter(self) -> Guard<'static> {
        debug_assert!(self.0.light);
        let guard = self.0.open();
        compiler_fence(Ordering::SeqCst);
        guard
    }

    /// The slot's number, which is below [`QUICK_SLOTS`], while it is outside its turn; inside, and for nobody's slot, one
    /// from there on, but below [`PLACES`].
    #[inline(always)]
    pub(crate) fn place(self) -> usize {
        self.0.activity.turn.own()
    }

    /// Enters the short guard, if its [`place`](Self::place) is below [`QUICK_SLOTS`].
    ///
    /// # Safety
    ///
    /// That is so.
    #[inline(always)]
    pub(crate) unsafe fn enter_turn(self) -> TurnGuard<'static> {
        debug_assert!(self.0.light);
        let guard = self.0.step_in();
        compiler_fence(Ordering::SeqCst);
        guard
    }
}

/// A slot that needs no fence and whose number is not below [`QUICK_SLOTS`].
#[derive(Clone, Copy)]
pub(crate) struct Far(&'static Slot, PhantomData<*const ()>);

impl Far {
    pub(crate) fn of(slot: &'static Slot) -> Option<Self> {
        (slot.light && slot.id >= QUICK_SLOTS).then_some(Self(slot, PhantomData))
    }

    #[inline(always)]
    pub(crate) fn slot(self) -> &'static Slot {
        self.0
    }

    /// Enters the short guard; `None` inside it.
    #[inline(always)]
    pub(crate) fn enter_turn(self) -> Option<TurnGuard<'static>> {
        if self.0.activity.turn.own() & Turn::INSIDE != 0 {
            return None;
        }
        let guard = self.0.step_in();
        compiler_fence(Ordering::SeqCst);
        Some(guard)
    }
}

/// A [`Guard`] of which there is only one at a time. Not `Send`.
#[derive(Debug)]
pub(crate) struct TurnGuard<'s> {
    turn: &'s Turn,
    not_send: PhantomData<*const ()>,
}

impl TurnGuard<'_> {
    /// Stays inside, for who [takes it over](Slot::take_over_turn).
    #[inline(always)]
    pub(crate) fn hand_over(self) {
        if !cfg!(tux_fault = "reclaim-turn-dropped") {
            std::mem::forget(self);
        }
    }
}

impl Drop for TurnGuard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.turn.step(leaving());
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
    slot: &'s Slot,
    not_send: PhantomData<*const ()>,
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Activity { open, laps, .. } = &*self.slot.activity;
        let order = leaving();
        let left = open.load(Ordering::Relaxed).wrapping_sub(1);
        open.store(left, order);
        if left == 0 || cfg!(tux_fault = "reclaim-lap-nested") {
            laps.store(laps.load(Ordering::Relaxed).wrapping_add(1), order);
        }
    }
}
