//! Key → flight: who leads, who waits, who must load alone.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::flight::{Flight, FlightError, Joining};
use super::join::{JoinFuture, Joined, LeaderGuard, Leadership, Membership};
use super::registry::Registry;
use super::source::{FlightKey, LeaseSource, SyncStore};
use crate::sync::{PerProcess, StdArc};

/// After this many flights that gave a waiter nothing it can use (another error type, an expiry), it loads
/// by itself instead of joining once more: no serial convoy (T22).
const USELESS_FLIGHTS: usize = 2;

/// One flight per key. Cloning gives another handle to the same group.
pub(crate) struct Group<K, V, L> {
    /// A child of `fork` has one of its own (L12).
    registry: StdArc<PerProcess<SharedRegistry<K, V, L>>>,
}

type SharedRegistry<K, V, L> = StdArc<Registry<K, V, L>>;

/// What a caller found when it came.
pub(crate) enum FlightArrival<K: FlightKey, V, L> {
    /// Nobody loads this key: the caller does.
    Lead(Leadership<K, V, L>),
    /// A flight is under way.
    Wait(JoinFuture<K, V, L>),
    /// Waiting would wait for itself: the caller is inside the loader that it would wait for. It runs its
    /// own loader and keeps the result out of the cache.
    Nested,
}

/// What an asynchronous caller got.
#[derive(Debug)]
pub(crate) enum FetchOutcome<V> {
    Value(V),
    Failed(FlightError),
    /// See [`FlightArrival::Nested`]; the loader was not started.
    Nested,
}

impl<V> From<Result<V, FlightError>> for FetchOutcome<V> {
    fn from(result: Result<V, FlightError>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Failed(error),
        }
    }
}

impl<K, V, L> Group<K, V, L> {
    pub(crate) fn new() -> Self {
        Self {
            registry: StdArc::new(PerProcess::new(|| StdArc::new(Registry::new()))),
        }
    }
}

impl<K: FlightKey, V, L> Group<K, V, L> {
    /// How many keys have a flight now; 0 at rest (L10).
    pub(crate) fn len(&self) -> usize {
        self.registry.get().len()
    }

    /// How many wait for this key's flight now.
    #[cfg(test)]
    pub(crate) fn waiting(&self, key: &K) -> usize {
        self.registry
            .get()
            .get(key)
            .map_or(0, |flight| flight.waiting())
    }

    /// Joins the flight of `key`, or starts one.
    pub(crate) fn enter<S>(&self, source: &S, key: &K) -> FlightArrival<K, V, L>
    where
        S: LeaseSource<K, Lease = L> + ?Sized,
    {
        let registry = self.registry.get();
        let mut present = registry.get(key);
        loop {
            if let Some(flight) = &present {
                match flight.try_join(|lease| source.is_valid(lease)) {
                    Joining::Waiting(ticket) => {
                        let join = JoinFuture::new(self.membership(flight), ticket);
                        return if join.is_nested() {
                            FlightArrival::Nested
                        } else {
                            FlightArrival::Wait(join)
                        };
                    }
                    Joining::Claimed => {
                        return FlightArrival::Lead(Leadership::new(self.membership(flight)));
                    }
                    Joining::Refused => {}
                }
            }
            // None, or one that is over or overtaken: start afresh in its place.
            let mine = StdArc::new(Flight::new(key.clone()));
            match registry.enter(&mine, present.as_ref()) {
                Ok(()) => return FlightArrival::Lead(Leadership::new(self.membership(&mine))),
                Err(other) => present = Some(other),
            }
        }
    }

    fn membership(&self, flight: &StdArc<Flight<K, V, L>>) -> Membership<K, V, L> {
        Membership {
            registry: StdArc::clone(self.registry.get()),
            flight: StdArc::clone(flight),
        }
    }
}

impl<K: FlightKey, V: Clone, L> Group<K, V, L> {
    /// The value of `key`, loaded once however many threads ask; for callers whose own look-up has missed.
    ///
    /// Blocks while another caller loads the same key. A panic in `load` unwinds this caller only.
    pub(crate) fn get_or_fetch<S>(&self, store: &S, key: K, load: impl FnOnce() -> V) -> V
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
    {
        match self.try_get_or_fetch(store, key, || Ok::<V, Infallible>(load())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The same for a loader that may fail: its error goes to those who waited with the same error type, and
    /// is never kept (L6). A waiter with another error type starts afresh.
    pub(crate) fn try_get_or_fetch<S, E>(
        &self,
        store: &S,
        key: K,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
        E: Clone + Send + Sync + 'static,
    {
        self.try_get_or_fetch_shared(store, key, load)
            .map_err(StdArc::unwrap_or_clone)
    }

    /// The same, its error handed out as it is shared.
    pub(crate) fn try_get_or_fetch_shared<S, E>(
        &self,
        store: &S,
        key: K,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, StdArc<E>>
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
        E: Send + Sync + 'static,
    {
        for _ in 0..USELESS_FLIGHTS {
            let joined = match self.enter(store, &key) {
                FlightArrival::Lead(leadership) => return lead(store, leadership, load),
                FlightArrival::Nested => return load().map_err(StdArc::new),
                FlightArrival::Wait(join) => join.wait(),
            };
            match joined {
                Joined::Promoted(leadership) => return lead(store, leadership, load),
                Joined::Done(Ok(value)) => {
                    // Before the value is returned: a panic in their drops would leak it (rust-lang/rust#47949).
                    drop((key, load));
                    return Ok(value);
                }
                Joined::Done(Err(error)) => {
                    if let Some(error) = error.downcast::<E>() {
                        return Err(error);
                    }
                }
            }
        }
        let lease = store.lease(&key);
        if let Some(value) = store.peek(&key) {
            drop((key, load, lease));
            return Ok(value);
        }
        let value = load().map_err(StdArc::new)?;
        store.publish(&lease, &key, value.clone());
        drop((key, lease));
        Ok(value)
    }

    /// The asynchronous form: joins the flight of `key`, or starts one with `start` and waits for it too.
    ///
    /// `start` is called at most once, and must hand the guard to a task of its own that drives the loader
    /// ([`LeaderGuard::drive`]), publishes, and ends the flight; so this caller may be dropped at any time
    /// without harm to the others (T20, T24). `deadline` makes a timer for one load; when it is ready first,
    /// the flight ends for all who wait for that load (T23). The task should end its flight by the same
    /// limit ([`LeaderGuard::expire`]), so that this one acts only when a leader is stuck.
    pub(crate) async fn share<S, D>(
        &self,
        source: &S,
        key: K,
        start: impl FnOnce(LeaderGuard<K, V, L>),
        deadline: impl Fn() -> D,
    ) -> FetchOutcome<V>
    where
        S: LeaseSource<K, Lease = L> + ?Sized,
        D: Future<Output = ()>,
    {
        let leadership = match self.enter(source, &key) {
            FlightArrival::Nested => return FetchOutcome::Nested,
            FlightArrival::Lead(leadership) => leadership,
            FlightArrival::Wait(join) => match join_until(join, deadline()).await {
                Joined::Done(result) => return result.into(),
                Joined::Promoted(leadership) => leadership,
            },
        };
        let guard = leadership.begin(source);
        let Some(own) = guard.join() else {
            return FetchOutcome::Failed(FlightError::Expired);
        };
        start(guard);
        match join_until(own, deadline()).await {
            Joined::Done(result) => result.into(),
            // Its loader is given away, so it is never promoted; if it were, the drop would pass the leadership on.
            Joined::Promoted(_) => FetchOutcome::Failed(FlightError::Abandoned),
        }
    }
}

/// Waits for the flight or the deadline; the deadline ends the flight.
async fn join_until<K: FlightKey, V: Clone, L>(
    join: JoinFuture<K, V, L>,
    deadline: impl Future<Output = ()>,
) -> Joined<K, V, L> {
    let mut deadline = pin!(deadline);
    let mut join = Some(join);
    poll_fn(move |cx| {
        let waiting = join.as_mut().expect("not polled after it was ready");
        if let Poll::Ready(joined) = Pin::new(waiting).poll(cx) {
            return Poll::Ready(joined);
        }
        if deadline.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(join) = join.take() {
            join.expire();
        }
        Poll::Ready(Joined::Done(Err(FlightError::Expired)))
    })
    .await
}

/// Leads a flight on this thread.
fn lead<K, V, L, E, S>(
    store: &S,
    leadership: Leadership<K, V, L>,
    load: impl FnOnce() -> Result<V, E>,
) -> Result<V, StdArc<E>>
where
    K: FlightKey,
    V: Clone,
    E: Send + Sync + 'static,
    S: SyncStore<K, V, Lease = L> + ?Sized,
{
    let guard = leadership.begin(store);
    // The flight before this one may have published between the caller's look-up and now (L2).
    if !cfg!(tux_fault = "load-no-second-look")
        && let Some(value) = store.peek(guard.key())
    {
        guard.complete_with(|| Ok::<V, E>(value.clone()));
        return Ok(value);
    }
    let result = {
        let _scope = guard.scope();
        load().map_err(StdArc::new)
    };
    if let Ok(value) = &result {
        guard.publish(store, value.clone());
    }
    guard.complete_shared(|| result.clone());
    result
}

impl<K, V, L> Clone for Group<K, V, L> {
    fn clone(&self) -> Self {
        Self {
            registry: StdArc::clone(&self.registry),
        }
    }
}

impl<K, V, L> fmt::Debug for Group<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").finish_non_exhaustive()
    }
}
