//! What a backend counts.

use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "valkey")]
use crate::error::ErrorKind;
#[cfg(feature = "valkey")]
use crate::histogram::DurationHistogram;

/// Counters of a backend since it was made. All zero where a backend has no such event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendStats {
    /// Values that could not be decoded, or had the wrong shape for their key, and read as a miss.
    pub undecodable: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Requests that got no answer in time.
    pub timeouts: u64,
    /// Requests refused at once because the server was known to be away.
    pub refused: u64,
    /// Removals taken into the retry queue: of keys whose invalidation failed, and of keys whose write
    /// failed, because what the server holds under them is outdated.
    pub retries_queued: u64,
    /// Removals that a retry carried out.
    pub retries_done: u64,
    /// Removals that the server refused (a missing permission, for one). They stay in the queue, are named in the
    /// log and tried again every second; until then this process reads their keys as missing.
    pub retries_refused: u64,
    /// Removals lost because the queue was full or the service closed: a stale value may live for
    /// its TTL.
    pub retries_lost: u64,
    /// Removals that wait in the queue now, or are being carried out.
    pub retries_pending: u64,
}

/// The live counters. Relaxed throughout: each is a sum of its own, read for reports only.
#[derive(Debug, Default)]
pub(crate) struct BackendCounters {
    undecodable: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) retries_queued: AtomicU64,
    pub(crate) retries_done: AtomicU64,
    pub(crate) retries_refused: AtomicU64,
    pub(crate) retries_lost: AtomicU64,
    #[cfg(feature = "valkey")]
    pub(crate) round_trips: DurationHistogram,
    #[cfg(feature = "valkey")]
    pub(crate) errors: ErrorCounters,
}

/// Failed requests by the kind of their error.
#[cfg(feature = "valkey")]
#[derive(Debug, Default)]
pub(crate) struct ErrorCounters([AtomicU64; KINDS.len()]);

/// What a request to a server can fail with, in words that become labels; the last stands for all others.
#[cfg(feature = "valkey")]
const KINDS: [(ErrorKind, &str); 9] = [
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::Timeout, "timeout"),
    (ErrorKind::Auth, "auth"),
    (ErrorKind::Protocol, "protocol"),
    (ErrorKind::WrongType, "wrong_type"),
    (ErrorKind::ReadOnly, "read_only"),
    (ErrorKind::OutOfMemory, "out_of_memory"),
    (ErrorKind::Closed, "closed"),
    (ErrorKind::Server, "server"),
];

#[cfg(feature = "valkey")]
impl ErrorCounters {
    pub(crate) fn add(&self, kind: ErrorKind) {
        let at = KINDS.iter().position(|(known, _)| *known == kind);
        add(&self.0[at.unwrap_or(KINDS.len() - 1)]);
    }

    pub(crate) fn for_each(&self, mut visit: impl FnMut(&'static str, u64)) {
        for ((_, label), count) in KINDS.iter().zip(&self.0) {
            visit(label, count.load(Ordering::Relaxed));
        }
    }
}

impl BackendCounters {
    pub(crate) fn undecodable(&self) {
        add(&self.undecodable);
    }

    pub(crate) fn snapshot(&self) -> BackendStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BackendStats {
            undecodable: load(&self.undecodable),
            reconnects: load(&self.reconnects),
            timeouts: load(&self.timeouts),
            refused: load(&self.refused),
            retries_queued: load(&self.retries_queued),
            retries_done: load(&self.retries_done),
            retries_refused: load(&self.retries_refused),
            retries_lost: load(&self.retries_lost),
            retries_pending: 0,
        }
    }
}

/// One more.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
