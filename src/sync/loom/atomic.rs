//! Loom's atomics, with the reads that its search would forget.
//!
//! Loom tries the other order of two accesses only if it remembers the first when it comes to the second, and of each
//! atomic it remembers one access (0.7.3, `rt/atomic.rs`, `last_access`). So when one thread loads, and then another
//! loads *and* stores, the second thread's own load hides the first one's, and "store first, then the load" is never
//! tried: the commonest race there is. Here every load is also an access to a word of the loading thread's own, and
//! every store or read-modify-write one to those words of all other threads. They carry no value and order nothing.

use ::loom::sync::atomic as plain;
use plain::Ordering;
use std::cell::Cell;

/// The most threads of a model, its own included.
const THREADS: usize = 4;

::std::thread_local! {
    /// Loom runs all threads of a model on one thread of the system; each model runs on its own.
    static STARTED: Cell<usize> = const { Cell::new(0) };
}

::loom::thread_local! {
    static THREAD: usize = STARTED.replace(STARTED.get() + 1);
}

/// To be called at the start of each execution.
pub(crate) fn restart() {
    STARTED.set(0);
}

/// Which threads have loaded the atomic it belongs to.
#[derive(Debug)]
struct Readers([plain::AtomicUsize; THREADS]);

impl Default for Readers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| plain::AtomicUsize::new(0)))
    }
}

impl Readers {
    fn note(&self) {
        touch(&self.0[THREAD.with(|me| *me)]);
    }

    fn disturb(&self) {
        let me = THREAD.with(|me| *me);
        for (thread, word) in self.0.iter().enumerate() {
            if thread != me && thread < STARTED.get() {
                touch(word);
            }
        }
    }
}

/// An access that conflicts with every other: an addition reads the newest value, so loom has nothing to choose.
fn touch(word: &plain::AtomicUsize) {
    word.fetch_add(0, Ordering::Relaxed);
}

macro_rules! atomics {
    ($($name:ident $([$generic:ident])?: $value:ty;)*) => { $(
        #[derive(Debug)]
        pub(crate) struct $name$(<$generic>)? {
            word: plain::$name$(<$generic>)?,
            readers: Readers,
        }

        impl$(<$generic>)? $name$(<$generic>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self { word: plain::$name::new(value), readers: Readers::default() }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.readers.note();
                self.word.load(order)
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.readers.disturb();
                self.word.store(value, order);
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.readers.disturb();
                self.word.swap(value, order)
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.readers.disturb();
                self.word.compare_exchange(from, to, success, failure)
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(from, to, success, failure)
            }

            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut next: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(failure);
                while let Some(to) = next(seen) {
                    match self.compare_exchange(seen, to, success, failure) {
                        Ok(seen) => return Ok(seen),
                        Err(newer) => seen = newer,
                    }
                }
                Err(seen)
            }
        }
    )* };
}

macro_rules! additions {
    ($($name:ident $value:ty;)*) => { $(
        impl $name {
            #[track_caller]
            pub(crate) fn fetch_add(&self, by: $value, order: Ordering) -> $value {
                self.readers.disturb();
                self.word.fetch_add(by, order)
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, by: $value, order: Ordering) -> $value {
                self.readers.disturb();
                self.word.fetch_sub(by, order)
            }

            #[track_caller]
            pub(crate) fn fetch_max(&self, with: $value, order: Ordering) -> $value {
                self.readers.disturb();
                self.word.fetch_max(with, order)
            }

            #[track_caller]
            pub(crate) fn fetch_or(&self, with: $value, order: Ordering) -> $value {
                self.readers.disturb();
                self.word.fetch_or(with, order)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(0)
            }
        }
    )* };
}

atomics! {
    AtomicBool: bool;
    AtomicI64: i64;
    AtomicU8: u8;
    AtomicU16: u16;
    AtomicU32: u32;
    AtomicU64: u64;
    AtomicUsize: usize;
    AtomicPtr[T]: *mut T;
}
additions! {
    AtomicI64 i64;
    AtomicU8 u8;
    AtomicU16 u16;
    AtomicU32 u32;
    AtomicU64 u64;
    AtomicUsize usize;
}
