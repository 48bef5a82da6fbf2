//! Keys that share a bucket, and keys that overflow into the next one. Under loom a bucket has two slots.

use super::super::check;
use super::support::{KEEP, key, world};
use crate::sync::thread;

/// Two keys of one bucket do not touch each other, whatever their hints say (I2).
///
/// Seeded fault: `hint-trusted` (a key without a hint is missing: a hint lost to a racing store).
#[test]
fn two_keys_in_one_bucket() {
    check("table::two keys, one bucket", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let (k, l) = (key(1), key(2));
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.set(&l, 2);
        assert_eq!(a.get(&l), Some(2), "I2");
        assert_eq!(other.join().unwrap(), Some(1), "I2");
        assert_eq!((a.get(&k), a.get(&l)), (Some(1), Some(2)));
        a.end(&[]);
    });
}

/// The home bucket is full, so a key goes to the next one; meanwhile the home bucket gets a free slot and another
/// thread sets the same key there. A lone exchange per bucket would let both live (I2).
///
/// Seeded faults: `insert-no-rivals`, `lacks-at-home-only` (a look-up takes a key for missing that lives behind its home).
#[test]
fn one_key_in_two_buckets() {
    check("table::overflow", 3, 100, || {
        let [a, b] = world(3, KEEP);
        let keys = [1, 2, 3].map(key);
        a.set(&keys[0], 0);
        a.set(&keys[1], 1);
        let other = thread::spawn({
            let key = keys[2].clone();
            move || b.set(&key, 2)
        });
        a.invalidate(&keys[0]);
        a.set(&keys[2], 3);
        a.observe();
        other.join().unwrap();
        assert!(matches!(a.get(&keys[2]), Some(2 | 3)), "I3");
        assert_eq!((a.get(&keys[1]), a.len()), (Some(1), 2), "I2");
        a.end(&[]);
    });
}

/// A key that lives behind its full home bucket is found there until it leaves, whoever comes and goes before it (I2).
///
/// Seeded fault: `displacements-forgotten` (an overwrite uncounts the entry in the buckets it has passed, as if it had left).
#[test]
fn an_overflown_key_stays_reachable() {
    check("table::overflow, reachable", 3, 100, || {
        let [a, b] = world(4, KEEP);
        let keys = [1, 2, 3, 4].map(key);
        for (id, key) in (0..).zip(&keys[..3]) {
            a.set(key, id);
        }
        let other = thread::spawn({
            let keys = keys.clone();
            move || {
                // Overflows too, and leaves again: the count of those who passed must not fall below the truth.
                b.set(&keys[3], 3);
                b.invalidate(&keys[3])
            }
        });
        a.set(&keys[2], 4);
        a.invalidate(&keys[0]);
        assert_eq!(a.get(&keys[2]), Some(4), "I2: not found behind its home");
        assert!(other.join().unwrap());
        assert_eq!(a.get(&keys[2]), Some(4), "I2: not found behind its home");
        a.end(&[]);
    });
}
