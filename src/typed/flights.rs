//! Loads under way of one type of value: they belong to the store, so that all managers on it share them.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::backend::{Backend, Key, StoreLease};
use crate::single_flight::Group;
use crate::sync::PerProcess;

/// How many publications can be under way without waiting for one another.
const PUBLISHERS: usize = 128;

/// The loads of one type of value on one store.
pub(crate) struct Flights<T> {
    pub(crate) group: Group<Key, T, StoreLease>,
    /// Held while a loaded value is being stored, striped by key. A load that begins meanwhile looks into
    /// the store only afterwards, so that it finds the value instead of loading it again.
    pub(crate) publishers: PerProcess<Box<[Mutex<()>]>>,
}

impl<T: Send + Sync + 'static> Flights<T> {
    /// Those of the store that serves `backend` now.
    pub(crate) fn of(backend: &Backend) -> Arc<Self> {
        backend.kept(|| Self {
            group: Group::new(),
            publishers: PerProcess::new(|| (0..PUBLISHERS).map(|_| Mutex::new(())).collect()),
        })
    }
}

impl<T> Flights<T> {
    pub(crate) fn publisher(&self, key: &Key) -> usize {
        // Fixed seeds: any spread does, and one key must stay on one stripe.
        ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(key) as usize % PUBLISHERS
    }

    /// The publishers of several keys, each once and in ascending order, so that no two batches wait for each other in a
    /// circle.
    pub(crate) fn stripes<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Vec<usize> {
        let mut stripes: Vec<usize> = keys.map(|key| self.publisher(key)).collect();
        stripes.sort_unstable();
        stripes.dedup();
        stripes
    }
}
