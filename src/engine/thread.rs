//! The calling thread's slot in the process-wide reclamation domain.

use super::reclaim::{Domain, Guard, Slot, membarrier};
use crate::sync::thread_local;
use std::cell::Cell;

pub(crate) static DOMAIN: Domain = Domain::new(membarrier::is_available);

/// Gives the slot back when the thread ends.
struct Owner(&'static Slot);

impl Drop for Owner {
    fn drop(&mut self) {
        QUICK.set(None);
        DOMAIN.release(self.0);
    }
}

thread_local! {
    /// The thread's slot, if it is a quick one. No destructor, so it can be read at any time of a thread's life for the
    /// price of one load.
    static QUICK: Cell<Option<Quick>> = const { Cell::new(None) };
    static OWNER: Owner = {
        let slot = DOMAIN.acquire();
        QUICK.set(Quick::of(slot));
        Owner(slot)
    };
}

/// The calling thread's slot; a borrowed one where thread-local destructors already run.
pub(crate) struct Here {
    slot: &'static Slot,
    borrowed: bool,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Here {
    /// The slot of an ended thread, to be given back.
    pub(crate) fn adopted(slot: &'static Slot) -> Self {
        Self {
            slot,
            borrowed: true,
            not_send: std::marker::PhantomData,
        }
    }

    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
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

/// A slot that needs no fence and whose number is below [`QUICK_SLOTS`]: known once, so that hits need not look.
#[derive(Clone, Copy)]
pub(crate) struct Quick(&'static Slot);

/// How many slots can be quick.
pub(crate) const QUICK_SLOTS: usize = 128;

impl Quick {
    fn of(slot: &'static Slot) -> Option<Self> {
        (slot.is_light() && slot.id() < QUICK_SLOTS).then_some(Self(slot))
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

/// The calling thread's slot, if it has one already and that is quick.
#[inline(always)]
pub(crate) fn quick() -> Option<Quick> {
    QUICK.get()
}

#[inline(always)]
pub(crate) fn here() -> Here {
    match quick() {
        Some(Quick(slot)) => Here {
            slot,
            borrowed: false,
            not_send: std::marker::PhantomData,
        },
        None => first(),
    }
}

#[cold]
fn first() -> Here {
    let own = OWNER.try_with(|owner| owner.0);
    Here {
        slot: own.unwrap_or_else(|_| DOMAIN.acquire()),
        borrowed: own.is_err(),
        not_send: std::marker::PhantomData,
    }
}
