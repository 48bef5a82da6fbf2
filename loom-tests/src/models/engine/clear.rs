//! Clear against set: ordered by a generation, not by time (I5).

use super::super::check;
use super::support::{KEEP, key, world};
use crate::sync::thread;

/// What was set before is gone for whoever cleared; what is set meanwhile is there or not, whole.
///
/// Seeded fault: `clear-not-seen` (entries of earlier generations count as current).
#[test]
fn a_clear_against_an_insert() {
    check("clear/insert", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let (k, l) = (key(1), key(2));
        a.set(&k, 0);
        let other = thread::spawn({
            let (k, l) = (k.clone(), l.clone());
            move || {
                b.set(&l, 1);
                b.get(&k)
            }
        });
        a.clear();
        assert_eq!(a.get(&k), None, "I5: cleared");
        let len = a.len();
        assert!(len <= 1, "I5: {len} after clear");
        other.join().unwrap();
        assert!(matches!(a.get(&l), None | Some(1)));
        a.observe();
        a.end(&[]);
    });
}

/// The same with an overwrite: the old value does not come back, the new one is of one generation or the other.
#[test]
fn a_clear_against_an_overwrite() {
    check("clear/clear/overwrite", 2, 100, || {
        let [a, b, c] = world(1, KEEP);
        let k = key(1);
        a.set(&k, 0);
        let clearer = thread::spawn(move || {
            c.clear();
            c.len()
        });
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.clear();
        assert_ne!(a.get(&k), Some(0), "I5: cleared");
        assert_ne!(other.join().unwrap(), Some(0), "I2: overwritten");
        assert!(clearer.join().unwrap() <= 1);
        let clears = a.now(0).era.clears();
        assert_eq!(clears, 2, "I5: a clear was lost");
        // A set after the clear stays.
        a.set(&k, 2);
        assert_eq!(a.get(&k), Some(2));
        a.end(&[]);
    });
}

/// A sweep of what was cleared against a set of the same key: only what was cleared goes (I5).
#[test]
fn a_sweep_after_a_clear_spares_the_new() {
    check("clear, sweep/insert", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let k = key(1);
        a.set(&k, 0);
        a.clear();
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 1);
                b.get(&k)
            }
        });
        a.sweep(0);
        assert_eq!(other.join().unwrap(), Some(1), "I5: set after the clear");
        assert_eq!((a.get(&k), a.resident()), (Some(1), 1));
        a.end(&[]);
    });
}
