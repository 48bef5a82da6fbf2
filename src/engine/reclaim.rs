//! Memory reclamation: when may an unlinked entry be freed?
//!
//! An asymmetric guard in the manner of user-space RCU with `membarrier` [1]. Every thread owns a [`Slot`] with two
//! numbers: how many of its guards are *open*, and how many *laps* it has made, a lap being made when the last guard is
//! left. Entering and leaving are plain stores to a line of the thread's own: no fence, no read-modify-write.
//!
//! The reclaiming side pays. It collects unlinked entries in a batch, runs one heavy fence and looks at every slot
//! once ([`Domain::seal`]). A slot without an open guard then, or whose lap changes later, belongs to a thread that has
//! left every guard it was in when the batch was sealed. When that is true of all of them, the batch is free.
//!
//! # Invariants
//!
//! - **R1** An entry is retired only after it was unlinked from every shared word, by exactly one thread.
//! - **R2** A thread dereferences an entry only inside a guard it entered before it loaded the entry's address.
//! - **R3** A batch is freed only when every slot that had an open guard at its seal has since been seen without one, or
//!   with another lap count than the seal saw.
//!
//! # Why that is enough
//!
//! Take a reader that enters (counts itself open, then a light fence) and loads the address of `e`, and a reclaimer that
//! unlinks `e`, runs the heavy fence and scans. The heavy fence acts as a full fence in every running thread, so it
//! falls either before the reader's light fence or after it. *Before:* the reader's load comes after the unlink and
//! cannot see `e`. *After:* the scan sees the guard open, or that it has been left. If it is seen open, then the lap count
//! seen at the seal is at least what it was when the guard was entered, since it was stored before that and the scan comes
//! after the fence. So it changes only by leaving this guard or a later one; and `open` can be seen zero only after
//! this guard was left. Both stores are `Release` and are read with `Acquire`, so the reader's accesses happen before the
//! free. A thread that enters again cannot reach `e` any more (R1).
//!
//! Where the system has no `membarrier` both fences are `SeqCst` fences; loom checks that form
//! (`loom-tests`, model `reclaim`). It shows the protocol, not that `membarrier` equals a fence in every thread:
//! for that the manual of the system call stands.
//!
//! [1] Desnoyers, McKenney, Stern, Dagenais, Walpole: *User-Level Implementations of Read-Copy Update*, IEEE TPDS
//! 23(2), 2012.

use crate::sync::{
    AtomicBool, AtomicPtr, AtomicUsize, CachePadded, Ordering, compiler_fence, fence,
};
use std::ptr;

#[cfg(all(target_os = "linux", not(tux_loom), not(miri)))]
pub(crate) mod membarrier;
#[cfg(not(all(target_os = "linux", not(tux_loom), not(miri))))]
#[path = "reclaim/no_membarrier.rs"]
pub(crate) mod membarrier;

/// All threads that may read entries, as a list that only grows; slots of ended threads are handed on.
#[derive(Debug)]
pub(crate) struct Domain {
    head: AtomicPtr<Slot>,
    /// Whether the system gives the heavy fence; asked once per new slot and per seal.
    light: fn() -> bool,
}

/// One thread's place in the domain.
#[derive(Debug)]
pub(crate) struct Slot {
    activity: CachePadded<Activity>,
    /// Reclaimers run `membarrier`, so entering needs no fence instruction.
    light: bool,
    /// Small, dense and unique among the slots: indexes per-thread tables.
    id: usize,
    owned: AtomicBool,
    next: *mut Slot,
}

/// What a thread tells the reclaimers; written by that thread only.
#[derive(Debug)]
struct Activity {
    open: AtomicUsize,
    laps: AtomicUsize,
}

// SAFETY: `light`, `id` and `next` never change after the slot is published; the rest is atomic.
unsafe impl Sync for Slot {}
// SAFETY: as above; nothing in a slot is tied to a thread.
unsafe impl Send for Slot {}

impl Domain {
    #[cfg(not(tux_loom))]
    pub(crate) const fn new(light: fn() -> bool) -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            light,
        }
    }

    #[cfg(tux_loom)]
    pub(crate) fn new(light: fn() -> bool) -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            light,
        }
    }

    /// Gives the calling thread a slot of its own; lock-free, O(threads that ever lived at once).
    pub(crate) fn acquire(&self) -> &Slot {
        for slot in self.slots() {
            // Acquire pairs with the Release of `release`: the former owner's activity and the owner-only tables
            // that are indexed by `id` are handed over with the slot.
            if cfg!(tux_fault = "slot-shared") && !slot.owned.load(Ordering::Acquire) {
                slot.owned.store(true, Ordering::Relaxed);
                return slot;
            }
            if !slot.owned.load(Ordering::Relaxed)
                && slot
                    .owned
                    .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return slot;
            }
        }
        let slot = Box::into_raw(Box::new(Slot {
            activity: CachePadded::new(Activity {
                open: AtomicUsize::new(0),
                laps: AtomicUsize::new(0),
            }),
            light: (self.light)(),
            id: 0,
            owned: AtomicBool::new(true),
            next: ptr::null_mut(),
        }));
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            // SAFETY: `slot` is ours until the exchange publishes it; `head` is null or a published slot, and
            // slots live as long as the domain.
            unsafe {
                (*slot).next = head;
                (*slot).id = head.as_ref().map_or(0, |h| h.id + 1);
            }
            // Release publishes the slot's fields; SeqCst puts it before the scan of any later seal.
            match self
                .head
                .compare_exchange(head, slot, Ordering::SeqCst, Ordering::Acquire)
            {
                // SAFETY: published, and never freed before the domain is.
                Ok(_) => return unsafe { &*slot },
                Err(seen) => head = seen,
            }
        }
    }

    /// Takes over one slot whose thread has ended, if there is one with this `id`.
    pub(crate) fn adopt(&self, id: usize) -> Option<&Slot> {
        self.slots().find(|slot| slot.id == id).filter(|slot| {
            slot.owned
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        })
    }

    /// Gives a slot back when its thread ends. A slot whose guard was leaked (`mem::forget`) stays taken for ever:
    /// a reference from that guard may still be in use somewhere.
    pub(crate) fn release(&self, slot: &Slot) {
        if slot.activity.open.load(Ordering::Relaxed) == 0 {
            slot.owned.store(false, Ordering::Release);
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let mut next = self.head.load(Ordering::SeqCst);
        std::iter::from_fn(move || {
            // SAFETY: null or a published slot; slots live as long as the domain.
            let slot = unsafe { next.as_ref() }?;
            next = slot.next;
            Some(slot)
        })
    }

    /// Starts a grace period for everything the caller unlinked before. One heavy fence, O(threads).
    pub(crate) fn seal(&self) -> GracePeriod {
        let refused = !heavy_fence((self.light)());
        let readers = self
            .slots()
            .filter(|slot| slot.activity.open.load(Ordering::Acquire) != 0)
            .map(|slot| {
                let laps = slot.activity.laps.load(Ordering::Acquire);
                (ptr::from_ref(slot), laps)
            })
            .collect();
        GracePeriod { readers, refused }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let mut next = self.head.load(Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: the domain is going; its slots were made by `Box` and nobody holds one any longer.
            next = unsafe { Box::from_raw(next) }.next;
        }
    }
}

/// The readers a sealed batch still waits for.
#[derive(Debug)]
pub(crate) struct GracePeriod {
    readers: Vec<(*const Slot, usize)>,
    /// The system refused the heavy fence after it had promised it: keep the batch rather than guess.
    refused: bool,
}

impl GracePeriod {
    /// Whether every reader of the snapshot has moved on. Never waits.
    pub(crate) fn has_elapsed(&mut self) -> bool {
        self.readers.retain(|&(slot, then)| {
            // SAFETY: slots live as long as their domain, which outlives the caches that seal in it.
            let activity = unsafe { &(*slot).activity };
            // Acquire pairs with the Release in `Guard::drop`: what the reader did inside happens before the free.
            activity.open.load(Ordering::Acquire) != 0
                && activity.laps.load(Ordering::Acquire) == then
        });
        self.readers.is_empty() && !self.refused || cfg!(tux_fault = "reclaim-no-wait")
    }
}

impl Slot {
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// Enters a guard. Only the slot's owner may call it. Guards nest, and may be left in any order.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Guard<'_> {
        let guard = self.open();
        if self.light {
            compiler_fence(Ordering::SeqCst);
        } else if !cfg!(tux_fault = "reclaim-no-fence") {
            fence(Ordering::SeqCst);
        }
        guard
    }

    /// [`enter`](Self::enter) a slot that needs no fence instruction.
    #[inline(always)]
    fn enter_light(&self) -> Guard<'_> {
        debug_assert!(self.light);
        let guard = self.open();
        compiler_fence(Ordering::SeqCst);
        guard
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
        Guard { slot: self }
    }
}

/// A slot that needs no fence and whose number is below [`QUICK_SLOTS`]: known once, so that hits need not look.
#[derive(Clone, Copy)]
pub(crate) struct Quick(&'static Slot);

/// How many slots can be quick.
pub(crate) const QUICK_SLOTS: usize = 128;

impl Quick {
    pub(crate) fn of(slot: &'static Slot) -> Option<Self> {
        (slot.light && slot.id < QUICK_SLOTS).then_some(Self(slot))
    }

    pub(crate) fn slot(self) -> &'static Slot {
        self.0
    }

    /// Enters a guard.
    #[inline(always)]
    pub(crate) fn enter(self) -> Guard<'static> {
        self.0.enter_light()
    }

    /// Below [`QUICK_SLOTS`].
    #[inline(always)]
    pub(crate) fn id(self) -> usize {
        self.0.id()
    }
}

/// Entries loaded while it lives stay allocated. Not `Send`.
#[derive(Debug)]
pub(crate) struct Guard<'s> {
    slot: &'s Slot,
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let Activity { open, laps } = &*self.slot.activity;
        // Release pairs with the Acquire loads of the reclaimer: our reads happen before its frees.
        let order = if cfg!(tux_fault = "reclaim-leave-relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        let left = open.load(Ordering::Relaxed).wrapping_sub(1);
        open.store(left, order);
        if left == 0 || cfg!(tux_fault = "reclaim-lap-nested") {
            laps.store(laps.load(Ordering::Relaxed).wrapping_add(1), order);
        }
    }
}

/// A full fence in every running thread of the process; false if the system refused.
fn heavy_fence(light: bool) -> bool {
    if light {
        membarrier::fence_all()
    } else {
        fence(Ordering::SeqCst);
        true
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
