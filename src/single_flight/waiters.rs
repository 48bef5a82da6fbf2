//! The waiters of one flight: a small slab, so that joining, waking and leaving are O(1).

use std::task::Waker;

/// Whether a waiter may take over a flight whose leader went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It still has its own loader.
    Able,
    /// It gave its loader to the leader (the leader's own caller).
    Spent,
    /// A spent waiter whose leader is gone: it gets no value from this flight any more.
    Lost,
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
    able: usize,
}

impl Waiters {
    /// Adds a waiter that has not been polled yet; O(1) amortised.
    pub(crate) fn add(&mut self, role: Role) -> usize {
        self.able += usize::from(role == Role::Able);
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
        self.able -= usize::from(waiter.role == Role::Able);
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

    /// Turns every spent waiter into a lost one: the leader that held its loader is gone.
    pub(crate) fn lose_spent(&mut self) {
        for waiter in self.slots.iter_mut().flatten() {
            if waiter.role == Role::Spent {
                waiter.role = Role::Lost;
            }
        }
    }

    /// Whether some waiter could take over.
    pub(crate) fn any_able(&self) -> bool {
        self.able > 0
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
