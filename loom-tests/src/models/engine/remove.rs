//! Removal of a live entry against removal, eviction and overwrite of it: its room is given back once (I1, I4).

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::sync::thread;

/// Seeded fault: `room-released-twice` (the ledger does not look whether the lane still waits).
#[test]
fn two_removals_of_one_entry() {
    check("table::remove/remove", 3, 100, || {
        let [a, b] = world(2, FREE);
        let (k, l) = (key(1), key(2));
        a.set(&k, 0);
        a.set(&l, 1);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                let went = b.invalidate(&k);
                b.observe();
                went
            }
        });
        let went = a.invalidate(&k);
        assert!(went ^ other.join().unwrap(), "exactly one removes it");
        assert_eq!((a.get(&k), a.get(&l)), (None, Some(1)));
        assert_eq!(a.resident(), 1, "I1: its room came back once");
        a.end(&[]);
    });
}

#[test]
fn a_removal_against_an_eviction() {
    check("table::remove/evict", 3, 100, || {
        let [a, b] = world(1, FREE);
        let (k, l) = (key(1), key(2));
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.invalidate(&k);
                b.get(&k)
            }
        });
        a.set(&l, 1);
        a.observe();
        assert_eq!(other.join().unwrap(), None, "I2: invalidated");
        assert_eq!(a.get(&l), Some(1), "I3");
        assert_eq!(a.resident(), 1, "I1");
        a.end(&[]);
    });
}

#[test]
fn a_removal_against_an_overwrite() {
    check("table::remove/overwrite", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let k = key(1);
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.invalidate(&k);
                b.get(&k)
            }
        });
        a.set(&k, 1);
        a.observe();
        assert_ne!(other.join().unwrap(), Some(0), "I2: invalidated");
        assert_ne!(a.get(&k), Some(0), "I2: invalidated and overwritten");
        a.end(&[]);
    });
}

/// Removal by predicate against a removal.
#[test]
fn a_removal_against_a_removal_by_predicate() {
    check("table::remove/remove matching", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || b.invalidate_matching(&k)
        });
        let went = usize::from(a.invalidate(&k));
        assert_eq!(went + other.join().unwrap(), 1, "exactly one removes it");
        assert_eq!(a.resident(), 0, "I1: its room came back once");
        a.end(&[]);
    });
}
