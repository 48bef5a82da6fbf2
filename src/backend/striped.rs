//! Locks for keys: a fixed number of them, spread over all keys, and each key always has the same one.

use std::hash::Hash;

use crate::sync::PerProcess;

/// `N` locks. Two keys may share one, which costs time and nothing else; the memory does not grow with the keys. A child
/// of `fork` has its own: the parent's may be locked for ever.
pub(crate) struct Striped<M, const N: usize>(PerProcess<[M; N]>);

impl<M: Default, const N: usize> Striped<M, N> {
    pub(crate) const fn new() -> Self {
        Self(PerProcess::new(|| std::array::from_fn(|_| M::default())))
    }

    /// Which of the locks a key has.
    pub(crate) fn index_of<K: Hash + ?Sized>(key: &K) -> usize {
        // Fixed seeds: any spread does, and one key must stay on one lock.
        (ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(key) % N as u64) as usize
    }

    /// The lock of a key.
    pub(crate) fn of<K: Hash + ?Sized>(&self, key: &K) -> &M {
        self.at(Self::index_of(key))
    }

    /// One of the locks.
    pub(crate) fn at(&self, index: usize) -> &M {
        &self.0.get()[index]
    }

    /// Which locks several keys have, each once and in ascending order, so that no two batches wait for each other in a
    /// circle.
    pub(crate) fn indices_of<'k, K: Hash + ?Sized + 'k>(
        keys: impl Iterator<Item = &'k K>,
    ) -> Vec<usize> {
        let mut indices: Vec<usize> = keys.map(Self::index_of).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    type Locks = Striped<Mutex<()>, 8>;

    #[test]
    fn a_key_has_one_lock_and_the_keys_have_all_of_them() {
        let locks = Locks::new();
        let held = locks.of("a").lock().unwrap();
        assert!(locks.of("a").try_lock().is_err());
        drop(held);
        let keys: Vec<u64> = (0..1_000).map(|key| key << 22).collect();
        assert_eq!(Locks::indices_of(keys.iter()), (0..8).collect::<Vec<_>>());
        let one = Locks::indices_of([7_u64, 7].iter());
        assert_eq!(one, [Locks::index_of(&7_u64)]);
    }
}
