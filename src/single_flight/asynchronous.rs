//! Loads whose leader polls its own loader, without a runtime: the asynchronous form for synchronous stores.
//!
//! Stages and waiters are those of the synchronous form, whose callers meet these in the same flights; a leader that is dropped goes as one
//! that panics does (L4). No guard of a store and no lock is held while a future waits: stores are called between the waits.

use std::future::Future;

use super::group::{FlightArrival, Group, USELESS_FLIGHTS};
use super::join::{Joined, Leadership};
use super::loaded::Loaded;
use super::source::{FlightKey, SyncStore};
use crate::sync::StdArc;

impl<K: FlightKey, V: Clone, L> Group<K, V, L> {
    /// [`fetch`](Self::fetch) for a loader that is a future. It is polled by the caller that leads, inside the flight's scope (T25).
    pub(crate) async fn fetch_async<S, E, F>(
        &self,
        store: &S,
        key: K,
        load: impl FnOnce() -> F,
    ) -> Result<V, StdArc<E>>
    where
        S: SyncStore<K, V, Lease = L> + ?Sized,
        E: Send + Sync + 'static,
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        for _ in 0..USELESS_FLIGHTS {
            let joined = match self.enter(store, &key) {
                FlightArrival::Lead(leadership) => return lead(store, leadership, load).await,
                FlightArrival::Nested => {
                    return load().await.map(Loaded::into_value).map_err(StdArc::new);
                }
                FlightArrival::Wait(join) => join.await,
            };
            match joined {
                Joined::Promoted(leadership) => return lead(store, leadership, load).await,
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
        let loaded = load().await.map_err(StdArc::new)?;
        store.publish(&lease, &key, loaded.clone());
        drop((key, lease));
        Ok(loaded.into_value())
    }
}

/// Leads a flight in the caller's own task. Dropped, it hands over.
async fn lead<K, V, L, E, S, F>(
    store: &S,
    leadership: Leadership<K, V, L>,
    load: impl FnOnce() -> F,
) -> Result<V, StdArc<E>>
where
    K: FlightKey,
    V: Clone,
    E: Send + Sync + 'static,
    S: SyncStore<K, V, Lease = L> + ?Sized,
    F: Future<Output = Result<Loaded<V>, E>>,
{
    let guard = leadership.begin(store);
    // The flight before this one may have published between the caller's look-up and now (L2).
    if let Some(value) = store.peek(guard.key()) {
        guard.complete_with(|| Ok::<V, E>(value.clone()));
        return Ok(value);
    }
    // The call is inside the scope too, not only what it hands back.
    let load = guard.drive(async move { load().await });
    let result = load.await.map_err(StdArc::new);
    guard.land(store, result)
}
