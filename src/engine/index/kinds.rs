//! What a cache keeps its entries in, and how calls get there.

use super::bounded::Bounded;
use super::unbounded::Unbounded;
use crate::engine::api::TtlCache;
use crate::engine::entry::Hash;
use crate::engine::reclaim::{Quick, TurnGuard};
use crate::engine::threads::current::{far, quick};
use crate::engine::threads::local::Local;
use std::any::TypeId;
use std::hash::{BuildHasher, Hash as StdHash};

/// What a call that needs but one short guard works with.
pub(in crate::engine) struct Short<'c, K, V, S> {
    pub(in crate::engine) slot: Quick,
    pub(in crate::engine) local: &'c Local<K, V>,
    pub(in crate::engine) hasher: &'c S,
    pub(in crate::engine) bounded: &'c Bounded<K, V>,
    pub(in crate::engine) guard: TurnGuard<'static>,
}

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

/// Hashes are spread by a multiplication unless they come from ahash, which spreads them itself.
#[inline(always)]
pub(in crate::engine) fn hash_of<S: BuildHasher + 'static, Q: StdHash + ?Sized>(
    hasher: &S,
    key: &Q,
) -> Hash {
    let hash = hasher.hash_one(key);
    if TypeId::of::<S>() == TypeId::of::<ahash::RandomState>() {
        Hash::new(hash)
    } else {
        let wide = u128::from(hash ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "folds the two halves of the product"
        )]
        Hash::new((wide >> 64) as u64 ^ wide as u64)
    }
}

impl<K, V, S> TtlCache<K, V, S> {
    /// Enters the calling thread's turn, if this cache is bounded, the thread is not new to it, and outside its turn.
    #[inline(always)]
    pub(in crate::engine) fn enter_turn(&self) -> Option<Short<'_, K, V, S>> {
        let slot = quick();
        let (local, guard) = self.locals.enter_turn(slot)?;
        // SAFETY: only the parts of bounded caches are quick (see `build`).
        let (hasher, bounded) = unsafe { self.index.bounded() };
        Some(Short {
            slot,
            local,
            hasher,
            bounded,
            guard,
        })
    }

    /// [`enter_turn`](Self::enter_turn) for threads beyond those that it is for.
    #[inline(always)]
    pub(in crate::engine) fn enter_far_turn(&self) -> Option<(&Local<K, V>, TurnGuard<'static>)> {
        let (far, place) = far()?;
        let local = self.locals.made_far(place)?;
        Some((local, far.enter_turn()?))
    }
}
