//! The task that leads loads: it takes a lease for each key, looks again, loads within the time limit, and publishes under
//! the leases. Behind a socket the backend asks each lease once more after the reply, and takes the value back if it is
//! void.

use std::future::Future;
use std::time::{Duration, Instant};

use tracing::Instrument;
use tracing::field::Empty;

use super::TypedCache;
use super::family::Family;
use super::flights::{Flights, Publishers};
use super::options::OnOutage;
use super::policy::known::WriteLearning;
use super::policy::plan::{Load, LoadPlan, LoadedAnswer, RefreshClaim};
use super::policy::state::Claimed;
use super::stats::Event;
use crate::backend::{Backend, Key, KeyRef, StoreLease, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::single_flight::LeaderGuard;

/// Leads the load of one key.
type LoadGuard<F> = LeaderGuard<Key, Option<<F as Family>::Value>, StoreLease>;
/// A key that is being loaded: who leads it, the lease to publish under, what stood under the key before, and what is
/// learned of it beside the store.
type OpenLoad<F> = (
    LoadGuard<F>,
    StoreLease,
    Option<<F as Family>::Value>,
    Option<WriteLearning>,
);

impl<F: Family> TypedCache<F> {
    /// The task that leads flights with one call of the loader. Whatever becomes of the claim is known before the flights end.
    pub(super) async fn lead(
        self,
        guards: Vec<LoadGuard<F>>,
        load: Load<F::Value>,
        mut plan: LoadPlan,
    ) {
        let mut claim = plan.claim.take();
        if claim.is_none()
            && let Some(turn) = &plan.turn
        {
            let (claimed, late_claim) = turn.claim();
            if claimed == Claimed::Throttled {
                self.count(Event::Throttled);
                let text = "a load of the same key failed a moment ago; none is tried yet";
                return fail(guards, &Error::new(ErrorKind::Loader, text));
            }
            claim = late_claim;
        }
        if let Some(claim) = &mut claim {
            claim.begin();
        }
        let backend = self.backend().clone();
        // The guards' own leases were taken before these and say whether others may join; these are spent on the
        // publication.
        let leases: Vec<StoreLease> = guards
            .iter()
            .map(|guard| backend.lease(guard.key().as_key_ref()))
            .collect();
        // Publications of the flights before these may be under way.
        let flights = Flights::<F::Value>::of(&backend);
        for stripe in Publishers::indices_of(guards.iter().map(LoadGuard::<F>::key)) {
            drop(flights.publishers.at(stripe).lock().await);
        }
        let (before, keep) = match self.look_again(&backend, &guards).await {
            Ok(before) => (before, true),
            Err(error) => match self.load_despite(error) {
                Ok(keep) => (vec![None; guards.len()], keep),
                Err(error) => {
                    drop(claim);
                    return fail(guards, &error);
                }
            },
        };
        let mut open: Vec<OpenLoad<F>> = Vec::with_capacity(guards.len());
        for ((guard, lease), before) in guards.into_iter().zip(leases).zip(before) {
            match before {
                Some(value) if F::is_whole(&value) && !self.is_due(&backend, &plan, &guard) => {
                    if let Some(claim) = claim.take() {
                        claim.done();
                    }
                    guard.complete(Ok::<_, Error>(Some(value)));
                }
                before => {
                    let learning = self.begin_to_load(&backend, guard.key().as_key_ref());
                    open.push((guard, lease, before, learning));
                }
            }
        }
        if open.is_empty() {
            return;
        }
        // Dropped before the flights, if a loader panics or the task is aborted: whoever leads on then knows of the failure.
        let claim = claim;
        let keys = open.iter().map(|(guard, ..)| guard.key().clone()).collect();
        let old = match &open[..] {
            [(guard, _, before, _)] if load.sees_old() => before
                .clone()
                .or_else(|| self.last_value(&backend, guard.key().as_key_ref())),
            _ => None,
        };
        let led = open.iter().map(|(guard, ..)| guard);
        let loading = LoadGuard::<F>::drive_all(led, load.run(keys, old));
        match self.timed_by(plan.limit, loading).await {
            Some(Ok(values)) => {
                let landed = self.land(&backend, &flights, open, values, keep, &plan);
                landed.await.end(claim);
            }
            Some(Err(error)) => {
                drop(claim);
                fail(open.into_iter().map(|(guard, ..)| guard), &error);
            }
            None => {
                drop(claim);
                for (guard, ..) in open {
                    guard.expire();
                }
            }
        }
    }

    /// The leader's second look (L2).
    async fn look_again(
        &self,
        backend: &Backend,
        guards: &[LoadGuard<F>],
    ) -> Result<Vec<Option<F::Value>>> {
        let keys: Vec<KeyRef<'_>> = guards
            .iter()
            .map(|guard| guard.key().as_key_ref())
            .collect();
        match keys[..] {
            // Asked for alone, a key that holds something else than a text says so.
            [key] => Ok(vec![self.ask(backend, key).await?]),
            _ => self.ask_many(backend, &keys).await,
        }
    }

    /// Publishes what was loaded.
    async fn land(
        &self,
        backend: &Backend,
        flights: &Flights<F::Value>,
        open: Vec<OpenLoad<F>>,
        answers: Vec<Option<LoadedAnswer<F::Value>>>,
        keep: bool,
        plan: &LoadPlan,
    ) -> Landed<F> {
        let (mut landing, mut leases) = (Vec::with_capacity(open.len()), Vec::new());
        for ((guard, lease, before, learning), answer) in open.into_iter().zip(answers) {
            let Some(mut answer) = answer else {
                guard.complete(Ok::<_, Error>(None));
                continue;
            };
            answer.value = F::merge_previous(answer.value, before.as_ref());
            if keep && self.may_store(guard.key().as_key_ref(), &answer.value) {
                let ttl = self.ttl_of(backend, plan, &answer);
                leases.push((landing.len(), lease, ttl, learning));
            }
            landing.push((guard, answer.value));
        }
        let key_of = |at: usize| landing[at].0.key();
        let mut publishing = Vec::new();
        for stripe in Publishers::indices_of(leases.iter().map(|(at, ..)| key_of(*at))) {
            publishing.push(flights.publishers.at(stripe).lock().await);
        }
        // Only now: who waited for a publisher may have been overtaken meanwhile.
        let (mut entries, mut learned) = (Vec::with_capacity(leases.len()), Vec::new());
        for (at, lease, ttl, mut learning) in leases {
            let (guard, value) = &landing[at];
            if guard.may_publish(self) {
                if let Some(learning) = &mut learning {
                    learning.write_begins();
                }
                let value = Value::new(value.clone());
                entries.push((lease, guard.key().as_key_ref(), value, ttl));
                learned.push((at, ttl, learning));
            } else {
                self.count(Event::Overtaken);
            }
        }
        if !entries.is_empty() {
            let stored = backend.publish(entries).await;
            self.published(stored.as_deref());
            let stored = stored.unwrap_or_default();
            for ((at, ttl, learning), _) in learned.into_iter().zip(stored).filter(|(_, s)| *s) {
                if let Some(learning) = learning {
                    let (guard, value) = &landing[at];
                    let key = guard.key().as_key_ref();
                    learning.written(key, value, backend.lifetime(ttl));
                }
            }
        }
        drop(publishing);
        Landed { landing }
    }

    /// Runs a loader within its time; `None` when it took longer.
    pub(crate) async fn timed<R>(
        &self,
        load: impl Future<Output = Result<R>>,
    ) -> Option<Result<R>> {
        self.timed_by(self.load_limit(), load).await
    }

    pub(super) async fn timed_by<R>(
        &self,
        limit: Option<Duration>,
        load: impl Future<Output = Result<R>>,
    ) -> Option<Result<R>> {
        self.count(Event::Load);
        let span = tracing::debug_span!(
            "cache.load",
            family = F::NAME,
            outcome = Empty,
            seconds = Empty
        );
        let begun = Instant::now();
        let load = load.instrument(span.clone());
        let result = match limit {
            Some(limit) => tokio::time::timeout(limit, load).await.ok(),
            None => Some(load.await),
        };
        let took = begun.elapsed();
        self.shared.counters.load_times.record(took);
        let (event, outcome) = match &result {
            None => (Some(Event::LoadTimeout), "timeout"),
            Some(Err(_)) => (Some(Event::LoadError), "error"),
            Some(Ok(_)) => (None, "ok"),
        };
        if let Some(event) = event {
            self.count(event);
        }
        span.record("outcome", outcome);
        span.record("seconds", took.as_secs_f64());
        result
    }

    /// Whether a loaded value may be stored: one that not every reader takes is for its caller alone.
    pub(crate) fn may_store(&self, key: KeyRef<'_>, value: &F::Value) -> bool {
        let Err(wrong) = F::check(value) else {
            return true;
        };
        self.count(Event::PublishError);
        tracing::warn!(%key, wrong, "a loaded value is not stored: other readers would refuse it");
        false
    }

    /// Whether a load may go on although the store could not be read: `Ok(true)` if its value may be kept.
    pub(crate) fn load_despite(&self, error: Error) -> Result<bool> {
        match error.kind() {
            // A list or the like under our key is a wrong shape: the value loaded takes its place.
            ErrorKind::WrongType => {
                self.count(Event::Undecodable);
                Ok(true)
            }
            ErrorKind::InvalidKey | ErrorKind::Config => Err(error),
            _ if self.shared.settings().on_outage == OnOutage::Fail => Err(error),
            _ => Ok(false),
        }
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

/// Values that were loaded, and stored as far as they may be; their flights are still to be ended.
struct Landed<F: Family> {
    landing: Vec<(LoadGuard<F>, F::Value)>,
}

impl<F: Family> Landed<F> {
    /// Ends the flights. The loader has answered, so the claim has ended well, also where the value could not be stored.
    fn end(self, claim: Option<RefreshClaim>) {
        if let Some(claim) = claim {
            claim.done();
        }
        for (guard, value) in self.landing {
            guard.complete(Ok::<_, Error>(Some(value)));
        }
    }
}

/// Ends flights with an error that all who wait for them get.
fn fail<T: Clone>(
    guards: impl IntoIterator<Item = LeaderGuard<Key, T, StoreLease>>,
    error: &Error,
) {
    for guard in guards {
        guard.complete(Err::<T, Error>(error.clone()));
    }
}
