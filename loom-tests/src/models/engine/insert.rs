//! Insert against insert, removal and eviction of one key.

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::sync::thread;

/// Two threads set one absent key: one entry lives, at every step (I1, I2, I3).
///
/// Seeded faults: `insert-no-rivals` (the search path is not looked at again after publishing),
/// `insert-spares-pending` (a PENDING rival is not killed): two live entries of one key.
#[test]
fn two_inserts_of_one_key() {
    check("table::insert/insert", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let k = key(1);
        let other = thread::spawn({
            let k = k.clone();
            move || b.set(&k, 1)
        });
        a.set(&k, 2);
        a.observe();
        other.join().unwrap();
        assert!(matches!(a.get(&k), Some(1 | 2)), "I3: a set was dropped");
        assert_eq!(a.len(), 1, "I2");
        a.end(&[]);
    });
}

/// The same while a third thread counts the live entries (I1, I2).
#[test]
fn two_inserts_of_one_key_observed() {
    check("table::insert/insert/observe", 2, 100, || {
        let [a, b, c] = world(1, KEEP);
        let k = key(1);
        let setter = thread::spawn({
            let k = k.clone();
            move || b.set(&k, 1)
        });
        let observer = thread::spawn(move || c.observe());
        a.set(&k, 2);
        setter.join().unwrap();
        observer.join().unwrap();
        assert!(matches!(a.get(&k), Some(1 | 2)), "I3: a set was dropped");
        a.end(&[]);
    });
}

/// Insert against invalidation: what the invalidation finds is gone, what comes later stays; nothing is dropped
/// twice (I2, I4).
#[test]
fn an_insert_against_an_invalidation() {
    check("table::insert/remove", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        let went = a.invalidate(&k);
        let seen = other.join().unwrap();
        assert!(matches!(seen, None | Some(1)));
        if went {
            assert_eq!(a.get(&k), None, "I2: invalidated and still there");
        }
        a.end(&[]);
    });
}

/// At capacity 1 two inserts of different keys: each evicts or is evicted, one stays (I1, I3).
#[test]
fn an_insert_against_an_eviction() {
    check("table::insert/evict", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let (k, l) = (key(1), key(2));
        let other = thread::spawn({
            let k = k.clone();
            move || b.set(&k, 1)
        });
        a.set(&l, 2);
        assert!(a.resident() <= 1, "I1");
        other.join().unwrap();
        a.observe();
        assert_eq!(a.len(), 1, "I3: room, and nobody in it");
        assert_eq!(a.evictions(), 1, "both sets count, so one was evicted");
        a.end(&[]);
    });
}
