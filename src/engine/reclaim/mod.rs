//! Memory reclamation: when may an unlinked entry be freed?
//!
//! An asymmetric guard in the manner of user-space RCU with `membarrier` [1]. Every thread owns a [`Participant`] with three
//! numbers. Guards that nest are counted: how many are *open*, and how many *unpins* there were, one whenever the last of
//! them was left. Most calls need but one short guard; that one is a bit in the participant's *pin word*, which goes on by one step when
//! it is entered and by one when it is left ([`Participant::try_pin`]), and who finds it entered takes a guard that nests.
//! Entering and leaving are plain stores to a line of the thread's own: no fence, no read-modify-write.
//!
//! The reclaiming side pays. It collects unlinked entries in a batch, runs one heavy fence and looks at every participant once
//! ([`Domain::seal`]). A participant without an open guard then, or whose unpins change later, belongs to a thread that has left
//! every nesting guard it was in when the batch was sealed; one whose short guard was not entered then, or whose pin word is
//! another later, to a thread that has left the short guard it was in. When both are true of all of them, the batch is free.
//!
//! # Invariants
//!
//! - **R1** An entry is retired only after it was unlinked from every shared word, by exactly one thread.
//! - **R2** A thread dereferences an entry only inside a guard it entered before it loaded the entry's address.
//! - **R3** A batch is freed only when every participant that had an open guard at its seal has since been seen without one, or
//!   with another count of unpins than the seal saw; and every participant whose short guard was entered, with another pin word.
//!
//! - **R4** In a child of `fork` only the forking thread goes on. The guards of all others are left on their behalf before it does, so
//!   nobody waits for them; its own stay. Their participants keep their owner, since what a thread has in its tables may be half changed:
//!   nobody takes them over.
//!
//! # Why that is enough
//!
//! Take a reader that enters (counts itself open, then a light fence) and loads the address of `e`, and a reclaimer that
//! unlinks `e`, runs the heavy fence and scans. The heavy fence acts as a full fence in every running thread, so it
//! falls either before the reader's light fence or after it. *Before:* the reader's load comes after the unlink and
//! cannot see `e`. *After:* the scan sees the guard open, or that it has been left. If it is seen open, then the count of unpins
//! seen at the seal is at least what it was when the guard was entered, since it was stored before that and the scan comes
//! after the fence. So it changes only by leaving this guard or a later one; and `pin_depth` can be seen zero only after
//! this guard was left. Both stores are `Release` and are read with `Acquire`, so the reader's accesses happen before the
//! free. A thread that enters again cannot reach `e` any more (R1).
//!
//! The same of a pin word: if the scan sees the step that entered it, then another step is seen only after it was left, since
//! pin words only go on. A thread may be in its short guard and in nesting guards at once, entered and left in any order: each protects
//! what was loaded inside it, and each is waited for by itself.
//!
//! Where the system has no `membarrier` both fences are `SeqCst` fences; loom checks that form
//! (`loom-tests`, model `reclaim`). It shows the protocol, not that `membarrier` equals a fence in every thread:
//! for that the manual of the system call stands.
//!
//! [1] Desnoyers, McKenney, Stern, Dagenais, Walpole: *User-Level Implementations of Read-Copy Update*, IEEE TPDS
//! 23(2), 2012.

use crate::sync::{AtomicPtr, Ordering, fence};
use std::ptr;

pub(crate) mod bag;
#[cfg(all(target_os = "linux", not(tux_loom), not(miri)))]
pub(crate) mod membarrier;
#[cfg(not(all(target_os = "linux", not(tux_loom), not(miri))))]
#[path = "no_membarrier.rs"]
pub(crate) mod membarrier;
mod participant;
pub(crate) mod supply;

use participant::SeenPin;
pub(crate) use participant::{FAST_PARTICIPANTS, Far, Fast, Guard, PLACES, Participant, PinGuard};

/// All threads that may read entries, as a list that only grows; participants of ended threads are handed on.
#[derive(Debug)]
pub(crate) struct Domain {
    head: AtomicPtr<Participant>,
    /// Whether the system gives the heavy fence; asked once per new participant and per seal.
    light: fn() -> bool,
}

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

    /// Gives the calling thread a participant of its own; lock-free, O(threads that ever lived at once).
    pub(crate) fn acquire(&self) -> &Participant {
        for participant in self.participants() {
            // Acquire pairs with the Release of `release`: the former owner's activity and the owner-only tables
            // that are indexed by `id` are handed over with the participant.
            if cfg!(tux_fault = "participant-shared") && !participant.owned.load(Ordering::Acquire)
            {
                participant.owned.store(true, Ordering::Relaxed);
                return participant;
            }
            if participant.take_over() {
                return participant;
            }
        }
        let participant = Box::into_raw(Box::new(Participant::new((self.light)())));
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            // SAFETY: `participant` is ours until the exchange publishes it; `head` is null or a published participant, and
            // participants live as long as the domain.
            unsafe {
                let id = head.as_ref().map_or(0, |h| h.id() + 1);
                (*participant).put_before(head, id);
            }
            // Release publishes the participant's fields; SeqCst puts it before the scan of any later seal.
            match self
                .head
                .compare_exchange(head, participant, Ordering::SeqCst, Ordering::Acquire)
            {
                // SAFETY: published, and never freed before the domain is.
                Ok(_) => return unsafe { &*participant },
                Err(seen) => head = seen,
            }
        }
    }

    /// Gives a participant back when its thread ends. A participant whose guard was leaked (`mem::forget`) stays taken for ever:
    /// a reference from that guard may still be in use somewhere.
    pub(crate) fn release(&self, participant: &Participant) {
        if !participant.is_inside() {
            participant.owned.store(false, Ordering::Release);
        }
    }

    /// Leaves, for all threads but the owner of `own`, the guards they are in: in a child of `fork`, where these threads have
    /// not come along (R4). Only stores, so a signal handler may do it. Returns whether there were any.
    #[cfg(not(tux_loom))]
    pub(crate) fn leave_all_but(&self, own: Option<&Participant>) -> bool {
        let others = self
            .participants()
            .filter(|participant| !own.is_some_and(|own| ptr::eq(own, *participant)));
        others.fold(false, |any, participant| participant.leave_all() | any)
    }

    fn participants(&self) -> impl Iterator<Item = &Participant> {
        let mut next = self.head.load(Ordering::SeqCst);
        std::iter::from_fn(move || {
            // SAFETY: null or a published participant; participants live as long as the domain.
            let participant = unsafe { next.as_ref() }?;
            next = participant.next;
            Some(participant)
        })
    }

    /// A full fence in every running thread.
    pub(crate) fn fence(&self) {
        // If the system refuses it, what it was to order comes later.
        heavy_fence((self.light)());
    }

    /// Starts a grace period for everything that was unlinked before (by others: if the caller has seen that). One heavy fence, O(threads).
    pub(crate) fn seal(&self) -> GracePeriod {
        let refused = !heavy_fence((self.light)());
        let mut readers = Vec::new();
        for participant in self.participants() {
            let seen = participant.seen_inside().into_iter().flatten();
            readers.extend(seen.map(|inside| (ptr::from_ref(participant), inside)));
        }
        GracePeriod { readers, refused }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let mut next = self.head.load(Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: the domain is going; its participants were made by `Box` and nobody holds one any longer.
            next = unsafe { Box::from_raw(next) }.next;
        }
    }
}

/// The readers a sealed batch still waits for.
#[derive(Clone, Debug)]
pub(crate) struct GracePeriod {
    readers: Vec<(*const Participant, SeenPin)>,
    /// The system refused the heavy fence after it had promised it: whoever looks next seals once more rather than guess.
    refused: bool,
}

impl GracePeriod {
    /// Whether every reader of the snapshot has moved on. Never waits.
    pub(crate) fn has_elapsed(&mut self) -> bool {
        self.readers.retain(|&(participant, then)| {
            // SAFETY: participants live as long as their domain, which outlives the caches that seal in it.
            unsafe { &*participant }.is_still(then)
        });
        self.readers.is_empty() && !self.refused || cfg!(tux_fault = "reclaim-no-wait")
    }

    /// Whether it will never be over: what was sealed must be sealed again.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// One whose fence the system has refused.
    #[cfg(test)]
    pub(crate) fn refused() -> Self {
        Self {
            readers: Vec::new(),
            refused: true,
        }
    }

    /// The numbers of their participants.
    pub(crate) fn readers(&self) -> impl Iterator<Item = usize> {
        // SAFETY: as above.
        self.readers
            .iter()
            .map(|&(participant, _)| unsafe { &*participant }.id())
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
