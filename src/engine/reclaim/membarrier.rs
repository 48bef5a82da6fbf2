//! `membarrier(2)`, private expedited.

use crate::sync::OnceLock;

/// Registers the process once; false where the kernel lacks the call or a filter forbids it.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && fence_all())
}

pub(super) fn fence_all() -> bool {
    call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

pub(super) fn call(command: libc::c_int) -> bool {
    // SAFETY: the call takes three integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
