//! Keys of which several have one hash.

use std::hash::{BuildHasher, Hash, Hasher};

use super::hook::{Site, pass};

/// A key. Two are the same if their ids are; those of one group have the same hash.
#[derive(Debug, Copy)]
pub struct Key {
    /// What it is compared by.
    pub id: u64,
    /// What is hashed of it.
    pub group: u64,
}

impl Key {
    /// A key of a group.
    pub const fn new(id: u64, group: u64) -> Self {
        Self { id, group }
    }
}

#[expect(
    clippy::non_canonical_clone_impl,
    reason = "the cache calls it, and tests copy"
)]
impl Clone for Key {
    fn clone(&self) -> Self {
        pass(Site::CloneKey);
        *self
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

/// Hashes each group to a value of its own, the same in every run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group;

/// Of [`Group`].
#[derive(Debug)]
pub struct GroupHasher(u64);

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
