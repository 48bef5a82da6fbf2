//! What a caller's TTL means, and the time that a write goes by.

use super::cache::TtlCache;
use crate::engine::threads::local::Local;
use crate::time::{Stamp, Ticks};
use std::time::Duration;

/// How long an entry is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Life {
    /// Not at all: it takes the place of what was there, and is not kept.
    None,
    For(Ticks),
    Forever,
}

impl From<Option<Duration>> for Life {
    fn from(ttl: Option<Duration>) -> Self {
        match ttl {
            Some(Duration::ZERO) => Self::None,
            None | Some(Duration::MAX) => Self::Forever,
            Some(ttl) => Self::For(Ticks::of(ttl).announced()),
        }
    }
}

/// Writes between two looks at the real time.
const WRITES_PER_CORRECTION: u32 = 64;

impl<K, V, S> TtlCache<K, V, S> {
    /// What the deadline of a write is reckoned from, and the tick at which it finds others expired. Corrects a late ticker
    /// now and then.
    #[inline(always)]
    pub(super) fn time_of_write(&self, local: &Local<K, V>) -> (Stamp, u64) {
        let writes = local.writes.get();
        if writes.is_multiple_of(WRITES_PER_CORRECTION) {
            let lag = self.time.correct();
            if lag > local.counters.ticker_lag.get() {
                local.counters.ticker_lag.set(lag);
            }
        }
        local.writes.set(writes.wrapping_add(1));
        (self.time.stamp(), self.time.tick())
    }
}
