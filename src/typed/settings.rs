//! What the options of a manager come to.

use std::time::Duration;

use super::options::{ManagerOptions, OnOutage, Scope};
use super::stale::LastKnown;
use crate::backend::Ttl;
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
    pub(crate) last_known: Option<LastKnown>,
}

impl Settings {
    /// # Panics
    /// When the options ask to remember absurdly many stale values.
    pub(crate) fn new(options: &ManagerOptions) -> Self {
        Self::try_new(options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// # Errors
    /// Kind `Config` in the same case.
    pub(crate) fn try_new(options: &ManagerOptions) -> Result<Self> {
        let last_known = match options.stale {
            Some((age, entries)) => Some(LastKnown::new(age, entries).map_err(|error| {
                Error::new(error.kind(), format!("keep_stale: {}", error.message()))
            })?),
            None => None,
        };
        Ok(Self {
            ttl: options.ttl.map(Ttl::from),
            user_rank_ttl: options.user_rank_ttl.map(|ttl| Ttl::from(Some(ttl))),
            scope: options.scope,
            on_outage: options.on_outage,
            load_timeout: options.load_timeout,
            last_known,
        })
    }
}
