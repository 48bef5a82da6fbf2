//! The calling thread's slot in the process-wide reclamation domain.

use super::registry::FarPlace;
use crate::engine::reclaim::{Domain, Far, Quick, Slot, TurnGuard, membarrier};
use crate::sync::{AtomicBool, Ordering, in_forked_child, thread_local};
use std::cell::Cell;

pub(crate) static DOMAIN: Domain = Domain::new(membarrier::is_available);

static NOBODY: Slot = Slot::nobody();

/// Gives the slot back when the thread ends.
struct Owner(&'static Slot);

impl Drop for Owner {
    fn drop(&mut self) {
        QUICK.set(Quick::nobody(&NOBODY));
        OWN.set(None);
        FAR.set(None);
        DOMAIN.release(self.0);
    }
}

thread_local! {
    /// The thread's slot, if it is a quick one, or nobody's. No destructor, so it can be read at any time of a thread's life
    /// for the price of one load.
    static QUICK: Cell<Quick> = const { Cell::new(Quick::nobody(&NOBODY)) };
    /// The thread's slot, if it needs no fence but is not quick: of threads beyond the first [`QUICK_SLOTS`](crate::engine::reclaim::QUICK_SLOTS).
    /// With it where its part stands in every cache.
    static FAR: Cell<Option<(Far, FarPlace)>> = const { Cell::new(None) };
    static OWNER: Owner = {
        let slot = acquire();
        OWN.set(Some(slot));
        FAR.set(Far::of(slot).map(|far| (far, FarPlace::of(far))));
        QUICK.set(Quick::of(slot).unwrap_or(Quick::nobody(&NOBODY)));
        Owner(slot)
    };
}

thread_local! {
    /// The thread's slot, quick or not. No destructor: a signal handler may read it.
    static OWN: Cell<Option<&'static Slot>> = const { Cell::new(None) };
}

/// A slot, in a domain that children of `fork` put right.
fn acquire() -> &'static Slot {
    static TOLD: AtomicBool = AtomicBool::new(false);
    extern "C" fn child() {
        membarrier::again();
        DOMAIN.leave_all_but(OWN.get());
    }
    if !TOLD.load(Ordering::Acquire) {
        // Before the first slot: then there is none in a child that was not told. Twice does no harm.
        in_forked_child(child);
        TOLD.store(true, Ordering::Release);
    }
    DOMAIN.acquire()
}

/// The calling thread's slot; a borrowed one where thread-local destructors already run.
pub(crate) struct Here {
    slot: &'static Slot,
    borrowed: bool,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Here {
    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }
}

impl From<Quick> for Here {
    /// The calling thread's own slot.
    #[inline(always)]
    fn from(quick: Quick) -> Self {
        Self {
            slot: quick.slot(),
            borrowed: false,
            not_send: std::marker::PhantomData,
        }
    }
}

impl From<Far> for Here {
    /// The calling thread's own slot.
    #[inline(always)]
    fn from(far: Far) -> Self {
        Self {
            slot: far.slot(),
            borrowed: false,
            not_send: std::marker::PhantomData,
        }
    }
}

impl Drop for Here {
    #[inline(always)]
    fn drop(&mut self) {
        if self.borrowed {
            DOMAIN.release(self.slot);
        }
    }
}

/// The calling thread's slot, if it has one already and that is quick; otherwise nobody's.
#[inline(always)]
pub(crate) fn quick() -> Quick {
    QUICK.get()
}

/// The calling thread's slot, if it has one already and that is [far](Far).
#[inline(always)]
pub(crate) fn far() -> Option<(Far, FarPlace)> {
    FAR.get()
}

/// The short guard that the calling thread is in.
///
/// # Safety
///
/// It was [handed over](TurnGuard::hand_over) by this thread, and is taken over once.
#[inline(always)]
pub(crate) unsafe fn own_turn() -> TurnGuard<'static> {
    // SAFETY: only the slot's owner enters its turn, and keeps the slot inside; the rest is the contract.
    unsafe { OWN.get().unwrap_unchecked().take_over_turn() }
}

#[inline(always)]
pub(crate) fn here() -> Here {
    let quick = quick();
    if std::ptr::eq(quick.slot(), &raw const NOBODY) {
        first()
    } else {
        quick.into()
    }
}

#[cold]
fn first() -> Here {
    if let Some((far, _)) = far() {
        return far.into();
    }
    let own = OWNER.try_with(|owner| owner.0);
    Here {
        slot: own.unwrap_or_else(|_| acquire()),
        borrowed: own.is_err(),
        not_send: std::marker::PhantomData,
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Other tests take and give back slots at the same time, so this only counts roughly.
    #[test]
    fn ended_threads_give_their_slots_back() {
        let id = || std::thread::spawn(|| here().slot().id());
        let ids: HashSet<_> = (0..400).map(|_| id().join().unwrap()).collect();
        assert!(
            ids.len() < 200,
            "{} slots for one thread at a time",
            ids.len()
        );
    }
}
