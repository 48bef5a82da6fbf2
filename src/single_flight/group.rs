//! Key → flight: who leads, who waits, who must load alone.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::flight::{Flight, FlightError, Joining};
use super::join::{JoinFuture, Joined, LeaderGuard, Leadership, Membership};
use super::loaded::Loaded;
use super::registry::Registry;
use super::source::{FlightKey, LeaseSource, SyncStore};
use crate::sync::{PerProcess, StdArc};

/// After this many flights that gave a waiter nothing it can use (another error type, an expiry), it loads
/// by itself instead of joining once more: no serial convoy (T22).
pub(super) const USELESS_FLIGHTS: usize = 2;

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
        self.fetch(store, key, || load().map(Loaded::new))
    }

    /// The same for a loader that says how long its value is to be kept.
    pub(crate) fn fetch<S, E>(
        &self,
        store: &S,
        key: K,
        load: impl FnOnce() -> Result<Loaded<V>, E>,
    ) -> Result<V, StdArc<E>>
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
        E: Send + Sync + 'static,
    {
        for _ in 0..USELESS_FLIGHTS {
            let joined = match self.enter(store, &key) {
                FlightArrival::Lead(leadership) => return lead(store, leadership, load),
                FlightArrival::Nested => {
                    return load().map(Loaded::into_value).map_err(StdArc::new);
                }
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
        let loaded = load().map_err(StdArc::new)?;
        store.publish(&lease, &key, loaded.clone());
        drop((key, lease));
        Ok(loaded.into_value())
    }

    /// The asynchronous form for one key; see [`share_many`](Self::share_many).
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
        let start = |mut guards: Vec<_>| start(guards.pop().expect("one key, one guard"));
        let keys = [key];
        match self.share_many(source, &keys, start, deadline).await {
            None => FetchOutcome::Nested,
            Some(mut ended) => match ended.pop().flatten() {
                Some(result) => result.into(),
                None => FetchOutcome::Failed(FlightError::Abandoned),
            },
        }
    }

    /// The asynchronous form: joins the flights of `keys`, each of which comes once, starts those that nobody has
    /// started, and waits for them all. What became of each key, in their order; `None` for one that was not waited for
    /// any more, because another's time was up or the caller's own leader went away. `None` for all: see
    /// [`FlightArrival::Nested`]; nothing was started.
    ///
    /// `start` is called at most once, and must hand the guards to a task of its own that drives the loader
    /// ([`LeaderGuard::drive`]), publishes, and ends the flights; so this caller may be dropped at any time
    /// without harm to the others (T20, T24). `deadline` makes a timer for one load; when it is ready first,
    /// the flight ends for all who wait for that load (T23). The task should end its flights by the same
    /// limit ([`LeaderGuard::expire`]), so that this one acts only when a leader is stuck.
    pub(crate) async fn share_many<S, D>(
        &self,
        source: &S,
        keys: &[K],
        start: impl FnOnce(Vec<LeaderGuard<K, V, L>>),
        deadline: impl Fn() -> D,
    ) -> Option<Vec<Ended<V>>>
    where
        S: LeaseSource<K, Lease = L> + ?Sized,
        D: Future<Output = ()>,
    {
        let (mut led, mut joins) = (Vec::new(), Vec::new());
        for (at, key) in keys.iter().enumerate() {
            match self.enter(source, key) {
                FlightArrival::Lead(leadership) => led.push((at, leadership)),
                FlightArrival::Wait(join) => joins.push((at, join)),
                // Leaderships and joins go, which passes them on.
                FlightArrival::Nested => return None,
            }
        }
        let mut ended: Vec<_> = keys.iter().map(|_| None).collect();
        let mut start = Some(start);
        loop {
            if start.is_some() {
                let guards = begin(source, led, &mut joins, &mut ended);
                if !guards.is_empty()
                    && let Some(start) = start.take()
                {
                    start(guards);
                }
            } else {
                // The loader is given away already: the leaderships pass on.
                for (at, _) in led {
                    ended[at] = Some(Err(FlightError::Abandoned));
                }
            }
            if joins.is_empty() {
                return Some(ended);
            }
            // Leaders may have gone away whose keys only this caller is left to load.
            led = wait_all(joins, deadline(), &mut ended).await;
            joins = Vec::new();
        }
    }
}

type Ended<V> = Option<Result<V, FlightError>>;
/// One of several keys, by its place among them, and what the caller holds of it.
type Placed<T> = Vec<(usize, T)>;

/// Begins to lead, and joins what is led.
fn begin<K: FlightKey, V, L, S>(
    source: &S,
    led: Placed<Leadership<K, V, L>>,
    joins: &mut Placed<JoinFuture<K, V, L>>,
    ended: &mut [Ended<V>],
) -> Vec<LeaderGuard<K, V, L>>
where
    S: LeaseSource<K, Lease = L> + ?Sized,
{
    let mut guards = Vec::with_capacity(led.len());
    for (at, leadership) in led {
        let guard = leadership.begin(source);
        match guard.join() {
            Some(join) => {
                joins.push((at, join));
                guards.push(guard);
            }
            None => ended[at] = Some(Err(FlightError::Expired)),
        }
    }
    guards
}

/// Waits for the flights, one after the other, or until the deadline, which ends the one that is waited for. Hands back
/// the leaderships of those whose leader went away.
async fn wait_all<K: FlightKey, V: Clone, L>(
    joins: Placed<JoinFuture<K, V, L>>,
    deadline: impl Future<Output = ()>,
    ended: &mut [Ended<V>],
) -> Placed<Leadership<K, V, L>> {
    let mut deadline = pin!(deadline);
    let mut orphans = Vec::new();
    for (at, mut join) in joins {
        let joined = poll_fn(|cx| {
            if let Poll::Ready(joined) = Pin::new(&mut join).poll(cx) {
                return Poll::Ready(Some(joined));
            }
            deadline.as_mut().poll(cx).map(|()| None)
        })
        .await;
        let result = match joined {
            Some(Joined::Promoted(leadership)) => {
                orphans.push((at, leadership));
                continue;
            }
            Some(Joined::Done(result)) => result,
            None => {
                join.expire();
                ended[at] = Some(Err(FlightError::Expired));
                break;
            }
        };
        let abandoned = matches!(result, Err(FlightError::Abandoned));
        ended[at] = Some(result);
        if abandoned {
            break;
        }
    }
    orphans
}

/// Leads a flight on this thread.
fn lead<K, V, L, E, S>(
    store: &S,
    leadership: Leadership<K, V, L>,
    load: impl FnOnce() -> Result<Loaded<V>, E>,
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
    guard.land(store, result)
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
