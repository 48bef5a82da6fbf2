//! What a child of `fork` must put right.
//!
//! Of a process with several threads only the one that forks goes on in the child; the others are stopped for ever, wherever they were, and
//! what they had locked stays locked.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// Has `repair` called in every child of a `fork` from now on, by the one thread there is, before the fork returns to it. It must do
/// nothing that a signal handler may not do. To be called before there is anything to repair; more than once does no harm
/// if `repair` does none.
///
/// Children of `vfork`, `posix_spawn` and a bare `clone` are not told.
pub(crate) fn in_forked_child(repair: extern "C" fn()) {
    #[cfg(all(unix, not(miri)))]
    // SAFETY: a function that lives as long as the program. (Should there be no memory to note it, there is none for a cache.)
    unsafe {
        libc::pthread_atfork(None, None, Some(repair));
    }
    #[cfg(not(all(unix, not(miri))))]
    let _ = repair;
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// A number that is another in a child of `fork` than in its parent. One load.
#[inline]
pub(crate) fn process_number() -> u32 {
    // Relaxed: it changes while there is one thread.
    FORKS.load(Ordering::Relaxed)
}

/// Has [`process_number`] changed by forks from now on. To be called by whoever keeps one.
pub(crate) fn count_forks() {
    static COUNTED: AtomicBool = AtomicBool::new(false);
    extern "C" fn child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    if !COUNTED.load(Ordering::Acquire) {
        // Before it is noted: a fork in between finds nothing that rests on it. Twice counts twice.
        in_forked_child(child);
        COUNTED.store(true, Ordering::Release);
    }
}

static INTERRUPTIONS: AtomicU32 = AtomicU32::new(0);

/// How many forks on the way to this process have stopped another thread inside a call of a cache. One load.
#[inline]
pub(crate) fn interruptions() -> u32 {
    // Relaxed: it changes while there is one thread.
    INTERRUPTIONS.load(Ordering::Relaxed)
}

/// Counts one. To be called in the child, before the fork returns.
pub(crate) fn count_interruption() {
    INTERRUPTIONS.fetch_add(1, Ordering::Relaxed);
}

/// Something that is made anew when a number has become another, such as one that forks change. What was made before is left as it
/// is. Lock-free.
pub(crate) struct Renewed<T> {
    current: AtomicPtr<Made<T>>,
}

struct Made<T> {
    number: u32,
    value: T,
}

impl<T> Renewed<T> {
    pub(crate) const fn new() -> Self {
        Self {
            current: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// What was made under this number, by whoever was first.
    #[inline]
    pub(crate) fn get(&self, number: u32, make: impl FnOnce() -> T) -> &T {
        // SAFETY: null, or published and freed only with `self`.
        match unsafe { self.current.load(Ordering::Acquire).as_ref() } {
            Some(made) if made.number == number => &made.value,
            other => self.renew(other, number, make()),
        }
    }

    #[cold]
    fn renew(&self, mut old: Option<&Made<T>>, number: u32, value: T) -> &T {
        let new = Box::into_raw(Box::new(Made { number, value }));
        loop {
            let then = old.map_or(std::ptr::null_mut(), |old| {
                std::ptr::from_ref(old).cast_mut()
            });
            match self
                .current
                .compare_exchange(then, new, Ordering::AcqRel, Ordering::Acquire)
            {
                // The old one stays as it is: this thread may be using it, and it may be locked for ever.
                // SAFETY: published, and freed only with `self`.
                Ok(_) => return unsafe { &(*new).value },
                Err(theirs) => {
                    // SAFETY: not null, since it was replaced; published, and freed only with `self`.
                    let theirs = unsafe { &*theirs };
                    if theirs.number == number {
                        // SAFETY: never published.
                        drop(unsafe { Box::from_raw(new) });
                        return &theirs.value;
                    }
                    old = Some(theirs);
                }
            }
        }
    }

    /// Frees what was made under this number. What was made under another is left.
    pub(crate) fn end(&mut self, number: u32) {
        let current = *self.current.get_mut();
        // SAFETY: null, or published by `renew`; nobody else has it any more.
        if let Some(made) = unsafe { current.as_ref() }
            && made.number == number
        {
            *self.current.get_mut() = std::ptr::null_mut();
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

// SAFETY: it owns a `T`, and hands out shared references to it.
unsafe impl<T: Send + Sync> Send for Renewed<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Renewed<T> {}

/// Something that each process has of its own: a child of `fork` makes another one at its first use. So what the parent's other
/// threads had locked, or were just changing, is not met again. Lock-free, one load more.
pub(crate) struct PerProcess<T> {
    made: Renewed<T>,
    make: fn() -> T,
}

impl<T> PerProcess<T> {
    /// Made at its first use.
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self {
            made: Renewed::new(),
            make,
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> &T {
        self.made.get(process_number(), || {
            count_forks();
            (self.make)()
        })
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        self.made.end(process_number());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_a_process() {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let own = PerProcess::new(|| MADE.fetch_add(1, Ordering::Relaxed));
        assert_eq!(*own.get(), 0);
        let first = own.made.current.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(*own.get(), 0));
            }
        });
        assert!(std::ptr::eq(
            own.made.current.load(Ordering::Relaxed),
            first
        ));
        // As a fork would leave it.
        // SAFETY: made by `get`; nobody else uses it now.
        unsafe { (*first).number = u32::MAX };
        assert_eq!((*own.get(), *own.get()), (1, 1));
        // SAFETY: what another process made is leaked on purpose; here it is freed.
        drop(unsafe { Box::from_raw(first) });
    }
}
