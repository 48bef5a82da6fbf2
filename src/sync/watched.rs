//! `std`'s atomics, each access announced before it happens.
//!
//! For packages that compile the library's own sources under a cfg of ours (`tests/watched` sets
//! `tux_count`): such a package brings a module `watch` with an enum `Access` (`Load`, `Store`, `Update` for read-modify-writes, `Fence`) and
//! `fn before(access: Access, address: usize)`, which may count or wait. The library itself never compiles this file. The types have the size of the plain ones, so that lines are shared as in the library.
//!
//! Not seen: what `std`'s own `Arc` and locks do inside, and papaya.

use crate::watch::{Access, before};
use std::sync::atomic as plain;
pub(crate) use std::sync::atomic::Ordering;

/// See [`std::sync::atomic::fence`].
#[inline]
pub(crate) fn fence(order: Ordering) {
    before(Access::Fence, 0);
    plain::fence(order);
}

macro_rules! atomics {
    ($($name:ident $([$generic:ident])?: $value:ty;)*) => { $(
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name$(<$generic>)?(plain::$name$(<$generic>)?);

        impl$(<$generic>)? $name$(<$generic>)? {
            pub(crate) const fn new(value: $value) -> Self {
                Self(plain::$name::new(value))
            }

            #[inline]
            fn announce(&self, access: Access) {
                before(access, std::ptr::from_ref(self).addr());
            }

            #[inline]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.announce(Access::Load);
                self.0.load(order)
            }

            #[inline]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.announce(Access::Store);
                self.0.store(value, order);
            }

            #[inline]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.announce(Access::Update);
                self.0.swap(value, order)
            }

            #[inline]
            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.announce(Access::Update);
                self.0.compare_exchange(from, to, success, failure)
            }

            #[inline]
            pub(crate) fn compare_exchange_weak(
                &self,
                from: $value,
                to: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.announce(Access::Update);
                self.0.compare_exchange_weak(from, to, success, failure)
            }

            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut next: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(failure);
                while let Some(to) = next(seen) {
                    match self.compare_exchange_weak(seen, to, success, failure) {
                        Ok(seen) => return Ok(seen),
                        Err(newer) => seen = newer,
                    }
                }
                Err(seen)
            }

            /// Exclusive access: nothing to announce.
            pub(crate) fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            /// Exclusive access: nothing to announce.
            pub(crate) fn into_inner(self) -> $value {
                self.0.into_inner()
            }
        }
    )* };
}

macro_rules! updates {
    ($($name:ident $value:ty: $($update:ident)*;)*) => { $(
        impl $name {
            $(
                #[inline]
                pub(crate) fn $update(&self, with: $value, order: Ordering) -> $value {
                    self.announce(Access::Update);
                    self.0.$update(with, order)
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(Default::default())
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
updates! {
    AtomicBool bool: fetch_and fetch_or fetch_xor;
    AtomicI64 i64: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
    AtomicU8 u8: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
    AtomicU16 u16: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
    AtomicU32 u32: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
    AtomicU64 u64: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
    AtomicUsize usize: fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor;
}
