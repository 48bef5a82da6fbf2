//! `registry.rs` inside the model checker, which sees into no foreign map: a loom mutex around a `HashMap`.

use std::collections::HashMap;

use super::flight::Flight;
use super::source::FlightKey;
use crate::sync::{Mutex, StdArc};

type Entered<K, V, L> = StdArc<Flight<K, V, L>>;

/// The flights under way, by key.
pub(crate) struct Registry<K, V, L> {
    map: Mutex<HashMap<K, Entered<K, V, L>>>,
}

impl<K, V, L> Registry<K, V, L> {
    pub(crate) fn new() -> Self {
        Self {
            map: Mutex::new(HashMap::new()),
        }
    }
}

impl<K: FlightKey, V, L> Registry<K, V, L> {
    pub(crate) fn get(&self, key: &K) -> Option<Entered<K, V, L>> {
        self.map.lock().unwrap().get(key).cloned()
    }

    pub(crate) fn enter(
        &self,
        flight: &Entered<K, V, L>,
        stale: Option<&Entered<K, V, L>>,
    ) -> Result<(), Entered<K, V, L>> {
        let mut map = self.map.lock().unwrap();
        match map.get(&flight.key) {
            Some(present) if !stale.is_some_and(|stale| StdArc::ptr_eq(stale, present)) => {
                Err(StdArc::clone(present))
            }
            _ => {
                map.insert(flight.key.clone(), StdArc::clone(flight));
                Ok(())
            }
        }
    }

    pub(crate) fn remove(&self, flight: &Entered<K, V, L>) {
        let mut map = self.map.lock().unwrap();
        if map.get(&flight.key).is_some_and(|present| {
            StdArc::ptr_eq(present, flight) || cfg!(tux_fault = "load-remove-any")
        }) {
            map.remove(&flight.key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.lock().unwrap().len()
    }
}
