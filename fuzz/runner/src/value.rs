//! Values that know their number and are counted while they live.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How many values of one run are alive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census(Arc<AtomicI64>);

impl Census {
    pub(crate) fn value(&self, id: u64) -> Value {
        self.0.fetch_add(1, Ordering::Relaxed);
        Value {
            id,
            census: self.clone(),
        }
    }

    pub(crate) fn alive(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One value: every write has its own number.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) id: u64,
    census: Census,
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.census.value(self.id)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let before = self.census.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "I4: value {} was dropped twice", self.id);
    }
}
