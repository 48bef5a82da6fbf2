//! Counting, per manager, the values whose shape is wrong.
//!
//! A read through a backend tells a wrong shape from an absent key only in the backend's own counter. In memory, which
//! answers on the spot, the thread knows whether its last read was one ([`last_read_was_wrong`]); behind a socket the read
//! runs inside a scope of the task that knows the manager's counters.

use std::future::Future;
use std::sync::Arc;

use super::stats::{Event, EventCounters};
pub(crate) use crate::backend::last_read_was_wrong;
use crate::backend::{CacheValue, Json};

tokio::task_local! {
    static READING: Arc<EventCounters>;
}

/// A `T` read from a store that answers later.
#[derive(Clone)]
pub(crate) struct CountedRead<T>(pub(crate) T);

impl<T: CacheValue> CacheValue for CountedRead<T> {
    fn to_json(&self) -> Json {
        self.0.to_json()
    }

    fn from_json(json: &Json) -> Option<Self> {
        let value = T::from_json(json);
        if value.is_none() {
            // Outside a scope nobody asked for the count.
            let _ = READING.try_with(|counters| counters.add(Event::Undecodable));
        }
        value.map(Self)
    }

    fn from_text(text: &[u8]) -> Option<Self> {
        T::from_text(text).map(Self)
    }
}

/// Runs a read whose wrong shapes count for `counters`.
pub(crate) async fn counting_mismatches<F: Future>(
    counters: &Arc<EventCounters>,
    read: F,
) -> F::Output {
    READING.scope(Arc::clone(counters), read).await
}
