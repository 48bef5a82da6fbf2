//! Loads under way of one type of value: they belong to the store, so that all managers on it share them.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::backend::striped::Striped;
use crate::backend::{Backend, Key, StoreLease};
use crate::single_flight::Group;

/// Locks of publications: so many can be under way without waiting for one another.
pub(crate) type Publishers = Striped<Mutex<()>, 128>;

/// The loads of one type of value on one store. They may bring nothing for a key.
pub(crate) struct Flights<T> {
    pub(crate) group: Group<Key, Option<T>, StoreLease>,
    /// Held while a loaded value is being stored, striped by key. A load that begins meanwhile looks into
    /// the store only afterwards, so that it finds the value instead of loading it again.
    pub(crate) publishers: Publishers,
}

impl<T: Send + Sync + 'static> Flights<T> {
    /// Those of the store that serves `backend` now.
    pub(crate) fn of(backend: &Backend) -> Arc<Self> {
        backend.kept(|| Self {
            group: Group::new(),
            publishers: Publishers::new(),
        })
    }
}
