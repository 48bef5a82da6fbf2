//! Waiting for a flight and leading one: the future, the leadership, the guard. No runtime in here.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use super::flight::{Closing, Flight, FlightError, Outcome, WaitStep, WaiterTicket};
use super::loaded::{IntoLoaded, Loaded};
use super::nesting::{Driven, Edges, LoadScope};
use super::registry::Registry;
use super::source::{FlightKey, LeaseSource, SyncStore};
use crate::sync::{Condvar, Mutex, StdArc};

/// A flight and the registry it is entered in.
pub(crate) struct Membership<K, V, L> {
    pub(crate) registry: StdArc<Registry<K, V, L>>,
    pub(crate) flight: StdArc<Flight<K, V, L>>,
}

impl<K: FlightKey, V, L> Membership<K, V, L> {
    /// Takes the flight's key out of the registry, then wakes.
    fn finish(&self, mut wakers: Vec<Waker>) {
        if cfg!(tux_fault = "load-no-wake") {
            wakers.clear();
        }
        let waking = WakeAll(wakers);
        self.registry.remove(&self.flight);
        drop(waking);
    }

    /// Ends the flight with an outcome that is only made if somebody waits. False: it was over already.
    fn land(&self, outcome: impl FnOnce() -> Outcome<V>) -> bool {
        let mut closing = self.flight.close(None);
        if matches!(closing, Closing::Watched) {
            // Runs `V::clone`: not under the lock. Who joins meanwhile is served too.
            closing = self.flight.close(Some(StdArc::new(outcome())));
        }
        match closing {
            Closing::Closed(wakers) => {
                self.finish(wakers);
                true
            }
            Closing::NotLed | Closing::Watched => false,
        }
    }

    /// The leader goes without a result.
    fn abandon(&self) {
        if cfg!(tux_fault = "load-forget-on-panic") {
            return;
        }
        let (wakers, over) = self.flight.abandon();
        if over {
            self.finish(wakers);
        } else {
            drop(WakeAll(wakers));
        }
    }
}

/// Wakes on drop, so that a panic on the way (in `K::hash`, in one of the wakers) leaves nobody asleep.
struct WakeAll(Vec<Waker>);

impl Drop for WakeAll {
    fn drop(&mut self) {
        while let Some(waker) = self.0.pop() {
            let rest = WakeAll(std::mem::take(&mut self.0));
            waker.wake();
            self.0 = rest.into_inner();
        }
    }
}

impl WakeAll {
    fn into_inner(mut self) -> Vec<Waker> {
        std::mem::take(&mut self.0)
    }
}

/// The right to lead a flight, before its load has begun. Dropped, it passes on (L4).
pub(crate) struct Leadership<K: FlightKey, V, L> {
    membership: Option<Membership<K, V, L>>,
}

impl<K: FlightKey, V, L> Leadership<K, V, L> {
    pub(crate) fn new(membership: Membership<K, V, L>) -> Self {
        Self {
            membership: Some(membership),
        }
    }

    /// Takes the lease: from here on an invalidation overtakes the flight (L5).
    pub(crate) fn begin<S>(mut self, source: &S) -> LeaderGuard<K, V, L>
    where
        S: LeaseSource<K, Lease = L> + ?Sized,
    {
        let membership = self.membership.as_ref().expect("a leadership is used once");
        // `lease` hashes the key, which is user code: if it panics, `self` passes the leadership on.
        let lease = StdArc::new(source.lease(&membership.flight.key));
        membership.flight.begin(StdArc::clone(&lease));
        LeaderGuard {
            membership: self.membership.take().expect("looked at above"),
            lease,
        }
    }
}

impl<K: FlightKey, V, L> Drop for Leadership<K, V, L> {
    fn drop(&mut self) {
        if let Some(membership) = self.membership.take()
            && !cfg!(tux_fault = "load-forget-leadership")
        {
            membership.abandon();
        }
    }
}

/// Leads a flight whose load has begun. Every way out ends the leadership: [`complete`](Self::complete),
/// [`expire`](Self::expire), or a drop (panic, abort, `select!`), which hands over to a waiter (L4).
pub(crate) struct LeaderGuard<K: FlightKey, V, L> {
    membership: Membership<K, V, L>,
    lease: StdArc<L>,
}

impl<K: FlightKey, V, L> LeaderGuard<K, V, L> {
    pub(crate) fn key(&self) -> &K {
        &self.membership.flight.key
    }

    /// The lease taken before the load; asynchronous stores check it themselves around their writes.
    pub(crate) fn lease(&self) -> &L {
        &self.lease
    }

    /// Whether the flight is still this guard's: false once somebody has expired it (L11).
    pub(crate) fn is_current(&self) -> bool {
        self.membership.flight.is_led()
    }

    /// Whether a value loaded under this guard may be published now.
    pub(crate) fn may_publish<S>(&self, source: &S) -> bool
    where
        S: LeaseSource<K, Lease = L> + ?Sized,
    {
        self.is_current() && source.is_valid(&self.lease)
    }

    /// Publishes to a synchronous store, unless the flight was overtaken or has expired.
    pub(crate) fn publish<S>(&self, store: &S, loaded: impl IntoLoaded<V>) -> bool
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
    {
        let loaded = loaded.into_loaded();
        if cfg!(tux_fault = "load-publish-without-lease") {
            return store.publish(&store.lease(self.key()), self.key(), loaded);
        }
        let current = self.is_current() || cfg!(tux_fault = "load-expired-publishes");
        current && store.publish(&self.lease, self.key(), loaded)
    }

    /// While the scope lives, this thread counts as running the flight's loader (T25).
    pub(crate) fn scope(&self) -> LoadScope<'_> {
        LoadScope::enter(std::slice::from_ref(&self.membership.flight.node))
    }

    /// Wraps an asynchronous loader so that each of its polls runs in the flight's scope (T25). A task
    /// that the loader spawns is outside it: if that task joins this flight, only the deadline ends the wait.
    pub(crate) fn drive<F: Future>(&self, load: F) -> Driven<F> {
        Self::drive_all([self], load)
    }

    /// [`drive`](Self::drive) for one loader of several flights.
    pub(crate) fn drive_all<'g, F: Future>(
        guards: impl IntoIterator<Item = &'g Self>,
        load: F,
    ) -> Driven<F>
    where
        Self: 'g,
    {
        let node = |guard: &Self| StdArc::clone(&guard.membership.flight.node);
        Driven::new(guards.into_iter().map(node).collect(), load)
    }

    /// The wait of the caller whose loader this guard's holder runs elsewhere. It is never promoted. `None`:
    /// the flight has expired already.
    pub(crate) fn join(&self) -> Option<JoinFuture<K, V, L>> {
        let ticket = self.membership.flight.join_loader_given()?;
        Some(JoinFuture::new(self.membership.clone(), ticket))
    }

    /// Ends the flight with the loader's result, which goes to all who wait. False: it was over already.
    pub(crate) fn complete<E: Any + Send + Sync>(self, result: Result<V, E>) -> bool {
        self.complete_with(move || result)
    }

    /// The same with a result that is only made (cloned) if somebody waits.
    pub(crate) fn complete_with<E: Any + Send + Sync>(
        self,
        result: impl FnOnce() -> Result<V, E>,
    ) -> bool {
        self.complete_shared(|| result().map_err(StdArc::new))
    }

    /// The same with an error that the leader keeps too.
    pub(crate) fn complete_shared<E: Any + Send + Sync>(
        self,
        result: impl FnOnce() -> Result<V, StdArc<E>>,
    ) -> bool {
        // If `result` panics, the drop hands over.
        self.membership.land(|| match result() {
            Ok(value) => Outcome::Value(value),
            Err(error) => Outcome::Failed(error),
        })
    }

    /// Publishes what the loader made to a synchronous store and ends the flight with it, or with the loader's error; hands both out.
    pub(crate) fn land<S, E>(
        self,
        store: &S,
        result: Result<Loaded<V>, StdArc<E>>,
    ) -> Result<V, StdArc<E>>
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
        V: Clone,
        E: Any + Send + Sync,
    {
        if let Ok(loaded) = &result {
            self.publish(store, loaded.clone());
        }
        let result = result.map(Loaded::into_value);
        self.complete_shared(|| result.clone());
        result
    }

    /// Ends the flight because its time is up (T23); its loader may run on, but publishes nothing (L11).
    pub(crate) fn expire(self) -> bool {
        self.membership.land(|| Outcome::Expired)
    }
}

impl<K: FlightKey, V, L> Drop for LeaderGuard<K, V, L> {
    fn drop(&mut self) {
        // Does nothing to a flight that has landed: those are never led again (L1).
        self.membership.abandon();
    }
}

/// What a waiter got.
pub(crate) enum Joined<K: FlightKey, V, L> {
    /// The flight's value, or why there is none.
    Done(Result<V, FlightError>),
    /// The leader went away; this waiter leads now, with its own loader.
    Promoted(Leadership<K, V, L>),
}

/// A place among a flight's waiters. Dropping it leaves the flight and disturbs nobody (L7, T24).
pub(crate) struct JoinFuture<K: FlightKey, V, L> {
    membership: Option<Membership<K, V, L>>,
    ticket: WaiterTicket,
    edges: Option<Edges>,
}

impl<K: FlightKey, V, L> JoinFuture<K, V, L> {
    pub(crate) fn new(membership: Membership<K, V, L>, ticket: WaiterTicket) -> Self {
        let edges = Edges::to(&membership.flight.node).ok();
        Self {
            membership: Some(membership),
            ticket,
            edges,
        }
    }

    /// Whether waiting here would close a cycle of loads, so that the caller must not (L8).
    pub(crate) fn is_nested(&self) -> bool {
        self.edges.is_none()
    }

    /// Ends the flight for everybody, because this waiter has waited as long as a load may take. The only
    /// way out when the leader itself is stuck in blocking code (T23). If another leader has begun since
    /// this waiter joined, only this waiter leaves.
    pub(crate) fn expire(self) {
        let Some(membership) = &self.membership else {
            return;
        };
        if let Closing::Closed(wakers) = membership.flight.expire(self.ticket) {
            membership.finish(wakers);
        }
    }
}

impl<K: FlightKey, V: Clone, L> JoinFuture<K, V, L> {
    /// Waits by parking this thread.
    pub(crate) fn wait(mut self) -> Joined<K, V, L> {
        let parker = StdArc::new(Parker::new());
        let waker = Waker::from(StdArc::clone(&parker));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(joined) => return joined,
                Poll::Pending => parker.park(),
            }
        }
    }
}

// No field is ever pinned.
impl<K: FlightKey, V, L> Unpin for JoinFuture<K, V, L> {}

impl<K: FlightKey, V: Clone, L> Future for JoinFuture<K, V, L> {
    type Output = Joined<K, V, L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = self.ticket;
        let membership = self.membership.as_ref().expect("polled after it was ready");
        let Poll::Ready(step) = membership.flight.poll(ticket, cx.waker()) else {
            return Poll::Pending;
        };
        let membership = self.membership.take().expect("looked at above");
        self.edges = None;
        Poll::Ready(match step {
            WaitStep::Landed(outcome) => {
                let shared = outcome.share();
                // While `shared` is a local: a return value is leaked if a drop panics after it was written
                // (rust-lang/rust#47949), and these may run `V::drop` and `K::drop`.
                drop(outcome);
                drop(membership);
                Joined::Done(shared)
            }
            WaitStep::Claimed => Joined::Promoted(Leadership::new(membership)),
            WaitStep::Orphaned => Joined::Done(Err(FlightError::Abandoned)),
        })
    }
}

impl<K: FlightKey, V, L> Drop for JoinFuture<K, V, L> {
    fn drop(&mut self) {
        let Some(membership) = self.membership.take() else {
            return;
        };
        if let Closing::Closed(wakers) = membership.flight.leave(self.ticket) {
            membership.finish(wakers);
        }
    }
}

impl<K, V, L> Clone for Membership<K, V, L> {
    fn clone(&self) -> Self {
        Self {
            registry: StdArc::clone(&self.registry),
            flight: StdArc::clone(&self.flight),
        }
    }
}

impl<K: FlightKey, V, L> fmt::Debug for LeaderGuard<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderGuard").finish_non_exhaustive()
    }
}

/// Parks one thread until its waker is called.
struct Parker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self {
            woken: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    fn park(&self) {
        let mut woken = self.woken.lock().unwrap_or_else(|bad| bad.into_inner());
        while !*woken {
            woken = self
                .changed
                .wait(woken)
                .unwrap_or_else(|bad| bad.into_inner());
        }
        *woken = false;
    }
}

impl Wake for Parker {
    fn wake(self: StdArc<Self>) {
        *self.woken.lock().unwrap_or_else(|bad| bad.into_inner()) = true;
        self.changed.notify_one();
    }
}
