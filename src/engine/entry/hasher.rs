//! The hasher of caches that are given none.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

/// The hasher that caches have unless they are [given another](crate::TtlCacheBuilder::hasher): fast, and seeded anew for each cache, so
/// that keys which collide cannot be foreseen.
///
/// Which function it is (now aHash) may change in any release: nothing that it makes may be kept or sent.
#[derive(Clone)]
pub struct DefaultHasher(ahash::RandomState);

impl DefaultHasher {
    /// One with seeds of its own.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self(ahash::RandomState::new())
    }
}

impl Default for DefaultHasher {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl BuildHasher for DefaultHasher {
    type Hasher = KeyHasher;

    #[inline(always)]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.0.build_hasher())
    }

    #[inline(always)]
    fn hash_one<T: Hash>(&self, key: T) -> u64 {
        self.0.hash_one(key)
    }
}

impl fmt::Debug for DefaultHasher {
    /// Without the seeds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultHasher").finish_non_exhaustive()
    }
}

/// Hashes one key. Made by [`DefaultHasher`].
#[derive(Clone)]
pub struct KeyHasher(ahash::AHasher);

macro_rules! passed_on {
    ($($write:ident: $number:ty),*) => {
        $(
            #[inline(always)]
            fn $write(&mut self, number: $number) {
                self.0.$write(number);
            }
        )*
    };
}

impl Hasher for KeyHasher {
    passed_on!(
        write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128, write_usize: usize,
        write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128, write_isize: isize
    );

    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHasher").finish_non_exhaustive()
    }
}
