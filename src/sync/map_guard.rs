//! Guards of papaya's maps that can also be had while a thread's thread-local destructors run.
//!
//! papaya's usual guard goes by a thread-local number, and panics once that has been destroyed; its owned guard does not,
//! but costs a lock. So a thread-local of ours, made after papaya's and therefore destroyed before it, says which to take.

use papaya::{LocalGuard, OwnedGuard};
use seize::{Collector, Guard};
use std::cell::Cell;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unused,
    Alive,
    Ending,
}

struct Canary;

impl Drop for Canary {
    fn drop(&mut self) {
        STATE.set(State::Ending);
    }
}

thread_local! {
    /// No destructor, so it can be read at any time of a thread's life for the price of one load.
    static STATE: Cell<State> = const { Cell::new(State::Unused) };
    static CANARY: Canary = const { Canary };
}

/// A guard of one of papaya's maps.
pub(crate) enum EitherGuard<'m> {
    Local(LocalGuard<'m>),
    Owned(OwnedGuard<'m>),
}

/// Enters a guard; never panics.
#[inline]
pub(crate) fn map_guard<K: Hash + Eq, V, S: BuildHasher>(
    map: &papaya::HashMap<K, V, S>,
) -> EitherGuard<'_> {
    if STATE.get() == State::Alive {
        EitherGuard::Local(map.guard())
    } else {
        other_guard(map)
    }
}

#[cold]
fn other_guard<K: Hash + Eq, V, S: BuildHasher>(map: &papaya::HashMap<K, V, S>) -> EitherGuard<'_> {
    if is_numbered(|| drop(map.guard())) {
        return EitherGuard::Local(map.guard());
    }
    EitherGuard::Owned(map.owned_guard())
}

/// Whether the thread has papaya's number, which it gets by entering a guard.
fn is_numbered(enter: impl FnOnce()) -> bool {
    if STATE.get() == State::Unused {
        // papaya's number first, so that ours goes before it. It panics if the number has gone already, in a thread that
        // uses papaya for itself and comes to us for the first time as it ends.
        let numbered = catch_unwind(AssertUnwindSafe(enter)).is_ok();
        let lives = numbered && CANARY.try_with(|_| ()).is_ok();
        STATE.set(if lives { State::Alive } else { State::Ending });
    }
    STATE.get() == State::Alive
}

/// Runs something that needs papaya's number: in a thread of its own where this one has none any more. (If there is no thread to
/// be had either, it is not run.)
pub(crate) fn with_number<T: Send>(collector: &Collector, it: T, run: impl FnOnce(T) + Send) {
    if is_numbered(|| drop(collector.enter())) {
        run(it);
    } else {
        std::thread::scope(|scope| {
            _ = std::thread::Builder::new().spawn_scoped(scope, || run(it));
        });
    }
}

impl Guard for EitherGuard<'_> {
    fn refresh(&mut self) {
        match self {
            Self::Local(guard) => guard.refresh(),
            Self::Owned(guard) => guard.refresh(),
        }
    }

    fn flush(&self) {
        match self {
            Self::Local(guard) => guard.flush(),
            Self::Owned(guard) => guard.flush(),
        }
    }

    #[inline]
    fn collector(&self) -> &Collector {
        match self {
            Self::Local(guard) => guard.collector(),
            Self::Owned(guard) => guard.collector(),
        }
    }

    #[inline]
    fn thread_id(&self) -> usize {
        match self {
            Self::Local(guard) => guard.thread_id(),
            // An owned guard asks the thread-local number after all. papaya only spreads counters by this.
            Self::Owned(_) => 0,
        }
    }

    unsafe fn defer_retire<T>(&self, ptr: *mut T, reclaim: unsafe fn(*mut T, &Collector)) {
        // SAFETY: the same contract.
        unsafe {
            match self {
                Self::Local(guard) => guard.defer_retire(ptr, reclaim),
                Self::Owned(guard) => guard.defer_retire(ptr, reclaim),
            }
        }
    }
}
