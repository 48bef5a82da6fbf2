//! What others keep beside a store, once for each.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::sync::map_guard;

/// One value of each type, made when it is first asked for. Nobody waits for another thread to make one.
#[derive(Default)]
pub(crate) struct Kept(papaya::HashMap<TypeId, Arc<dyn Any + Send + Sync>, ahash::RandomState>);

impl Kept {
    /// The value of this type; of two that are made at once one is kept.
    pub(crate) fn of<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let (id, guard) = (TypeId::of::<T>(), map_guard(&self.0));
        let kept = match self.0.get(&id, &guard) {
            Some(kept) => kept,
            None => self.0.get_or_insert(id, Arc::new(make()), &guard),
        };
        match Arc::clone(kept).downcast() {
            Ok(kept) => kept,
            Err(_) => unreachable!("found by its type"),
        }
    }
}
