//! What the options of a manager come to.

use std::sync::Arc;
use std::time::Duration;

use super::options::{ManagerOptions, OnOutage, Scope};
use super::policy::Jitter;
use super::policy::known::LastKnown;
use super::policy::rules::FetchRules;
use crate::backend::{Backend, Ttl};
use crate::error::{Error, Result};

/// The options as they are used, and what was known last under them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Settings {
    /// What the caller wants of the TTL; `None` says nothing.
    pub(crate) ttl: Option<Ttl>,
    pub(crate) user_rank_ttl: Option<Ttl>,
    pub(crate) scope: Scope,
    pub(crate) on_outage: OnOutage,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) last_known: Option<Arc<LastKnown>>,
    pub(crate) rules: FetchRules,
    pub(crate) jitter: Jitter,
    /// As they were asked for.
    pub(crate) options: ManagerOptions,
}

impl Settings {
    /// On this backend: its clock says how old what is remembered is.
    ///
    /// # Errors
    /// Kind `Config` when the options ask to remember absurdly many values.
    pub(crate) fn new(options: &ManagerOptions, backend: &Backend) -> Result<Self> {
        let last_known = match (options.stale, options.rules.refresh_ahead) {
            (None, None) => None,
            (stale, _) => Some(
                LastKnown::new(backend, stale)
                    .map_err(|error| Error::config(format!("keep_stale: {}", error.message())))?,
            ),
        };
        Ok(Self {
            ttl: options.ttl.map(Ttl::from),
            user_rank_ttl: options.user_rank_ttl.map(|ttl| Ttl::from(Some(ttl))),
            scope: options.scope,
            on_outage: options.on_outage,
            load_timeout: options.load_timeout,
            last_known,
            rules: options.rules.clone(),
            jitter: Jitter::new(options.jitter_seed),
            options: options.clone(),
        })
    }

    /// Whether a hit may have more to do than answer.
    pub(crate) fn hits_may_refresh(&self) -> bool {
        self.rules.refresh_ahead.is_some()
    }
}
