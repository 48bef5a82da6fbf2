//! Options for what happens before, at and after the end of a value's life, and whether all of them go together.

use std::time::Duration;

use super::family::Family;
use super::options::ManagerOptions;
use super::policy::rules::Bounds;
use crate::backend::{Backend, Ttl};
use crate::error::{Error, Result};

/// What the options of a manager are measured by: its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ManagerFacts {
    /// For people.
    pub(crate) name: &'static str,
    /// Whether its values decide who may do what.
    pub(crate) is_security: bool,
    /// The built-in TTL.
    pub(crate) ttl: Option<Duration>,
}

impl ManagerFacts {
    /// Of a manager of one family.
    pub(crate) const fn of<F: Family>() -> Self {
        Self {
            name: F::NAME,
            is_security: F::IS_SECURITY,
            ttl: F::TTL,
        }
    }
}

impl ManagerOptions {
    /// Refreshes ahead: a hit of `get_or_fetch` for a value of whose life this fraction is over answers at once, and starts one load
    /// of the key in the background. More than 0, less than 1; needs a TTL. Default: nothing is refreshed ahead.
    pub fn refresh_ahead(mut self, fraction: f64) -> Self {
        self.rules.refresh_ahead = Some(fraction);
        self
    }

    /// Stale while revalidating: for so long past its end a value answers the calls that take a stale one
    /// (`get_or_fetch_stale`) at once, and one load goes on in the background. Needs [`keep_stale`](Self::keep_stale).
    pub fn stale_while_revalidating(mut self, time: Duration) -> Self {
        self.rules.revalidate = Some(time);
        self
    }

    /// Stale on error: for so long past its end a value answers the calls that take a stale one when the load fails or takes too
    /// long. Needs [`keep_stale`](Self::keep_stale).
    pub fn stale_on_error(mut self, time: Duration) -> Self {
        self.rules.on_error = Some(time);
        self
    }

    /// After a load has failed none of the same key is tried for so long, where a stale or a live value answers meanwhile.
    /// Default: 5 s.
    pub fn throttle(mut self, time: Duration) -> Self {
        self.rules.throttle = Some(time);
        self
    }

    /// Soft timeout: a call that takes a stale value waits so long for a load before it gets one; the load goes on and is
    /// stored. Must be shorter than [`load_timeout`](Self::load_timeout), the hard one. Needs
    /// [`stale_on_error`](Self::stale_on_error), which says how stale.
    pub fn soft_timeout(mut self, limit: Duration) -> Self {
        self.rules.soft = Some(limit);
        self
    }

    /// Each loaded value lives longer than its TTL by a random time of at most `most`, so that values that were loaded together do not
    /// end together. At most the TTL. Valkey keeps whole seconds. Default: none.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.rules.jitter = Some(most);
        self
    }

    /// Makes the [`jitter`](Self::jitter) of one manager repeat itself: for tests.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// The TTL of loaded values that say that there is nothing (`None`, a command without a rule). Default: the same as for others.
    pub fn absent_ttl(mut self, ttl: Duration) -> Self {
        self.rules.absent_ttl = Some(ttl);
        self
    }

    /// Allows stale answers where they may let somebody in: for jail status and permissions.
    pub fn allow_stale_security(mut self) -> Self {
        self.allow_stale_security = true;
        self
    }

    /// Whether the options go together, as far as that does not depend on the manager.
    ///
    /// # Errors
    /// Kind `Config`; the text names the options that contradict each other, and their values.
    pub fn validate(&self) -> Result<()> {
        self.rules.check(&self.bounds(self.ttl, None))
    }

    /// Whether they go together, with what the manager keeps, and where.
    pub(crate) fn check(&self, facts: &ManagerFacts, backend: &Backend) -> Result<()> {
        let ttl = self.ttl.map_or(Ttl::built_in(facts.ttl), Ttl::from);
        let bounds = self.bounds(Some(backend.lifetime(ttl)), Some(facts));
        let of_whom = |error: Error| Error::config(format!("{}: {}", facts.name, error.message()));
        self.rules.check(&bounds).map_err(of_whom)
    }

    /// What the rules of these options, or of one call, are measured by.
    pub(crate) fn bounds(
        &self,
        lifetime: Option<Option<Duration>>,
        facts: Option<&ManagerFacts>,
    ) -> Bounds<'static> {
        let refused = facts.filter(|facts| facts.is_security && !self.allow_stale_security);
        Bounds {
            load_timeout: self.load_timeout,
            stale: self.stale,
            lifetime,
            tracks: self.rules.refresh_ahead.is_some(),
            refused_for: refused.map(|facts| facts.name),
        }
    }
}
