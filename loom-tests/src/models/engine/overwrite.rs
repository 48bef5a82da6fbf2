//! Overwriting a live entry against whatever else may happen to it.

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::sync::thread;

/// An overwrite while the clock evicts the entry: the value is in its lane, or takes a room of its own (I1, I2, I3).
#[test]
fn an_overwrite_against_an_eviction() {
    check("table::overwrite/evict", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let (k, l) = (key(1), key(2));
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.set(&l, 2);
        assert!(a.resident() <= 1, "I1");
        let seen = other.join().unwrap();
        assert!(matches!(seen, None | Some(1)), "I2: {seen:?} after set 1");
        assert_ne!(a.get(&k), Some(0), "I2: overwritten");
        assert_eq!(a.len(), 1, "I3");
        a.end(&[]);
    });
}

/// Two overwrites: both old values go, the last one stays (I2, I4).
///
/// Seeded fault: `overwrite-retires-always` (the loser of the exchange retires the entry too: dropped twice).
#[test]
fn two_overwrites_of_one_entry() {
    check("table::overwrite/overwrite", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.set(&k, 2);
        let seen = other.join().unwrap();
        assert!(matches!(seen, Some(1 | 2)), "I2: {seen:?}");
        assert!(matches!(a.get(&k), Some(1 | 2)), "I2");
        a.end(&[]);
    });
}

/// A reader keeps what it found while the entry is overwritten and freed (R1 to R3, I4).
///
/// Seeded fault: `publish-relaxed` (the entry is published without Release).
#[test]
fn a_reader_against_an_overwrite() {
    check("table::get/overwrite", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || (b.get(&k), b.get(&k))
        });
        a.set(&k, 1);
        a.set(&k, 2);
        let (first, second) = other.join().unwrap();
        assert!(first.is_some() && second.is_some(), "I2: never a miss");
        assert!(second >= first, "I2: {second:?} after {first:?}");
        a.end(&[]);
    });
}

/// An insert that finds its key live only when it has published: the live entry is its victim (I1, I2).
#[test]
fn an_insert_meets_an_overwrite() {
    check("table::insert, overwrite/insert", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let k = key(1);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.set(&k, 2);
            }
        });
        a.set(&k, 3);
        other.join().unwrap();
        assert!(matches!(a.get(&k), Some(2 | 3)), "I2, I3");
        assert_eq!(a.len(), 1, "I2");
        a.end(&[]);
    });
}

/// The same with a room for each: nobody has to look for a victim.
#[test]
fn an_insert_meets_an_overwrite_with_room() {
    check("table::insert, overwrite/insert, with room", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let k = key(1);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.set(&k, 2);
            }
        });
        a.set(&k, 3);
        other.join().unwrap();
        assert!(matches!(a.get(&k), Some(2 | 3)), "I2, I3");
        assert_eq!(a.len(), 1, "I2");
        a.end(&[]);
    });
}

/// What a thread sees of its key after its own insert, while another one inserts it too (I2).
#[test]
fn an_insert_is_seen_beside_another() {
    check("table::insert, get/insert", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let k = key(1);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.set(&k, 2);
        let seen = other.join().unwrap();
        // A set that another one overtook before it was live is over at once: a miss until that one is.
        assert!(matches!(seen, None | Some(1 | 2)), "I2: {seen:?}");
        assert!(matches!(a.get(&k), Some(1 | 2)), "I2, I3");
        assert_eq!(a.len(), 1, "I2");
        a.end(&[]);
    });
}
