//! What the options of a manager come to.

use std::time::Duration;

use super::options::{ManagerOptions, OnOutage, Scope};
use super::stale::LastKnown;
use crate::backend::Ttl;

/// The options as they are used, and what was known last under them.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What the caller wants of the TTL; `None` says nothing.
    ttl: Option<Ttl>,
    user_rank_ttl: Option<Ttl>,
    pub(crate) scope: Scope,
    pub(crate) on_outage: OnOutage,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) last_known: Option<LastKnown>,
}

impl Settings {
    /// # Panics
    /// When the options ask to remember absurdly many stale values.
    pub(crate) fn new(options: &ManagerOptions) -> Self {
        let last_known = options.stale.map(|(age, entries)| {
            LastKnown::new(age, entries).unwrap_or_else(|error| panic!("keep_stale: {error}"))
        });
        Self {
            ttl: options.ttl.map(Ttl::from),
            user_rank_ttl: options.user_rank_ttl.map(|ttl| Ttl::from(Some(ttl))),
            scope: options.scope,
            on_outage: options.on_outage,
            load_timeout: options.load_timeout,
            last_known,
        }
    }
}

/// Which TTL a family of values gets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifetime {
    /// That of the manager, else this.
    OfManager(Option<Duration>),
    /// That of users' ranks, else this.
    OfUserRanks(Duration),
}

impl Lifetime {
    /// What the caller asked for, else the built-in default.
    pub(crate) fn under(self, settings: &Settings) -> Ttl {
        match self {
            Self::OfManager(default) => settings.ttl.unwrap_or(Ttl::built_in(default)),
            Self::OfUserRanks(default) => settings
                .user_rank_ttl
                .unwrap_or(Ttl::built_in(Some(default))),
        }
    }
}
