//! The state machine of one flight (diagram and invariants L1–L11 in the module above).
//!
//! One mutex guards stage and waiters; its critical sections are a few instructions long and run no user
//! code (L9). Whatever a section displaces — wakers, leases, outcomes — is handed out and dropped after it.

use std::any::Any;
use std::fmt;
use std::task::{Poll, Waker};

use super::nesting::WaitNode;
use super::waiters::{Role, Waiters};
use crate::sync::{Mutex, MutexGuard, StdArc, process_number};

/// How a flight ended, kept only until its last waiter has collected it.
pub(crate) enum Outcome<V> {
    Value(V),
    Failed(StdArc<dyn Any + Send + Sync>),
    Expired,
}

/// Why a waiter got no value.
#[derive(Clone, Debug)]
pub(crate) enum FlightError {
    /// The loader failed; the error is shared by all who waited (see [`FlightError::downcast`]).
    Failed(StdArc<dyn Any + Send + Sync>),
    /// The flight's time was up before its loader returned.
    Expired,
    /// The leader that held this caller's loader went away without a result: it panicked or was aborted.
    Abandoned,
}

impl FlightError {
    /// The loader's error, if it failed and its error is an `E`.
    pub(crate) fn downcast<E: Send + Sync + 'static>(&self) -> Option<StdArc<E>> {
        match self {
            Self::Failed(error) => StdArc::clone(error).downcast().ok(),
            Self::Expired | Self::Abandoned => None,
        }
    }
}

impl<V: Clone> Outcome<V> {
    /// A waiter's own copy. Runs `V::clone`, so never under the flight's lock.
    pub(crate) fn share(&self) -> Result<V, FlightError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Failed(error) => Err(FlightError::Failed(StdArc::clone(error))),
            Self::Expired => Err(FlightError::Expired),
        }
    }
}

enum Stage<V, L> {
    /// A leader is at work. Without a lease its load has not begun, so whoever comes may still join.
    Led(Option<StdArc<L>>),
    /// The leader went away; the first waiter with a loader (or newcomer) to touch the flight leads on.
    Orphaned,
    /// Over. The outcome stays while a waiter has still to collect it.
    Landed(Option<StdArc<Outcome<V>>>),
}

struct FlightState<V, L> {
    stage: Stage<V, L>,
    /// Counts the leaders, so that a waiter ends nobody's load but the one it has waited for.
    term: u64,
    waiters: Waiters,
}

impl<V, L> FlightState<V, L> {
    /// A new leader takes an orphaned flight. It has no lease yet.
    fn lead(&mut self) {
        if !cfg!(tux_fault = "load-claim-keeps-orphan") {
            self.stage = Stage::Led(None);
        }
        self.term += 1;
    }

    fn add(&mut self, role: Role) -> WaiterTicket {
        WaiterTicket {
            slot: self.waiters.add(role),
            term: self.term,
        }
    }
}

/// One load of one key, and those who wait for it.
pub(crate) struct Flight<K, V, L> {
    pub(crate) key: K,
    pub(crate) node: StdArc<WaitNode>,
    /// The process that it flies in.
    process: u32,
    inner: Mutex<FlightState<V, L>>,
}

/// A waiter's place: its slot, and the leader it found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaiterTicket {
    slot: usize,
    term: u64,
}

/// What became of an attempt to join.
pub(crate) enum Joining {
    /// Registered.
    Waiting(WaiterTicket),
    /// The flight had no leader: the newcomer is it now.
    Claimed,
    /// Over or overtaken: start another flight.
    Refused,
}

/// What a waiter found when it looked.
pub(crate) enum WaitStep<V> {
    /// The flight is over; the waiter has left it.
    Landed(StdArc<Outcome<V>>),
    /// The waiter leads now; it has left the list.
    Claimed,
    /// The leader with this waiter's loader is gone; the waiter has left.
    Orphaned,
}

/// What an attempt to end a flight found.
pub(crate) enum Closing {
    /// The flight goes on as it was, or was over already.
    NotLed,
    /// Somebody waits and no outcome was given; nothing changed.
    Watched,
    /// Over: these are to be woken, and the key is to be taken out of the registry.
    Closed(Vec<Waker>),
}

impl<K, V, L> Flight<K, V, L> {
    /// A flight whose creator leads it and has not begun to load.
    pub(crate) fn new(key: K) -> Self {
        Self {
            key,
            node: StdArc::new(WaitNode::new()),
            process: process_number(),
            inner: Mutex::new(FlightState {
                stage: Stage::Led(None),
                term: 0,
                waiters: Waiters::default(),
            }),
        }
    }

    /// It was begun before a `fork` that made this process: of all who had to do with it only the calling thread has come
    /// along, and the lock may be held for ever (L12).
    fn is_foreign(&self) -> bool {
        self.process != process_number()
    }

    /// Nothing in a critical section panics, and if it did, each leaves a state that is whole.
    fn lock(&self) -> MutexGuard<'_, FlightState<V, L>> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Joins as a waiter with a loader, unless the flight is over or `is_valid` denies its lease (L5).
    ///
    /// Validity is asked under the lock: a caller that began after an invalidation returned sees the
    /// lease void, and one that is registered here began before.
    pub(crate) fn try_join(&self, is_valid: impl FnOnce(&L) -> bool) -> Joining {
        if self.is_foreign() {
            return Joining::Refused;
        }
        let mut inner = self.lock();
        match &inner.stage {
            Stage::Led(None) => {}
            Stage::Led(Some(lease))
                if is_valid(lease) || cfg!(tux_fault = "load-join-ignores-lease") => {}
            Stage::Orphaned => {
                inner.lead();
                return Joining::Claimed;
            }
            Stage::Led(Some(_)) | Stage::Landed(_) => return Joining::Refused,
        }
        Joining::Waiting(inner.add(Role::WithLoader))
    }

    /// Registers the caller whose loader the leader runs. `None`: the flight is over already.
    pub(crate) fn join_loader_given(&self) -> Option<WaiterTicket> {
        if self.is_foreign() {
            return None;
        }
        let mut inner = self.lock();
        match inner.stage {
            Stage::Led(_) if cfg!(tux_fault = "load-promote-without-loader") => {
                Some(inner.add(Role::WithLoader))
            }
            Stage::Led(_) => Some(inner.add(Role::LoaderGiven)),
            Stage::Orphaned | Stage::Landed(_) => None,
        }
    }

    /// The leader has taken its lease: from here on joining depends on it.
    pub(crate) fn begin(&self, lease: StdArc<L>) {
        if self.is_foreign() {
            return;
        }
        let mut inner = self.lock();
        if let Stage::Led(held) = &mut inner.stage {
            *held = Some(lease);
        }
        // Else a waiter ended the flight meanwhile; `lease` is dropped by the caller's frame.
    }

    /// How many wait now.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiters.len()
    }

    /// Whether the flight still has its leader, that is, whether the holder of the guard is it.
    pub(crate) fn is_led(&self) -> bool {
        self.is_foreign() || matches!(self.lock().stage, Stage::Led(_))
    }

    /// A waiter looks, and notes whom to wake if there is nothing yet.
    pub(crate) fn poll(&self, ticket: WaiterTicket, waker: &Waker) -> Poll<WaitStep<V>> {
        if self.is_foreign() {
            return Poll::Ready(WaitStep::Orphaned);
        }
        // Cloned before and dropped after the lock: wakers are user code. (Locals drop in reverse order.)
        let fresh = waker.clone();
        let _displaced;
        let mut guard = self.lock();
        let inner = &mut *guard;
        let slot = ticket.slot;
        let role = inner.waiters.role(slot);
        let step = match &mut inner.stage {
            _ if role == Some(Role::Orphaned) => WaitStep::Orphaned,
            Stage::Landed(Some(outcome)) => WaitStep::Landed(StdArc::clone(outcome)),
            Stage::Orphaned if role == Some(Role::WithLoader) => {
                inner.lead();
                WaitStep::Claimed
            }
            Stage::Led(_) | Stage::Orphaned | Stage::Landed(None) => {
                debug_assert!(!matches!(inner.stage, Stage::Landed(_)), "L3: outcome gone");
                if cfg!(tux_fault = "load-late-waker") {
                    drop(guard);
                    _displaced = self.lock().waiters.set_waker(slot, fresh);
                    return Poll::Pending;
                }
                _displaced = inner.waiters.set_waker(slot, fresh);
                return Poll::Pending;
            }
        };
        _displaced = inner.waiters.remove(slot);
        if inner.waiters.is_empty()
            && let Stage::Landed(outcome) = &mut inner.stage
        {
            // The waiter holds a share in it, so this drops no value under the lock.
            *outcome = None;
        }
        Poll::Ready(step)
    }

    /// A waiter goes without its result (L7). That ends the flight if it was orphaned and nobody is left who
    /// could lead.
    pub(crate) fn leave(&self, ticket: WaiterTicket) -> Closing {
        if self.is_foreign() {
            return Closing::NotLed;
        }
        let _displaced;
        let _outcome;
        let mut guard = self.lock();
        let inner = &mut *guard;
        _displaced = inner.waiters.remove(ticket.slot);
        match &mut inner.stage {
            Stage::Orphaned
                if !inner.waiters.any_with_loader() && !cfg!(tux_fault = "load-cancel-strands") =>
            {
                // Whoever still waits is orphaned and needs no outcome.
                inner.stage = Stage::Landed(None);
                Closing::Closed(inner.waiters.take_wakers())
            }
            Stage::Landed(outcome) if inner.waiters.is_empty() => {
                _outcome = outcome.take();
                Closing::NotLed
            }
            _ => Closing::NotLed,
        }
    }

    /// Ends a led flight. Without an outcome it does so only if nobody waits: then none has to be made.
    pub(crate) fn close(&self, outcome: Option<StdArc<Outcome<V>>>) -> Closing {
        self.close_if(outcome, |_| true)
    }

    /// Ends the flight because this waiter has waited long enough, unless another leader has begun meanwhile.
    pub(crate) fn expire(&self, ticket: WaiterTicket) -> Closing {
        let outcome = StdArc::new(Outcome::Expired);
        self.close_if(Some(outcome), |term| {
            term == ticket.term || cfg!(tux_fault = "load-expire-any-term")
        })
    }

    fn close_if(
        &self,
        outcome: Option<StdArc<Outcome<V>>>,
        wanted: impl FnOnce(u64) -> bool,
    ) -> Closing {
        if self.is_foreign() {
            return Closing::NotLed;
        }
        // The lease and an outcome nobody wants are dropped after the lock.
        let _lease;
        let mut outcome = outcome;
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Stage::Led(held) = &mut inner.stage else {
            return Closing::NotLed;
        };
        if !wanted(inner.term) {
            return Closing::NotLed;
        }
        let watched = !inner.waiters.is_empty();
        if watched && outcome.is_none() {
            return Closing::Watched;
        }
        _lease = held.take();
        inner.stage = Stage::Landed(if watched { outcome.take() } else { None });
        Closing::Closed(inner.waiters.take_wakers())
    }

    /// The leader went without a result (L4). All waiters are woken: whichever is polled first leads on,
    /// so that a waiter that is alive but not polled holds nobody up (T21). The second value says whether
    /// the flight is over, because nobody is left who could lead.
    pub(crate) fn abandon(&self) -> (Vec<Waker>, bool) {
        if self.is_foreign() {
            return (Vec::new(), false);
        }
        let _lease;
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Stage::Led(held) = &mut inner.stage else {
            return (Vec::new(), false);
        };
        _lease = held.take();
        inner.waiters.orphan_loader_given();
        let over = !inner.waiters.any_with_loader();
        inner.stage = if over {
            Stage::Landed(None)
        } else {
            Stage::Orphaned
        };
        (inner.waiters.take_wakers(), over)
    }
}

impl<K, V, L> fmt::Debug for Flight<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}
