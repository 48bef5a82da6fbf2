//! No `membarrier` here: both sides use full fences.

#[cfg_attr(tux_loom, allow(dead_code))]
pub(crate) fn is_available() -> bool {
    false
}

#[cfg_attr(tux_loom, allow(dead_code))]
pub(crate) fn again() {}

pub(super) fn fence_all() -> bool {
    false
}
