//! The waiters of one flight: a small slab, so that joining, waking and leaving are O(1).

use std::task::Waker;

/// Whether a waiter may take over a flight whose leader went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It still has its own loader.
    WithLoader,
    /// It gave its loader to the leader (the leader's own caller).
    LoaderGiven,
    /// A waiter without a loader whose leader is gone: it gets no value from this flight any more.
    Orphaned,
}

struct Waiter {
    role: Role,
    waker: Option<Waker>,
}

/// Waiters by slot number. Nothing in here runs user code: wakers are handed in and out whole.
#[derive(Default)]
pub(crate) struct Waiters {
    slots: Vec<Option<Waiter>>,
    free: Vec<usize>,
    with_loader: usize,
}

impl Waiters {
    /// Adds a waiter that has not been polled yet; O(1) amortised.
    pub(crate) fn add(&mut self, role: Role) -> usize {
        self.with_loader += usize::from(role == Role::WithLoader);
        let waiter = Some(Waiter { role, waker: None });
        if let Some(slot) = self.free.pop() {
            self.slots[slot] = waiter;
            slot
        } else {
            self.slots.push(waiter);
            self.slots.len() - 1
        }
    }

    /// Takes a waiter out and hands back its waker, to be dropped outside the lock.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<Waker> {
        let waiter = self.slots[slot].take()?;
        self.with_loader -= usize::from(waiter.role == Role::WithLoader);
        self.free.push(slot);
        waiter.waker
    }

    /// The role of a waiter that is still in.
    pub(crate) fn role(&self, slot: usize) -> Option<Role> {
        self.slots[slot].as_ref().map(|waiter| waiter.role)
    }

    /// Notes whom to wake, and hands back the waker noted before.
    pub(crate) fn set_waker(&mut self, slot: usize, waker: Waker) -> Option<Waker> {
        self.slots[slot].as_mut()?.waker.replace(waker)
    }

    /// Every waker noted; each waiter notes a new one when it is polled again.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.slots
            .iter_mut()
            .flatten()
            .filter_map(|waiter| waiter.waker.take())
            .collect()
    }

    /// Orphans every waiter that gave its loader away: the leader that held it is gone.
    pub(crate) fn orphan_loader_given(&mut self) {
        for waiter in self.slots.iter_mut().flatten() {
            if waiter.role == Role::LoaderGiven {
                waiter.role = Role::Orphaned;
            }
        }
    }

    /// Whether some waiter could take over.
    pub(crate) fn any_with_loader(&self) -> bool {
        self.with_loader > 0
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }
}
