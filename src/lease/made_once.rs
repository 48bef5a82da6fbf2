//! Something that is made by the first one who needs it.

use crate::sync::{AtomicPtr, Ordering};
use std::ptr::null_mut;

/// Nothing at first; then what one exchange has put there, for as long as this lives. No lock (I7): who comes second
/// drops his own.
#[derive(Debug)]
pub(super) struct MadeOnce<T>(AtomicPtr<T>);

impl<T> MadeOnce<T> {
    pub(super) fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// What is there. SeqCst: see B2.
    #[inline(always)]
    pub(super) fn get(&self) -> Option<&T> {
        // SAFETY: null, or a box of our own that nobody frees or changes before `self` is dropped.
        unsafe { self.0.load(Ordering::SeqCst).as_ref() }
    }

    /// The same, made now if need be. `None`: `make` made nothing.
    #[inline(always)]
    pub(super) fn get_or_make(&self, make: impl FnOnce() -> Option<T>) -> Option<&T> {
        self.get().or_else(|| self.make(make))
    }

    #[cold]
    fn make(&self, make: impl FnOnce() -> Option<T>) -> Option<&T> {
        let made = Box::into_raw(Box::new(make()?));
        if cfg!(tux_fault = "lease-level-stored") {
            self.0.store(made, Ordering::SeqCst);
            return self.get();
        }
        let exchanged =
            self.0
                .compare_exchange(null_mut(), made, Ordering::SeqCst, Ordering::SeqCst);
        if exchanged.is_err() {
            // SAFETY: made above, and the exchange failed: nobody else has seen it.
            drop(unsafe { Box::from_raw(made) });
        }
        self.get()
    }
}

impl<T> Drop for MadeOnce<T> {
    fn drop(&mut self) {
        let there = self.0.load(Ordering::Relaxed);
        if !there.is_null() {
            // SAFETY: the box that was put here; exclusive access.
            drop(unsafe { Box::from_raw(there) });
        }
    }
}

// SAFETY: owns a `T` as a box does, and lends it to every thread.
unsafe impl<T: Send + Sync> Send for MadeOnce<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for MadeOnce<T> {}
