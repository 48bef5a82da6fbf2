//! `get_or_fetch_many`: one read, one load for everything that is missing, and the flights of others.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::fetch::{LoadGuard, runtime};
use super::flights::Flights;
use super::{Cached, TypedCache};
use crate::backend::{Key, KeyRef, Lease, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::single_flight::{FlightArrival, FlightError, JoinFuture, Joined, Leadership};

type LoadJoin<T> = JoinFuture<Key, T, Lease>;
type Loading<T> = Pin<Box<dyn Future<Output = Result<Vec<T>>> + Send>>;
/// Loads the values of these keys, in their order.
pub(crate) type Loader<T> = Box<dyn FnOnce(Vec<Key>) -> Loading<T> + Send>;

/// What one caller has in hand while it waits.
struct BatchProgress<T> {
    found: HashMap<Key, T>,
    first_error: Option<Error>,
}

impl<T: Cached> TypedCache<T> {
    /// The values of `keys` in their order; a key may come twice. One round trip when all are cached;
    /// else the missing ones that nobody loads yet are loaded by one call of `load`.
    pub(crate) async fn get_or_fetch_many(
        self: &Arc<Self>,
        keys: Vec<Key>,
        load: Loader<T>,
    ) -> Result<Vec<T>> {
        let refs: Vec<KeyRef<'_>> = keys.iter().map(Key::as_key_ref).collect();
        let found = match self.get_many(&refs).await {
            Ok(found) => found,
            Err(error) => {
                self.load_despite(error)?;
                vec![None; keys.len()]
            }
        };
        if found
            .iter()
            .all(|found| found.as_ref().is_some_and(T::is_whole))
        {
            return Ok(found.into_iter().flatten().collect());
        }
        let mut known = HashMap::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (key, value) in keys.iter().zip(found) {
            match value {
                Some(value) if value.is_whole() => {
                    known.insert(key.clone(), value);
                }
                _ if missing.contains(key) => {}
                _ => missing.push(key.clone()),
            }
        }
        self.fetch_many(missing, load, &mut known).await?;
        self.in_order(keys, &known)
    }

    /// What is known of `keys`, in their order.
    ///
    /// # Errors
    /// Kind `Loader` when nothing is known of one.
    pub(crate) fn in_order(
        &self,
        keys: impl IntoIterator<Item = Key>,
        known: &HashMap<Key, T>,
    ) -> Result<Vec<T>> {
        keys.into_iter()
            .map(|key| {
                known.get(&key).cloned().ok_or_else(|| {
                    Error::new(ErrorKind::Loader, format!("nothing was loaded for {key}"))
                })
            })
            .collect()
    }

    /// Loads `missing`, or waits for whoever loads it.
    pub(crate) async fn fetch_many(
        self: &Arc<Self>,
        missing: Vec<Key>,
        load: Loader<T>,
        known: &mut HashMap<Key, T>,
    ) -> Result<()> {
        let runtime = runtime()?;
        let mut leaderships = Vec::new();
        let mut joins = Vec::new();
        let mut nested = false;
        let flights = self.flights();
        for key in &missing {
            match flights.group.enter(self.as_ref(), key) {
                FlightArrival::Lead(leadership) => leaderships.push((key.clone(), leadership)),
                FlightArrival::Wait(join) => joins.push((key.clone(), join)),
                FlightArrival::Nested => nested = true,
            }
        }
        if nested {
            // Asked for from inside a loader of one of these keys (T25): loaded here, kept nowhere. Leaderships
            // and joins go, which passes them on.
            drop((leaderships, joins));
            let values = load(missing.clone()).await?;
            known.extend(missing.into_iter().zip(values));
            return Ok(());
        }
        let mut load = Some(load);
        let mut tally = BatchProgress {
            found: HashMap::new(),
            first_error: None,
        };
        let mut tasks = Vec::new();
        if !leaderships.is_empty()
            && let Some(load) = load.take()
        {
            tasks.push(self.start_many(&runtime, leaderships, load, &mut joins));
        }
        let orphans = self.collect(joins, &mut tasks, &mut tally).await;
        // Leaders went away whose keys only this caller is left to load.
        if let Some(load) = load.take().filter(|_| !orphans.is_empty()) {
            let mut joins = Vec::new();
            tasks.push(self.start_many(&runtime, orphans, load, &mut joins));
            for (key, _) in self.collect(joins, &mut tasks, &mut tally).await {
                tally.lost(&key);
            }
        } else {
            // This caller's loader is used up: the leaderships pass on.
            for (key, _) in &orphans {
                tally.lost(key);
            }
        }
        known.extend(tally.found);
        tally.first_error.map_or(Ok(()), Err)
    }

    /// Leads `leaderships` in a task of their own; the caller joins them like everybody else.
    fn start_many(
        self: &Arc<Self>,
        runtime: &tokio::runtime::Handle,
        leaderships: Vec<(Key, Leadership<Key, T, Lease>)>,
        load: Loader<T>,
        joins: &mut Vec<(Key, LoadJoin<T>)>,
    ) -> JoinHandle<()> {
        let mut guards = Vec::with_capacity(leaderships.len());
        for (key, leadership) in leaderships {
            let guard = leadership.begin(self.as_ref());
            if let Some(join) = guard.join() {
                joins.push((key, join));
            }
            guards.push(guard);
        }
        runtime.spawn(Arc::clone(self).lead_many(guards, load))
    }

    /// Waits for every flight; hands back the leaderships of those whose leader went away.
    async fn collect(
        &self,
        joins: Vec<(Key, LoadJoin<T>)>,
        tasks: &mut Vec<JoinHandle<()>>,
        tally: &mut BatchProgress<T>,
    ) -> Vec<(Key, Leadership<Key, T, Lease>)> {
        let mut orphans = Vec::new();
        let wait_limit = self.wait_limit();
        tokio::pin!(wait_limit);
        let mut patient = true;
        for (key, mut join) in joins {
            let joined = tokio::select! {
                biased;
                joined = &mut join => Some(joined),
                () = &mut wait_limit, if patient => None,
            };
            match joined {
                Some(Joined::Done(Ok(value))) => {
                    tally.found.insert(key, value);
                }
                Some(Joined::Done(Err(error))) => {
                    let task = match &error {
                        FlightError::Abandoned => tasks.pop(),
                        _ => None,
                    };
                    let error = self.failed(&key, error, task).await;
                    tally.first_error.get_or_insert(error);
                }
                Some(Joined::Promoted(leadership)) => orphans.push((key, leadership)),
                None => {
                    patient = false;
                    join.expire();
                    let error = self.failed(&key, FlightError::Expired, None).await;
                    tally.first_error.get_or_insert(error);
                }
            }
            if !patient && tally.first_error.is_some() {
                break;
            }
        }
        orphans
    }

    /// The task that leads several flights with one loader call.
    async fn lead_many(self: Arc<Self>, guards: Vec<LoadGuard<T>>, load: Loader<T>) {
        let backend = self.backend().clone();
        let leases: Vec<Lease> = guards
            .iter()
            .map(|guard| backend.lease(guard.key().as_key_ref()))
            .collect();
        let flights = Flights::<T>::of(&backend);
        let stripes = flights.stripes(guards.iter().map(Guard::key));
        for stripe in &stripes {
            drop(flights.publishers.get()[*stripe].lock().await);
        }
        let refs: Vec<KeyRef<'_>> = guards
            .iter()
            .map(|guard| guard.key().as_key_ref())
            .collect();
        let looked = self.ask_many(&backend, &refs).await;
        drop(refs);
        let (before, keep) = match looked {
            Ok(before) => (before, true),
            Err(error) => match self.load_despite(error) {
                Ok(keep) => (vec![None; guards.len()], keep),
                Err(error) => {
                    for guard in guards {
                        guard.complete(Err::<T, Error>(error.clone()));
                    }
                    return;
                }
            },
        };
        let mut open = Vec::with_capacity(guards.len());
        for ((guard, lease), before) in guards.into_iter().zip(leases).zip(before) {
            match before {
                Some(value) if value.is_whole() => {
                    guard.complete(Ok::<T, Error>(value));
                }
                before => open.push((guard, lease, before)),
            }
        }
        if open.is_empty() {
            return;
        }
        let keys = open.iter().map(|(guard, ..)| guard.key().clone()).collect();
        let mut loading: Loading<T> = Box::pin(async move { load(keys).await });
        for (guard, ..) in &open {
            loading = Box::pin(guard.drive(loading));
        }
        match self.timed(loading).await {
            Some(Ok(values)) => self.land_many(&backend, &flights, open, values, keep).await,
            Some(Err(error)) => {
                for (guard, ..) in open {
                    guard.complete(Err::<T, Error>(error.clone()));
                }
            }
            None => {
                for (guard, ..) in open {
                    guard.expire();
                }
            }
        }
    }

    /// Publishes what was loaded and ends the flights.
    async fn land_many(
        &self,
        backend: &crate::backend::Backend,
        flights: &Flights<T>,
        open: Vec<(LoadGuard<T>, Lease, Option<T>)>,
        values: Vec<T>,
        keep: bool,
    ) {
        let (mut guards, mut entries) = (Vec::new(), Vec::new());
        for ((guard, lease, before), value) in open.into_iter().zip(values) {
            let value = value.merge_previous(before.as_ref());
            let key = guard.key().as_key_ref();
            if keep && self.may_store(key, &value) && guard.may_publish(self) {
                entries.push((lease, guard.key().clone(), value.clone()));
            }
            guards.push((guard, value));
        }
        if !entries.is_empty() {
            let mut publishing = Vec::new();
            // In ascending order: no two of these wait for each other in a circle.
            for stripe in flights.stripes(entries.iter().map(|(_, key, _)| key)) {
                publishing.push(flights.publishers.get()[stripe].lock().await);
            }
            let keys: Vec<Key> = entries.iter().map(|(_, key, _)| key.clone()).collect();
            let entries = entries
                .into_iter()
                .zip(&keys)
                .map(|((lease, _, value), key)| (lease, key.as_key_ref(), Value::new(value)))
                .collect();
            let stored = backend.put_many_leased(entries, self.ttl()).await;
            self.published(stored.as_deref());
        }
        for (guard, value) in guards {
            guard.complete(Ok::<T, Error>(value));
        }
    }
}

impl<T> BatchProgress<T> {
    fn lost(&mut self, key: &Key) {
        self.first_error.get_or_insert_with(|| {
            Error::new(
                ErrorKind::Loader,
                format!("loading {key} was abandoned by the caller that led it; ask again"),
            )
        });
    }
}
