//! `membarrier(2)`, private expedited.

use crate::sync::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

/// Registers the process once; false where the kernel lacks the call or a filter forbids it. Lock-free: two threads may ask
/// the kernel at once, and get the same answer.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: AtomicU8 = AtomicU8::new(UNKNOWN);
    match AVAILABLE.load(Ordering::Relaxed) {
        UNKNOWN => {
            let present = register() && fence_all();
            let known = if present { PRESENT } else { ABSENT };
            // The first answer counts for all: a fence that is light for one thread must be heavy for the other.
            let first =
                AVAILABLE.compare_exchange(UNKNOWN, known, Ordering::Relaxed, Ordering::Relaxed);
            first.map_or_else(|before| before, |_| known) == PRESENT
        }
        known => known == PRESENT,
    }
}

fn register() -> bool {
    call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// Registers a child of `fork`. (Linux hands the registration on, but does not promise it.)
pub(crate) fn again() {
    register();
}

pub(super) fn fence_all() -> bool {
    call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

pub(super) fn call(command: libc::c_int) -> bool {
    // SAFETY: the call takes three integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
