//! Keys and values whose every operation passes a gate, and a census of the values.

use crate::gate::{Site, pass};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) id: u64,
    /// Keys of one group have the same hash.
    pub(crate) group: u64,
}

impl Key {
    pub(crate) const fn new(id: u64, group: u64) -> Self {
        Self { id, group }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        pass(Site::Eq);
        self.id == other.id
    }
}
impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        pass(Site::Hash);
        state.write_u64(self.group);
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Group;

pub(crate) struct GroupHasher(u64);

impl BuildHasher for Group {
    type Hasher = GroupHasher;
    fn build_hasher(&self) -> GroupHasher {
        GroupHasher(0)
    }
}

impl Hasher for GroupHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys write a u64")
    }
    fn write_u64(&mut self, group: u64) {
        self.0 = group + 1;
    }
}

/// How many values there are.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicI64>);

impl Census {
    pub(crate) fn value(&self, key: Key, number: u64) -> Value {
        self.0.fetch_add(1, Ordering::SeqCst);
        Value {
            key,
            number,
            census: self.clone(),
        }
    }

    pub(crate) fn assert_all_gone(&self) {
        let left = self.0.load(Ordering::SeqCst);
        assert_eq!(left, 0, "I4: values left (or dropped twice, if negative)");
    }
}

pub(crate) struct Value {
    key: Key,
    number: u64,
    census: Census,
}

impl Value {
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        pass(Site::Clone);
        self.census.value(self.key, self.number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        pass(Site::Drop);
        self.census.0.fetch_sub(1, Ordering::SeqCst);
    }
}
