//! Loom's atomics, with the reads that its search would forget.
//!
//! Loom tries the other order of two accesses only if it remembers the first when it comes to the second, and of each
//! atomic it remembers one access (0.7.3, `rt/atomic.rs`, `last_access`). So when one thread loads, and then another
//! loads *and* stores, the second thread's own load hides the first one's, and "store first, then the load" is never
//! tried: the commonest race there is. Here each load leaves a note, an object of its own that it has touched just before,
//! and a store or read-modify-write first touches the notes of those other threads whose loads loom no longer remembers.
//! Each note is touched twice at most, so it adds no other order to the search; it carries no value and orders nothing.

use ::loom::sync::Notify;
use ::loom::sync::atomic as plain;
use plain::Ordering;
use std::cell::{Cell, RefCell};

/// The most threads of a model, its own included.
const THREADS: usize = 4;

::std::thread_local! {
    /// Loom runs all threads of a model on one thread of the system; each model runs on its own.
    static STARTED: Cell<usize> = const { Cell::new(0) };
    /// How many threads were spawned. Before the first one there is nobody to race with.
    static SPAWNED: Cell<usize> = const { Cell::new(0) };
}

::loom::thread_local! {
    static THREAD: usize = STARTED.replace(STARTED.get() + 1);
}

/// To be called at the start of each execution.
pub(crate) fn restart() {
    STARTED.set(0);
    SPAWNED.set(0);
}

/// To be called before a thread is spawned.
pub(crate) fn spawning() {
    SPAWNED.set(SPAWNED.get() + 1);
}

/// The loads of the atomic it belongs to, as far as no later store has touched their notes.
#[derive(Debug)]
struct Readers {
    /// By thread: the note of its last load.
    notes: RefCell<[Option<Notify>; THREADS]>,
    /// Whose access loom remembers.
    last: Cell<usize>,
}

// SAFETY: loom runs all threads of a model on one thread of the system, and switches only inside its own operations, none of
// which is called while the cell is borrowed.
unsafe impl Send for Readers {}
// SAFETY: as above.
unsafe impl Sync for Readers {}

impl Default for Readers {
    fn default() -> Self {
        Self {
            notes: RefCell::default(),
            last: Cell::new(THREADS),
        }
    }
}

impl Readers {
    /// A load: the note, the load itself, and only then is the note there for others to touch.
    fn load<T>(&self, load: impl FnOnce() -> T) -> T {
        let me = THREAD.with(|me| *me);
        if SPAWNED.get() == 0 {
            return load();
        }
        let note = Notify::new();
        note.notify();
        let value = load();
        self.notes.borrow_mut()[me] = Some(note);
        self.last.set(me);
        value
    }

    /// Whatever else is done to the atomic.
    fn disturb<T>(&self, store: impl FnOnce() -> T) -> T {
        let me = THREAD.with(|me| *me);
        while let Some(note) = self.hidden(me)
            && !cfg!(tux_fault = "shim-loads-forgotten")
        {
            note.notify();
        }
        let value = store();
        // Whoever stores later comes to terms with this store first.
        *self.notes.borrow_mut() = Default::default();
        self.last.set(me);
        value
    }

    /// Takes the note of another thread's load that loom has forgotten, if there is one.
    fn hidden(&self, me: usize) -> Option<Notify> {
        let mut notes = self.notes.borrow_mut();
        // Loom remembers the load of the last one itself. What this thread has loaded comes before what it does now.
        let known = [me, self.last.get()];
        let at = (0..THREADS).find(|at| notes[*at].is_some() && !known.contains(at))?;
        notes[at].take()
    }
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
                self.readers.load(|| self.word.load(order))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.readers.disturb(|| self.word.store(value, order));
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.readers.disturb(|| self.word.swap(value, order))
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.readers
                    .disturb(|| self.word.compare_exchange(from, to, success, failure))
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
                self.readers.disturb(|| self.word.fetch_add(by, order))
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, by: $value, order: Ordering) -> $value {
                self.readers.disturb(|| self.word.fetch_sub(by, order))
            }

            #[track_caller]
            pub(crate) fn fetch_max(&self, with: $value, order: Ordering) -> $value {
                self.readers.disturb(|| self.word.fetch_max(with, order))
            }

            #[track_caller]
            pub(crate) fn fetch_or(&self, with: $value, order: Ordering) -> $value {
                self.readers.disturb(|| self.word.fetch_or(with, order))
            }

            #[track_caller]
            pub(crate) fn fetch_and(&self, with: $value, order: Ordering) -> $value {
                self.readers.disturb(|| self.word.fetch_and(with, order))
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
