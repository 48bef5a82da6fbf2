//! The shim inside the model checker: every operation is a point where loom may switch threads.

pub(crate) use ::loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering, fence,
};
pub(crate) use ::loom::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use ::loom::{thread, thread_local};
pub(crate) use ::std::cell::UnsafeCell;
/// See the `std` twin: an owner that loom need not watch.
pub(crate) use ::std::sync::Arc as StdArc;
pub(crate) use ::std::sync::Weak;

/// Loom has no cache lines.
#[derive(Debug, Default)]
pub(crate) struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> ::std::ops::Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A compiler fence orders nothing between threads; where the protocol needs one (the guard), the
/// loom build must use a real fence, which is what this gives.
pub(crate) fn compiler_fence(order: Ordering) {
    fence(order);
}

/// See the `std` twin: loom weakens `SeqCst` accesses to acquire/release, so the order comes from here.
pub(crate) fn dekker_fence() {
    fence(Ordering::SeqCst);
}

/// Lets the other threads run.
pub(crate) fn spin_hint() {
    ::loom::thread::yield_now();
}
