//! What the cache knows a key by.

use super::DefaultHasher;
use std::any::TypeId;
use std::hash::{BuildHasher, Hash as StdHash};

/// A hash: the top bits choose the home bucket, the low ones are the slot tag. Always odd, as tags are (see
/// [`Word`](crate::engine::table::word::Word)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Hash {
    #[inline(always)]
    pub(crate) const fn new(hash: u64) -> Self {
        Self(hash | 1)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// This hash's share of `all`: a number below it, unless it is zero. By the top bits.
    #[inline(always)]
    pub(crate) fn share(self, all: usize) -> usize {
        ((u128::from(self.0) * all as u128) >> 64) as usize
    }

    /// The 16 bits that stand beside the address in a slot word.
    #[inline(always)]
    pub(crate) fn tag(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The 16 bits that the ghosts know a key by.
    #[inline(always)]
    pub(crate) fn fingerprint(self) -> u16 {
        (self.0 >> 16 & 0xffff) as u16
    }

    /// A hint byte for each slot: a bucket's hint word has that of the slot the entry stands in. Of the bytes for the last
    /// slots large tables know a part already, by the bucket.
    #[inline(always)]
    pub(crate) fn hints(self) -> u64 {
        self.0
    }
}

/// Hashes are spread by a multiplication unless they come from ahash, ours or the caller's own, which spreads them itself.
#[inline(always)]
pub(in crate::engine) fn hash_of<S: BuildHasher + 'static, Q: StdHash + ?Sized>(
    hasher: &S,
    key: &Q,
) -> Hash {
    let hash = hasher.hash_one(key);
    let hasher = TypeId::of::<S>();
    if hasher == TypeId::of::<DefaultHasher>() || hasher == TypeId::of::<ahash::RandomState>() {
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
