//! What a call goes by: the family's options, with those of the call before them.

use std::time::Duration;

use crate::error::{Error, Result};

/// After a failure nothing is loaded for so long, where a stale value answers meanwhile.
pub(crate) const THROTTLE: Duration = Duration::from_secs(5);

/// Rules of a family, or of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FetchRules {
    /// Refresh once this share of the TTL is over.
    pub(crate) refresh_ahead: Option<f64>,
    /// How long past its end a value is an answer at once.
    pub(crate) revalidate: Option<Duration>,
    /// How long past its end a value is an answer when the load fails or is slow.
    pub(crate) on_error: Option<Duration>,
    pub(crate) throttle: Option<Duration>,
    pub(crate) soft: Option<Duration>,
    /// Of a call.
    pub(crate) hard: Option<Duration>,
    /// Of a call.
    pub(crate) ttl: Option<Duration>,
    pub(crate) absent_ttl: Option<Duration>,
    pub(crate) jitter: Option<Duration>,
}

/// What rules are measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// How long a load may take.
    pub(crate) load_timeout: Option<Duration>,
    /// What `keep_stale` says: age and number.
    pub(crate) stale: Option<(Duration, usize)>,
    /// How long entries live, if that is known; `Some(None)`: they do not expire.
    pub(crate) lifetime: Option<Option<Duration>>,
    /// Whether the ends of lives are kept track of, where `stale` does not ask for it.
    pub(crate) tracks: bool,
    /// The family for which stale answers are refused.
    pub(crate) refused_for: Option<&'a str>,
}

impl FetchRules {
    /// Those of a call before those of its family.
    pub(crate) fn over(&self, family: &Self) -> Self {
        Self {
            refresh_ahead: self.refresh_ahead.or(family.refresh_ahead),
            revalidate: self.revalidate.or(family.revalidate),
            on_error: self.on_error.or(family.on_error),
            throttle: self.throttle.or(family.throttle),
            soft: self.soft.or(family.soft),
            hard: self.hard.or(family.hard),
            ttl: self.ttl.or(family.ttl),
            absent_ttl: self.absent_ttl.or(family.absent_ttl),
            jitter: self.jitter.or(family.jitter),
        }
    }

    /// For callers that take no stale answer.
    pub(crate) fn fresh_only(&self) -> Self {
        Self {
            revalidate: None,
            on_error: None,
            soft: None,
            ..self.clone()
        }
    }

    /// Whether a call has to do more than look up, load and wait.
    pub(crate) fn goes_beyond_a_load(&self) -> bool {
        self.refresh_ahead.is_some() || self.answers_stale()
    }

    pub(crate) fn answers_stale(&self) -> bool {
        self.revalidate.is_some() || self.on_error.is_some() || self.soft.is_some()
    }

    pub(crate) fn throttle(&self) -> Duration {
        self.throttle.unwrap_or(THROTTLE)
    }

    /// Whether a value that has been over for so many milliseconds is an answer in place of waiting.
    pub(crate) fn answers_at_once(&self, over: u64) -> bool {
        within(self.revalidate, over)
    }

    /// Whether it is one when the load fails, is slow, or is not tried.
    pub(crate) fn answers_for_a_load(&self, over: u64) -> bool {
        within(self.on_error, over) || within(self.revalidate, over)
    }

    /// # Errors
    /// Kind `Config`: two rules that contradict each other, both with their values.
    pub(crate) fn check(&self, bounds: &Bounds<'_>) -> Result<()> {
        self.check_refresh_ahead(bounds)?;
        self.check_stale(bounds)?;
        let limit = self.hard.or(bounds.load_timeout);
        if let (Some(soft), Some(hard)) = (self.soft, limit)
            && soft >= hard
        {
            return wrong(format!(
                "soft_timeout is {soft:?} and load_timeout {hard:?}: soft_timeout must be the shorter one"
            ));
        }
        if let (Some(own), Some(family)) = (self.hard, bounds.load_timeout)
            && own > family
        {
            return wrong(format!(
                "a call's load_timeout is {own:?} and its family's {family:?}: a call may wait for less, not for more"
            ));
        }
        let ttl = self.ttl.map(Some).or(bounds.lifetime);
        match (self.jitter, ttl) {
            (Some(jitter), Some(Some(ttl))) if jitter > ttl => wrong(format!(
                "jitter is {jitter:?} and the TTL {ttl:?}: jitter must be at most the TTL"
            )),
            _ => Ok(()),
        }
    }

    fn check_refresh_ahead(&self, bounds: &Bounds<'_>) -> Result<()> {
        let Some(fraction) = self.refresh_ahead else {
            return Ok(());
        };
        if !(fraction > 0.0 && fraction < 1.0) {
            return wrong(format!(
                "refresh_ahead is {fraction}: it must be a fraction of the TTL, more than 0 and less than 1"
            ));
        }
        if self.ttl.is_none() && bounds.lifetime == Some(None) {
            return wrong(format!(
                "refresh_ahead is {fraction} and there is no TTL: what does not expire needs no refresh; set a ttl"
            ));
        }
        if bounds.stale.is_none() && !bounds.tracks {
            return wrong(format!(
                "a call's refresh_ahead is {fraction}, but its family keeps no track of ends: set refresh_ahead or keep_stale in its ManagerOptions"
            ));
        }
        self.check_kept("refresh_ahead", bounds)
    }

    fn check_stale(&self, bounds: &Bounds<'_>) -> Result<()> {
        let options = [
            ("stale_while_revalidating", self.revalidate),
            ("stale_on_error", self.on_error),
            ("soft_timeout", self.soft),
        ];
        for (name, time) in options {
            let Some(time) = time else { continue };
            if let Some(family) = bounds.refused_for {
                return wrong(format!(
                    "{name} is {time:?}, but the family is {family}: a stale answer could let in whom it should not; if that is meant, call allow_stale_security()"
                ));
            }
            if bounds.stale.is_none() {
                return wrong(format!(
                    "{name} is {time:?}, but no stale values are kept: say how old and how many with keep_stale(max_age, max_entries)"
                ));
            }
            self.check_kept(name, bounds)?;
        }
        if let (Some(soft), None, None) = (self.soft, self.on_error, self.revalidate) {
            return wrong(format!(
                "soft_timeout is {soft:?} without stale_on_error: say for how long past its end a value may answer a slow load"
            ));
        }
        Ok(())
    }

    /// What a rule builds upon is kept for long enough.
    fn check_kept(&self, name: &str, bounds: &Bounds<'_>) -> Result<()> {
        let Some((age, entries)) = bounds.stale else {
            return Ok(());
        };
        if age.is_zero() || entries == 0 {
            return wrong(format!(
                "{name} is set, but keep_stale({age:?}, {entries}) keeps nothing: age and number must be more than zero"
            ));
        }
        let ttl = self.ttl.map(Some).or(bounds.lifetime);
        match ttl {
            Some(Some(ttl)) if age <= ttl => wrong(format!(
                "keep_stale keeps values for {age:?} and they live for {ttl:?}: nothing would be left for {name}; keep them for longer than the TTL"
            )),
            _ => Ok(()),
        }
    }
}

fn within(bound: Option<Duration>, over: u64) -> bool {
    bound.is_some_and(|bound| u128::from(over) <= bound.as_millis())
}

fn wrong(text: String) -> Result<()> {
    Err(Error::config(text))
}
