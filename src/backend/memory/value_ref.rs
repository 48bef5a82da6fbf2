//! A typed value, lent by memory.

use crate::backend::key::Key;
use crate::backend::value::{CacheValue, Value};
use crate::engine::ValueRef;

/// A value that is lent from its entry for a moment: it must not live across a wait.
pub(crate) struct TypedRef<'c, T> {
    /// Only for as long as `lent` lives, whatever its lifetime says.
    value: &'c T,
    lent: ValueRef<'c, Key, Value>,
}

impl<'c, T: CacheValue> TypedRef<'c, T> {
    /// `None` when the entry holds another type.
    #[inline(always)]
    pub(super) fn of(lent: ValueRef<'c, Key, Value>) -> Option<Self> {
        let value: *const T = lent.value().typed()?;
        // SAFETY: it lies in the entry or in what the entry owns, and both stay for as long as the guard in `lent` is
        // open; `value` below hands it out for as long as `self`, and so `lent`, lives.
        let value = unsafe { &*value };
        Some(Self { value, lent })
    }

    /// The value.
    #[inline(always)]
    pub(crate) fn value(&self) -> &T {
        self.value
    }

    /// Counts the loan as a hit of the engine.
    #[inline(always)]
    pub(crate) fn count(&self) {
        self.lent.count();
    }
}
