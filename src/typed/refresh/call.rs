//! One call: look, answer, load, wait.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::KeyRef;
use crate::error::{Error, ErrorKind, Result};
use crate::typed::TypedCache;
use crate::typed::family::Family;
use crate::typed::policy::known::{LastKnown, Recalled};
use crate::typed::policy::plan::{ClaimTurn, Load, LoadPlan};
use crate::typed::policy::rules::FetchRules;
use crate::typed::policy::state::Claimed;
use crate::typed::stale::MaybeStale;
use crate::typed::stats::Event;

impl<F: Family> TypedCache<F> {
    /// The value of `key` by these rules. `missing`: memory was looked up and had nothing.
    pub(in crate::typed) async fn fetch_by(
        &self,
        key: KeyRef<'_>,
        missing: bool,
        rules: &FetchRules,
        load: Load<F::Value>,
    ) -> Result<MaybeStale<F::Value>> {
        let known = self.known(self.backend());
        let looked = match missing {
            true => Ok(None),
            false => self.look_up(key).await,
        };
        match looked {
            Ok(Some(value)) if F::is_whole(&value) => {
                if let Some(known) = known {
                    self.refresh_if_due(known, key, rules, &mut Some(load));
                }
                return Ok(MaybeStale::Fresh(value));
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                if let Some(known) = known {
                    known.found_gone(key);
                }
            }
            Err(error) => {
                if let Err(error) = self.load_despite(error) {
                    return self.stale_in_outage(known.map(Arc::as_ref), key, rules, error);
                }
            }
        }
        match known {
            Some(known) => self.load_beside(known, key, rules, load).await,
            None => {
                let plan = self.plan_by(rules, None);
                self.load_fresh(key, rules, plan, load).await
            }
        }
    }

    /// At once where memory can tell.
    async fn look_up(&self, key: KeyRef<'_>) -> Result<Option<F::Value>> {
        let mut found = None;
        if self.peek(key, &mut found) {
            return Ok(found);
        }
        self.get_by_asking(key).await
    }

    /// The store could not be asked, and nothing is to be loaded then: as for [`get_or_stale`](Self::get_or_stale).
    fn stale_in_outage(
        &self,
        known: Option<&LastKnown>,
        key: KeyRef<'_>,
        rules: &FetchRules,
        error: Error,
    ) -> Result<MaybeStale<F::Value>> {
        if !rules.answers_stale() || !error.is_unavailable() {
            return Err(error);
        }
        let recalled = known
            .and_then(|known| known.recall(key))
            .filter(|known| F::is_whole(&known.value))
            .ok_or(error)?;
        Ok(self.stale(recalled))
    }

    /// There is no live value. What is known of it may stand in.
    async fn load_beside(
        &self,
        known: &Arc<LastKnown>,
        key: KeyRef<'_>,
        rules: &FetchRules,
        load: Load<F::Value>,
    ) -> Result<MaybeStale<F::Value>> {
        let Some(turn) = known.turn(key, rules) else {
            let plan = self.plan_by(rules, None);
            return self.load_fresh(key, rules, plan, load).await;
        };
        let (claimed, claim) = turn.claim();
        let plan = self.plan_by(rules, claim);
        let recalled = match rules.answers_stale() {
            true => self.recall_whole(known, key, rules),
            false => None,
        };
        let Some(recalled) = recalled else {
            // A failure throttles those that have something to answer with.
            let loaded = self.load_fresh(key, rules, plan, load).await;
            return loaded.inspect_err(|_| turn.failed());
        };
        let at_once = recalled
            .over
            .is_some_and(|over| rules.answers_at_once(over));
        match claimed {
            Claimed::Throttled => {
                self.count(Event::Throttled);
                Ok(self.stale(recalled))
            }
            Claimed::Late => Ok(self.stale(recalled)),
            Claimed::Loading(_) if at_once => Ok(self.stale(recalled)),
            Claimed::Yes(_) if at_once => {
                self.load_in_background(key.to_key(), turn, plan, load);
                Ok(self.stale(recalled))
            }
            _ => {
                let plan = LoadPlan {
                    turn: Some(turn.clone()),
                    ..plan
                };
                let loading = self.load_fresh(key, rules, plan, load);
                self.wait_or_stale(known, key, rules, (turn, claimed), loading)
                    .await
            }
        }
    }

    /// What was known, if it may stand in for a load: part of a value may not.
    fn recall_whole(
        &self,
        known: &LastKnown,
        key: KeyRef<'_>,
        rules: &FetchRules,
    ) -> Option<Recalled<F::Value>> {
        let recalled = known.recall_by::<F::Value>(key, rules)?;
        F::is_whole(&recalled.value).then_some(recalled)
    }

    /// Waits for a load, up to the soft limit; what was known stands in for a load that fails.
    async fn wait_or_stale(
        &self,
        known: &LastKnown,
        key: KeyRef<'_>,
        rules: &FetchRules,
        (turn, claimed): (ClaimTurn, Claimed),
        loading: impl Future<Output = Result<MaybeStale<F::Value>>>,
    ) -> Result<MaybeStale<F::Value>> {
        let mut loading = std::pin::pin!(loading);
        let mut loaded = None;
        if let Some(soft) = rules.soft {
            crate::backend::runtime::with_timer()?;
            loaded = tokio::time::timeout(soft, loading.as_mut()).await.ok();
            if loaded.is_none() {
                if let Claimed::Yes(term) | Claimed::Loading(term) = claimed {
                    turn.state.late(term);
                }
                if let Some(recalled) = self.recall_whole(known, key, rules) {
                    self.count(Event::SoftTimeout);
                    return Ok(self.stale(recalled));
                }
            }
        }
        let loaded = match loaded {
            Some(loaded) => loaded,
            None => loading.await,
        };
        loaded.or_else(|error| {
            turn.failed();
            // Looked up again: it may have been removed meanwhile.
            let recalled = match error.kind() {
                ErrorKind::Config | ErrorKind::InvalidKey => None,
                _ => self.recall_whole(known, key, rules),
            };
            recalled.map(|known| self.stale(known)).ok_or(error)
        })
    }

    /// Loads, or waits for whoever does, for as long as the call wants to.
    async fn load_fresh(
        &self,
        key: KeyRef<'_>,
        rules: &FetchRules,
        plan: LoadPlan,
        load: Load<F::Value>,
    ) -> Result<MaybeStale<F::Value>> {
        let loading = self.fetch_one(key.to_key(), load, plan);
        let loaded = match rules.hard {
            None => loading.await,
            Some(limit) => within(limit, key, loading).await,
        };
        loaded.map(MaybeStale::Fresh)
    }
}

/// A call's own limit: its caller goes, the load need not.
async fn within<T>(
    limit: Duration,
    key: KeyRef<'_>,
    loading: impl Future<Output = Result<T>>,
) -> Result<T> {
    crate::backend::runtime::with_timer()?;
    match tokio::time::timeout(limit, loading).await {
        Ok(loaded) => loaded,
        Err(_) => Err(Error::timeout(format!(
            "loading {key} took longer than {limit:?}"
        ))),
    }
}
