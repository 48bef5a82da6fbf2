//! `get_or_fetch`, for one key or many: one load per key, however many tasks ask.
//!
//! One protocol: a caller enters the flights of all keys that it misses, loads those that nobody loads yet with one call
//! of its loader, and waits for the others. A single key is a batch of one.
//!
//! This is the caller's part. The loader runs in a task of its own (`lead`), so that a caller that is dropped cancels
//! nobody (T20, T24).

use std::collections::HashMap;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::TypedCache;
use super::family::Family;
use super::lookup::BoxedAnswer;
pub(crate) use super::policy::plan::Loader;
use super::policy::plan::{Load, LoadPlan, LoadedAnswer};
use super::stale::MaybeStale;
use crate::backend::{Key, KeyRef};
use crate::error::{Error, ErrorKind, Result};
use crate::single_flight::FlightError;

/// After this many flights of others that brought nothing for a caller's key it loads by itself, so that callers do not
/// queue (T22).
const USELESS_FLIGHTS: usize = 2;

/// Waiters end a flight this much later than its own task does: they act only when the task is stuck.
const STUCK_LEADER_MARGIN: Duration = Duration::from_secs(1);

/// A loader that was not needed yet, and how it is to be run.
type Unstarted<T> = Option<(Load<T>, LoadPlan)>;

/// The runtime that loads are spawned on.
pub(crate) fn runtime() -> Result<Handle> {
    crate::backend::runtime::with_timer()
}

impl<F: Family> TypedCache<F> {
    /// The value of `key`, for when a peek found none that is whole: `missing` says that it found nothing, otherwise it
    /// could not tell. `load` makes the value, `map_error` an [`Error`] of its error.
    #[cold]
    #[inline(never)]
    pub(crate) fn load_boxed<'a, L, Fut, R, E>(
        &'a self,
        key: KeyRef<'a>,
        missing: bool,
        load: L,
        map_error: fn(E) -> Error,
    ) -> BoxedAnswer<'a, F::Value>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<F::Value>,
        E: 'static,
    {
        // Called inside the future, in its task: a panic in it unwinds there.
        let load: Loader<F::Value> = Box::new(move |_| {
            Box::pin(async move { Ok(vec![Some(load().await.map_err(map_error)?.into())]) })
        });
        Box::pin(async move { Box::new(self.get_or_load(key, missing, load).await) })
    }

    async fn get_or_load(
        &self,
        key: KeyRef<'_>,
        missing: bool,
        load: Loader<F::Value>,
    ) -> Result<F::Value> {
        let rules = &self.shared.settings().rules;
        if rules.goes_beyond_a_load() {
            let rules = rules.fresh_only();
            let answer = self.fetch_by(key, missing, &rules, Load::Many(load)).await;
            return answer.map(MaybeStale::into_inner);
        }
        if !missing {
            match self.get_by_asking(key).await {
                Ok(Some(value)) if F::is_whole(&value) => return Ok(value),
                Ok(_) => {}
                Err(error) => {
                    self.load_despite(error)?;
                }
            }
        }
        self.fetch_one(key.to_key(), Load::Many(load), self.plan())
            .await
    }

    /// Loads one key, or waits for whoever does.
    pub(super) async fn fetch_one(
        &self,
        key: Key,
        load: Load<F::Value>,
        plan: LoadPlan,
    ) -> Result<F::Value> {
        let mut load = Some((load, plan));
        for _ in 0..USELESS_FLIGHTS {
            let loaded = self.fetch(vec![key.clone()], &mut load).await?.pop();
            match loaded.flatten() {
                Some(value) => return Ok(value),
                // A batch of somebody else has found nothing; this caller's loader was not asked.
                None if load.is_some() => {}
                None => break,
            }
        }
        let loaded = match load {
            Some((load, plan)) => {
                let loaded = self.load_apart(vec![key.clone()], load, plan.limit);
                loaded.await?.pop()
            }
            None => None,
        };
        loaded.flatten().ok_or_else(|| nothing_for(&key))
    }

    /// The values of `keys` in their order; a key may come twice. One round trip when all are cached;
    /// else the missing ones that nobody loads yet are loaded by one call of `load`.
    pub(crate) async fn get_or_load_many(
        &self,
        keys: Vec<Key>,
        load: Loader<F::Value>,
    ) -> Result<Vec<Option<F::Value>>> {
        let refs: Vec<KeyRef<'_>> = keys.iter().map(Key::as_key_ref).collect();
        let found = match self.get_many_at(&refs).await {
            Ok(found) => found,
            Err(error) => {
                self.load_despite(error)?;
                vec![None; keys.len()]
            }
        };
        self.fill_in(keys, found, load).await
    }

    /// What was found of `keys`, in their order, and what `load` makes of the others, each of which it gets once.
    pub(crate) async fn fill_in(
        &self,
        keys: Vec<Key>,
        found: Vec<Option<F::Value>>,
        load: Loader<F::Value>,
    ) -> Result<Vec<Option<F::Value>>> {
        let is_whole = |found: &Option<F::Value>| found.as_ref().is_some_and(F::is_whole);
        if found.iter().all(is_whole) {
            return Ok(found);
        }
        let mut known = HashMap::with_capacity(keys.len());
        let mut missing = IndexSet::new();
        for (key, value) in keys.iter().zip(found) {
            match value {
                Some(value) if F::is_whole(&value) => {
                    known.insert(key.clone(), value);
                }
                _ => {
                    missing.insert(key.clone());
                }
            }
        }
        let missing: Vec<Key> = missing.into_iter().collect();
        let mut load = Some((Load::Many(load), self.plan()));
        let loaded = self.fetch(missing.clone(), &mut load).await?;
        let loaded = missing.into_iter().zip(loaded);
        known.extend(loaded.filter_map(|(key, value)| Some((key, value?))));
        Ok(keys.iter().map(|key| known.get(key).cloned()).collect())
    }

    /// [`fill_in`](Self::fill_in) where `load` has something for every key.
    pub(crate) fn all_of(keys: &[Key], values: Vec<Option<F::Value>>) -> Result<Vec<F::Value>> {
        let values = values.into_iter().zip(keys);
        values
            .map(|(value, key)| value.ok_or_else(|| nothing_for(key)))
            .collect()
    }

    /// Loads `keys`, each of which comes once, or waits for whoever loads them. The values are in the order of the keys.
    /// `load` is taken if it was needed.
    async fn fetch(
        &self,
        keys: Vec<Key>,
        load: &mut Unstarted<F::Value>,
    ) -> Result<Vec<Option<F::Value>>> {
        let runtime = runtime()?;
        let limit = load.as_ref().and_then(|(_, plan)| plan.limit);
        for key in &keys {
            key.as_key_ref().check_length()?;
        }
        let mut task = None;
        let start = |guards| {
            let (load, plan) = load.take().expect("a loader is started once");
            task = Some(runtime.spawn(self.clone().lead(guards, load, plan)));
        };
        let ended = self
            .flights()
            .group
            .share_many(self, &keys, start, || self.wait_limit())
            .await;
        let Some(ended) = ended else {
            // Asked for from inside a loader of one of these keys (T25).
            let (load, plan) = load.take().expect("a nested loader was not started");
            return self.load_apart(keys, load, plan.limit).await;
        };
        let mut values = Vec::with_capacity(keys.len());
        let mut first_error = None;
        for (key, ended) in keys.iter().zip(ended) {
            match ended {
                Some(Ok(value)) => values.push(value),
                Some(Err(error)) => {
                    let own = match error {
                        FlightError::Abandoned => task.take(),
                        _ => None,
                    };
                    let error = failed(key, error, own, limit).await;
                    first_error.get_or_insert(error);
                }
                // It was not waited for any more, because of an error.
                None => {}
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => Ok(values),
        }
    }

    /// Loads here and keeps nothing.
    async fn load_apart(
        &self,
        keys: Vec<Key>,
        load: Load<F::Value>,
        limit: Option<Duration>,
    ) -> Result<Vec<Option<F::Value>>> {
        let late = too_late(&keys[0], limit);
        let loaded = self.timed_by(limit, load.run(keys, None)).await;
        let loaded = loaded.unwrap_or(Err(late))?;
        let value = |answer: Option<LoadedAnswer<_>>| answer.map(|answer| answer.value);
        Ok(loaded.into_iter().map(value).collect())
    }

    /// A waiter's own limit for one load.
    fn wait_limit(&self) -> impl Future<Output = ()> + use<F> {
        let limit = self.shared.settings().load_timeout;
        async move {
            match limit {
                Some(limit) => tokio::time::sleep(limit.saturating_add(STUCK_LEADER_MARGIN)).await,
                None => pending().await,
            }
        }
    }
}

/// What a caller without a value is told; `task` is its own loader's. Unwinds if that panicked.
async fn failed(
    key: &Key,
    error: FlightError,
    task: Option<JoinHandle<()>>,
    limit: Option<Duration>,
) -> Error {
    match error {
        FlightError::Expired => too_late(key, limit),
        FlightError::Failed(_) => error
            .downcast::<Error>()
            .map(Arc::unwrap_or_clone)
            .unwrap_or_else(|| Error::new(ErrorKind::Loader, format!("loading {key} failed"))),
        FlightError::Abandoned => {
            let Some(task) = task else {
                let text =
                    format!("loading {key} was abandoned by the caller that led it; ask again");
                return Error::new(ErrorKind::Loader, text);
            };
            if let Err(failed) = task.await
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

fn too_late(key: &Key, limit: Option<Duration>) -> Error {
    Error::timeout(match limit {
        Some(limit) => format!("loading {key} took longer than {limit:?}"),
        None => format!("loading {key} took longer than another caller of it allows"),
    })
}

fn nothing_for(key: &Key) -> Error {
    Error::new(ErrorKind::Loader, format!("nothing was loaded for {key}"))
}
