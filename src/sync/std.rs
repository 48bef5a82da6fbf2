//! The shim as the library runs it: plain `std`.

pub(crate) use crossbeam_utils::CachePadded;
pub(crate) use std::cell::UnsafeCell;
/// `std`'s `Arc` in both builds: for owners that loom need not watch, and for `std::task::Wake`.
pub(crate) use std::sync::Arc as StdArc;
pub(crate) use std::sync::atomic::compiler_fence;
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
pub(crate) use std::{thread, thread_local};

#[cfg(not(tux_count))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering, fence,
};

#[cfg(tux_count)]
#[path = "watched.rs"]
mod watched;
#[cfg(tux_count)]
pub(crate) use watched::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering, fence,
};

/// Orders a sequentially consistent read-modify-write before the sequentially consistent loads that
/// follow it (store → load, one half of a Dekker pair).
///
/// Formally the `SeqCst` accesses around it already agree on one total order, so no instruction is
/// needed; loom treats them as acquire/release only and gets a real fence here instead.
#[inline(always)]
pub(crate) fn dekker_fence() {}

/// A full fence right behind an exchange or another read-modify-write: on x86-64 that is one itself, elsewhere it takes an
/// instruction.
#[inline(always)]
pub(crate) fn fence_behind_exchange() {
    if cfg!(target_arch = "x86_64") {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// A bounded pause for a retry after losing a race.
#[inline(always)]
pub(crate) fn spin_hint() {
    ::std::hint::spin_loop();
}

/// Where the model checker watches that memory is not used after it was freed; nothing here.
#[derive(Debug)]
pub(crate) struct Witness;

impl Witness {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self
    }

    /// The memory around it is about to be read.
    #[inline(always)]
    pub(crate) fn used(&self) {}

    /// The memory around it is free now.
    #[inline(always)]
    pub(crate) fn freed(&self) {}
}

/// Atomics for words that only advise (the eviction clock): no invariant rests on what they say.
pub(crate) mod advice {
    pub(crate) use super::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
}
