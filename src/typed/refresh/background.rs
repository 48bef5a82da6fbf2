//! Loads that nobody waits for.

use std::sync::Arc;

use crate::backend::{Key, KeyRef};
use crate::typed::TypedCache;
use crate::typed::family::Family;
use crate::typed::policy::known::LastKnown;
use crate::typed::policy::plan::{Load, LoadPlan, RefreshClaim, throttled_until};
use crate::typed::policy::rules::FetchRules;
use crate::typed::policy::state::{Claimed, KeyState};
use crate::typed::stats::{Event, EventCounters};

/// Counts a load in the background that brings no value, whatever becomes of its task.
struct Unfinished(Arc<EventCounters>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.add(Event::RefreshError);
    }
}

impl<F: Family> TypedCache<F> {
    /// Whether a hit has a load to begin: values are refreshed ahead, this one is due, and nobody does so.
    #[cold]
    #[inline(never)]
    pub(in crate::typed) fn wants_refresh(&self, key: KeyRef<'_>) -> bool {
        let settings = self.shared.settings();
        match (&settings.last_known, settings.rules.refresh_ahead) {
            (Some(known), Some(fraction)) => known.wants_refresh(key, fraction),
            _ => false,
        }
    }

    /// After a hit: begins to load what is due, unless somebody does. Takes `load` if it does.
    pub(super) fn refresh_if_due(
        &self,
        known: &LastKnown,
        key: KeyRef<'_>,
        rules: &FetchRules,
        load: &mut Option<Load<F::Value>>,
    ) {
        let due = rules
            .refresh_ahead
            .and_then(|fraction| known.claim_due(key, fraction));
        match due {
            Some((state, Claimed::Yes(term))) => {
                let claim = RefreshClaim::new(
                    Arc::clone(&state),
                    term,
                    known.clock().clone(),
                    rules.throttle(),
                );
                if let Some(load) = load.take() {
                    let plan = self.plan_by(rules, Some(claim), rules.refresh_ahead);
                    self.load_in_background(known, key.to_key(), state, rules, plan, load);
                }
            }
            Some((_, Claimed::Throttled)) => self.count(Event::Throttled),
            _ => {}
        }
    }

    pub(super) fn plan_by(
        &self,
        rules: &FetchRules,
        claim: Option<RefreshClaim>,
        refresh_ahead: Option<f64>,
    ) -> LoadPlan {
        LoadPlan {
            claim,
            refresh_ahead,
            ..LoadPlan::new(rules, rules.hard.or(self.load_limit()))
        }
    }

    /// Outside a runtime nothing is loaded: a hit is one all the same.
    pub(super) fn load_in_background(
        &self,
        known: &LastKnown,
        key: Key,
        state: Arc<KeyState>,
        rules: &FetchRules,
        plan: LoadPlan,
        load: Load<F::Value>,
    ) {
        let Ok(runtime) = crate::backend::runtime::with_timer() else {
            return;
        };
        self.count(Event::Refresh);
        let (cache, clock, throttle) = (self.clone(), known.clock().clone(), rules.throttle());
        let unfinished = Unfinished(Arc::clone(&self.shared.counters));
        runtime.spawn(async move {
            match cache.fetch_one(key, load, plan).await {
                Ok(_) => std::mem::forget(unfinished),
                Err(error) => {
                    // Also where another caller has led the load.
                    state.throttle(throttled_until(&clock, throttle));
                    tracing::debug!(%error, "a load in the background failed");
                }
            }
        });
    }
}
