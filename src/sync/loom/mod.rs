//! The shim inside the model checker: every operation is a point where loom may switch threads.

pub(crate) mod atomic;
mod fork;

pub(crate) use self::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};
pub(crate) use self::fork::{PerProcess, process_number};
pub(crate) use ::loom::sync::atomic::{Ordering, fence};
pub(crate) use ::loom::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use ::loom::thread_local;
pub(crate) use ::std::cell::UnsafeCell;
/// See the `std` twin: an owner that loom need not watch.
pub(crate) use ::std::sync::Arc as StdArc;
pub(crate) use ::std::sync::Weak;

/// Loom's threads, announced to the atomics.
pub(crate) mod thread {
    pub(crate) use ::loom::thread::*;

    pub(crate) fn spawn<F, T>(run: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        super::atomic::spawning();
        ::loom::thread::spawn(run)
    }
}

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

/// See the `std` twin.
pub(crate) fn fence_behind_exchange() {
    fence(Ordering::SeqCst);
}

/// Lets the other threads run.
pub(crate) fn spin_hint() {
    ::loom::thread::yield_now();
}

/// A witness that memory is not used after it was freed, nor freed without a happens-before edge from each of its
/// users: what a thread sanitizer would say of a plain field.
#[derive(Debug)]
pub(crate) struct Witness(
    ::loom::cell::UnsafeCell<()>,
    ::std::sync::atomic::AtomicBool,
);

// SAFETY: nothing is stored; the cell is touched to have the checker object.
unsafe impl Sync for Witness {}

impl Witness {
    pub(crate) fn new() -> Self {
        Self(
            ::loom::cell::UnsafeCell::new(()),
            ::std::sync::atomic::AtomicBool::new(false),
        )
    }

    /// The memory around it is about to be read.
    #[track_caller]
    pub(crate) fn used(&self) {
        // The checker objects to unordered accesses only; this one to a use after the free, by the same thread too.
        let freed = self.1.load(Ordering::Relaxed);
        assert!(!freed, "R1: used after it was freed");
        self.0.with(|_| ());
    }

    /// The memory around it is free now.
    #[track_caller]
    pub(crate) fn freed(&self) {
        let twice = self.1.swap(true, Ordering::Relaxed);
        assert!(!twice, "R1: freed twice");
        self.0.with_mut(|_| ());
    }
}

/// Words that only advise (the eviction clock). By default loom does not branch on them: no invariant may rest on what
/// they say, and each stale value they could show would multiply the interleavings. `TUX_LOOM_ADVICE=1` gives them
/// loom's atomics too.
pub(crate) mod advice {
    #[cfg(tux_loom_advice)]
    pub(crate) use super::atomic::{
        AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    };
    #[cfg(not(tux_loom_advice))]
    pub(crate) use ::std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    };
}
