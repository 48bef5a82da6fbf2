//! What a dashboard asks of the connection.

use super::ValkeyBackend;
use crate::histogram::Histogram;

impl ValkeyBackend {
    /// How long the server took to answer: one duration for each write of one command or several and its answer, failed ones too. A
    /// request whose future was dropped is not among them. O(buckets).
    #[must_use]
    pub fn round_trips(&self) -> Histogram {
        self.core().link.counters.round_trips.snapshot()
    }

    /// Every kind of error a request can fail with, and how many did. Those refused at once because there is no connection are among them.
    pub(crate) fn for_each_error(&self, visit: impl FnMut(&'static str, u64)) {
        self.core().link.counters.errors.for_each(visit);
    }
}
