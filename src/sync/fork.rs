//! What a child of `fork` must put right.
//!
//! Of a process with several threads only the one that forks goes on in the child; the others are stopped for ever, wherever they were.

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
