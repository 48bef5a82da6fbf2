//! Keys that meet each other, and that yield the processor inside their own code.

use std::cell::Cell;
use std::hash::{BuildHasher, Hash, Hasher};

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(1) };
}

/// Lets another thread go on, at every third call or so.
fn perhaps_yield() {
    let mut x = CALLS.get().wrapping_mul(0x5851_f42d_4c95_7f2d) + 1;
    CALLS.set(x);
    x >>= 33;
    if x.is_multiple_of(3) {
        std::thread::yield_now();
    }
}

#[derive(Debug)]
pub(crate) struct Key(pub(crate) u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        perhaps_yield();
        Self(self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        perhaps_yield();
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Two hashes for all keys.
#[derive(Clone, Copy, Default)]
pub(crate) struct OneOfTwo;

pub(crate) struct Bit(u64);

impl BuildHasher for OneOfTwo {
    type Hasher = Bit;
    fn build_hasher(&self) -> Bit {
        Bit(0)
    }
}

impl Hasher for Bit {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys write a u64")
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n % 2;
    }
}
