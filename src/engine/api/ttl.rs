//! What a caller's TTL means.

use crate::time::Ticks;
use std::time::Duration;

/// How long an entry is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum EntryTtl {
    /// Not at all: it takes the place of what was there, and is not kept.
    None,
    For(Ticks),
    Forever,
}

impl From<Option<Duration>> for EntryTtl {
    fn from(ttl: Option<Duration>) -> Self {
        match ttl {
            Some(Duration::ZERO) => Self::None,
            None | Some(Duration::MAX) => Self::Forever,
            Some(ttl) => Self::For(Ticks::of(ttl).announced()),
        }
    }
}
