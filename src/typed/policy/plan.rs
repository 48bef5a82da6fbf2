//! What a load is given on its way: its loader, its limits, and the claim it holds.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::fetched::Fetched;
use super::rules::FetchRules;
use super::state::{ClaimTerm, Claimed, KeyState};
use crate::backend::Key;
use crate::error::{Error, ErrorKind, Result};
use crate::time::StoreClock;

pub(crate) type Loading<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;
/// Loads the values of these keys, in their order; `None` where there is none, which is not kept.
pub(crate) type Loader<T> = Box<dyn FnOnce(Vec<Key>) -> Loading<Vec<Option<T>>> + Send>;
/// Loads one value, with what was known of it before.
pub(crate) type Refresher<T> = Box<dyn FnOnce(Option<T>) -> Loading<Fetched<T>> + Send>;

/// A caller's loader.
pub(crate) enum Load<T> {
    Many(Loader<T>),
    One(Refresher<T>),
}

/// What was loaded for one key, and the TTL that its loader gave it: `Some(None)` for ever.
pub(crate) struct LoadedAnswer<T> {
    pub(crate) value: T,
    pub(crate) ttl: Option<Option<Duration>>,
}

impl<T: Clone + Send + 'static> Load<T> {
    /// Runs it. Called inside the future that is returned: a panic in it unwinds in the task that polls.
    pub(crate) async fn run(
        self,
        keys: Vec<Key>,
        old: Option<T>,
    ) -> Result<Vec<Option<LoadedAnswer<T>>>> {
        match self {
            Self::Many(load) => {
                let values = load(keys).await?.into_iter();
                let answer = |value| LoadedAnswer { value, ttl: None };
                Ok(values.map(|value| value.map(answer)).collect())
            }
            Self::One(load) => {
                let fetched = load(old.clone()).await?;
                let (value, ttl) = fetched.over(old).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Loader,
                        "the loader answered `not_modified`, but was shown no old value: it must load one then",
                    )
                })?;
                Ok(vec![Some(LoadedAnswer { value, ttl })])
            }
        }
    }

    /// Whether it wants to see what was known before.
    pub(crate) fn sees_old(&self) -> bool {
        matches!(self, Self::One(_))
    }
}

/// How a load is to be carried out.
#[derive(Debug)]
pub(crate) struct LoadPlan {
    /// How long it may take.
    pub(crate) limit: Option<Duration>,
    /// The TTL that this call asks for.
    pub(crate) ttl: Option<Duration>,
    pub(crate) absent_ttl: Option<Duration>,
    pub(crate) jitter: Option<Duration>,
    /// A live value is no reason not to load while it is due: once this share of its life is over.
    pub(crate) refresh_ahead: Option<f64>,
    pub(crate) claim: Option<RefreshClaim>,
    /// Of a caller without a claim that has a stale value to answer with: if it comes to lead, it claims then, and does not load
    /// if a load has failed meanwhile (W3).
    pub(crate) turn: Option<ClaimTurn>,
}

impl LoadPlan {
    pub(crate) fn new(rules: &FetchRules, limit: Option<Duration>) -> Self {
        Self {
            limit,
            ttl: rules.ttl,
            absent_ttl: rules.absent_ttl,
            jitter: rules.jitter,
            refresh_ahead: None,
            claim: None,
            turn: None,
        }
    }
}

/// What a claim is made of.
#[derive(Clone, Debug)]
pub(crate) struct ClaimTurn {
    pub(crate) state: Arc<KeyState>,
    pub(crate) clock: StoreClock,
    pub(crate) throttle: Duration,
}

impl ClaimTurn {
    pub(crate) fn claim(&self) -> (Claimed, Option<RefreshClaim>) {
        let claimed = self.state.claim(self.clock.now());
        let claim = match claimed {
            Claimed::Yes(term) => Some(RefreshClaim {
                turn: self.clone(),
                term,
                begun: false,
                done: false,
            }),
            _ => None,
        };
        (claimed, claim)
    }

    /// A load has failed that was not claimed here.
    pub(crate) fn failed(&self) {
        self.state.throttle(self.throttled_until());
    }

    fn throttled_until(&self) -> u64 {
        let millis = u64::try_from(self.throttle.as_millis()).unwrap_or(u64::MAX);
        self.clock.now().saturating_add(millis)
    }
}

/// The right to load a key, with its end (W4): dropped before the load has begun it is given back, dropped later it is a
/// failure, unless the load was [`done`](Self::done).
#[derive(Debug)]
pub(crate) struct RefreshClaim {
    turn: ClaimTurn,
    term: ClaimTerm,
    begun: bool,
    done: bool,
}

impl RefreshClaim {
    /// The load begins.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
    }

    /// The load has ended well.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for RefreshClaim {
    fn drop(&mut self) {
        let state = &self.turn.state;
        if self.begun && !self.done {
            state.fail(self.term, self.turn.throttled_until());
        } else {
            state.release(self.term);
        }
    }
}
