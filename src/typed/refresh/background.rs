//! Loads that nobody waits for.

use std::sync::Arc;

use crate::backend::{Key, KeyRef};
use crate::typed::TypedCache;
use crate::typed::family::Family;
use crate::typed::policy::known::LastKnown;
use crate::typed::policy::plan::{ClaimTurn, Load, LoadPlan, RefreshClaim};
use crate::typed::policy::rules::FetchRules;
use crate::typed::policy::state::Claimed;
use crate::typed::stats::{Event, EventCounters};

/// Counts a load in the background that brings no value, whatever becomes of its task.
struct Unfinished {
    counters: Arc<EventCounters>,
    finished: bool,
}

impl Unfinished {
    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            self.counters.add(Event::RefreshError);
        }
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
        let is_due = |fraction: &f64| known.is_due(key, *fraction) == Some(true);
        if rules.refresh_ahead.filter(is_due).is_none() {
            return;
        }
        let Some(turn) = known.turn(key, rules) else {
            return;
        };
        match turn.claim() {
            (Claimed::Yes(_), claim) => {
                if let Some(load) = load.take() {
                    let plan = LoadPlan {
                        refresh_ahead: rules.refresh_ahead,
                        ..self.plan_by(rules, claim)
                    };
                    self.load_in_background(key.to_key(), turn, plan, load);
                }
            }
            (Claimed::Throttled, _) => self.count(Event::Throttled),
            _ => {}
        }
    }

    pub(super) fn plan_by(&self, rules: &FetchRules, claim: Option<RefreshClaim>) -> LoadPlan {
        LoadPlan {
            claim,
            ..LoadPlan::new(rules, rules.hard.or(self.load_limit()))
        }
    }

    /// Outside a runtime nothing is loaded: a hit is one all the same.
    pub(super) fn load_in_background(
        &self,
        key: Key,
        turn: ClaimTurn,
        plan: LoadPlan,
        load: Load<F::Value>,
    ) {
        let Ok(runtime) = crate::backend::runtime::with_timer() else {
            return;
        };
        self.count(Event::Refresh);
        let cache = self.clone();
        let unfinished = Unfinished {
            counters: Arc::clone(&self.shared.counters),
            finished: false,
        };
        runtime.spawn(async move {
            match cache.fetch_one(key, load, plan).await {
                Ok(_) => unfinished.finish(),
                Err(error) => {
                    // Also where another caller has led the load.
                    turn.failed();
                    tracing::debug!(%error, "a load in the background failed");
                }
            }
        });
    }
}
