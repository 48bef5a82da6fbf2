//! The three kinds.

use super::bounded::Bounded;
use super::unbounded::Unbounded;

#[expect(
    clippy::large_enum_variant,
    reason = "one per cache, and the large one is read on every hit"
)]
pub(in crate::engine) enum Index<K, V, S> {
    /// Capacity 0.
    Nothing(S),
    Bounded(S, Bounded<K, V>),
    Unbounded(Unbounded<K, V, S>),
}

impl<K, V, S> Index<K, V, S> {
    /// The hasher and the index of a bounded cache.
    ///
    /// # Safety
    ///
    /// It is one.
    #[inline(always)]
    pub(in crate::engine) unsafe fn bounded(&self) -> (&S, &Bounded<K, V>) {
        match self {
            Self::Bounded(hasher, bounded) => (hasher, bounded),
            // SAFETY: by the contract.
            _ => unsafe { std::hint::unreachable_unchecked() },
        }
    }
}
