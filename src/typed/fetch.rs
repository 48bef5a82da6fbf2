//! `get_or_fetch`: one load per key, however many tasks ask.
//!
//! The loader runs in a task of its own, so that a caller that is dropped cancels nobody (T20, T24). That
//! task takes a lease, looks again, loads within the time limit, and publishes under the lease; behind a
//! socket the backend asks the lease once more after the reply and takes the value back if it is void.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::flights::Flights;
use super::stats::Event;
use super::{BoxedAnswer, Cached, TypedCache};
use crate::backend::{Key, KeyRef, Lease, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::single_flight::{FetchOutcome, FlightError, LeaderGuard};

/// Waiters end a flight this much later than its own task does: they act only when the task is stuck.
const STUCK_LEADER_MARGIN: Duration = Duration::from_secs(1);

pub(crate) type LoadGuard<T> = LeaderGuard<Key, T, Lease>;

/// The runtime that loads are spawned on.
pub(crate) fn runtime() -> Result<Handle> {
    crate::backend::runtime::with_timer()
}

impl<T: Cached> TypedCache<T> {
    /// The value of `key`, for when a peek found none that is whole: `missing` says that it found nothing, otherwise it
    /// could not tell. `load` makes the value, `map_error` an [`Error`] of its error.
    #[cold]
    #[inline(never)]
    pub(crate) fn load_boxed<'a, F, Fut, R, E>(
        self: &'a Arc<Self>,
        key: KeyRef<'a>,
        missing: bool,
        load: F,
        map_error: fn(E) -> Error,
    ) -> BoxedAnswer<'a, T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<T>,
        E: 'static,
    {
        let load = move || async move { load().await.map(Into::into).map_err(map_error) };
        if missing {
            let key = key.to_key();
            Box::pin(async move { Box::new(self.fetch(key, load).await) })
        } else {
            Box::pin(async move { Box::new(self.ask_or_load(key, load).await) })
        }
    }

    async fn ask_or_load<F, Fut>(self: &Arc<Self>, key: KeyRef<'_>, load: F) -> Result<T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        match self.get_by_asking(key).await {
            Ok(Some(value)) if value.is_whole() => return Ok(value),
            Ok(_) => {}
            Err(error) => {
                self.load_despite(error)?;
            }
        }
        self.fetch(key.to_key(), load).await
    }

    async fn fetch<F, Fut>(self: &Arc<Self>, key: Key, load: F) -> Result<T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let runtime = runtime()?;
        let mut load = Some(load);
        let mut task = None;
        let start = |guard| {
            let load = load.take().expect("a loader is started once");
            // Called inside the task: a panic in it unwinds there.
            let load = async move { load().await };
            task = Some(runtime.spawn(Arc::clone(self).lead(guard, load)));
        };
        let shared = self
            .flights()
            .group
            .share(self.as_ref(), key.clone(), start, || self.wait_limit())
            .await;
        match shared {
            FetchOutcome::Value(value) => Ok(value),
            // Asked for from inside its own loader (T25): loaded here, kept nowhere.
            FetchOutcome::Nested => {
                self.count(Event::Load);
                let load = load.take().expect("a nested loader was not started");
                load().await.inspect_err(|_| self.count(Event::LoadError))
            }
            FetchOutcome::Failed(error) => Err(self.failed(&key, error, task).await),
        }
    }

    /// A waiter's own limit for one load.
    pub(crate) fn wait_limit(&self) -> impl Future<Output = ()> + use<T> {
        let limit = self.shared.settings().load_timeout;
        async move {
            match limit {
                Some(limit) => tokio::time::sleep(limit.saturating_add(STUCK_LEADER_MARGIN)).await,
                None => pending().await,
            }
        }
    }

    /// What a caller without a value is told. Unwinds if its own loader panicked.
    pub(crate) async fn failed(
        &self,
        key: &Key,
        error: FlightError,
        task: Option<JoinHandle<()>>,
    ) -> Error {
        match error {
            FlightError::Expired => Error::timeout(format!(
                "loading {key} took longer than {:?}",
                self.shared.settings().load_timeout.unwrap_or_default()
            )),
            FlightError::Failed(_) => error
                .downcast::<Error>()
                .map(Arc::unwrap_or_clone)
                .unwrap_or_else(|| Error::new(ErrorKind::Loader, format!("loading {key} failed"))),
            FlightError::Abandoned => {
                if let Some(task) = task
                    && let Err(failed) = task.await
                    && failed.is_panic()
                {
                    std::panic::resume_unwind(failed.into_panic());
                }
                Error::new(
                    ErrorKind::Loader,
                    format!("loading {key} was ended because its tokio runtime shut down"),
                )
            }
        }
    }

    /// The task of a flight's leader.
    async fn lead(
        self: Arc<Self>,
        guard: LoadGuard<T>,
        load: impl Future<Output = Result<T>> + Send,
    ) {
        let key = guard.key().clone();
        let backend = self.backend().clone();
        // The guard's own lease was taken before this one and says whether others may join; this one is
        // spent on the publication.
        let lease = backend.lease(key.as_key_ref());
        // A publication of the flight before this one may be under way.
        let flights = Flights::<T>::of(&backend);
        let publisher = &flights.publishers.get()[flights.publisher(&key)];
        drop(publisher.lock().await);
        let (before, keep) = match self.ask(&backend, key.as_key_ref()).await {
            Ok(Some(value)) if value.is_whole() => {
                guard.complete(Ok::<T, Error>(value));
                return;
            }
            Ok(before) => (before, true),
            Err(error) => match self.load_despite(error) {
                Ok(keep) => (None, keep),
                Err(error) => {
                    guard.complete(Err::<T, Error>(error));
                    return;
                }
            },
        };
        let loaded = match self.timed(guard.drive(load)).await {
            Some(Ok(loaded)) => loaded.merge_previous(before.as_ref()),
            Some(Err(error)) => {
                guard.complete(Err::<T, Error>(error));
                return;
            }
            None => {
                guard.expire();
                return;
            }
        };
        if keep && self.may_store(key.as_key_ref(), &loaded) {
            let _publishing = publisher.lock().await;
            if guard.may_publish(self.as_ref()) {
                let value = Value::new(loaded.clone());
                let stored = backend
                    .put_leased(lease, key.as_key_ref(), value, self.ttl())
                    .await;
                self.published(stored.as_ref().map(std::slice::from_ref));
            } else {
                self.count(Event::Overtaken);
            }
        }
        guard.complete(Ok::<T, Error>(loaded));
    }

    /// Runs a loader within its time; `None` when it took longer.
    pub(crate) async fn timed<R>(
        &self,
        load: impl Future<Output = Result<R>>,
    ) -> Option<Result<R>> {
        self.count(Event::Load);
        let result = match self.shared.settings().load_timeout {
            Some(limit) => tokio::time::timeout(limit, load).await.ok(),
            None => Some(load.await),
        };
        match &result {
            None => self.count(Event::LoadTimeout),
            Some(Err(_)) => self.count(Event::LoadError),
            Some(Ok(_)) => {}
        }
        result
    }

    pub(crate) fn published(&self, stored: Result<&[bool], &Error>) {
        match stored {
            Ok(stored) => {
                for stored in stored {
                    self.count(if *stored {
                        Event::Published
                    } else {
                        Event::Overtaken
                    });
                }
            }
            Err(error) => {
                self.count(Event::PublishError);
                tracing::debug!(%error, "a loaded value could not be stored");
            }
        }
    }
}
