//! The clock's hand: who is chosen is advice, that exactly one room passes on is not (I1, I4).

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::sync::thread;

/// Two hands on a full cache of two: two victims, two newcomers, none counted twice.
#[test]
fn hand_against_hand() {
    check("clock::hand/hand", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let keys = [1, 2, 3, 4].map(key);
        a.set(&keys[0], 0);
        a.set(&keys[1], 1);
        let other = thread::spawn({
            let key = keys[2].clone();
            move || b.set(&key, 2)
        });
        a.set(&keys[3], 3);
        other.join().unwrap();
        assert_eq!(a.evictions(), 2);
        assert_eq!((a.len(), a.resident()), (2, 2), "I1");
        a.end(&[]);
    });
}

/// A newcomer is killed while its room is on the way to it: the room goes back to the ledger, once (I1).
///
/// Seeded fault: `room-lost` (it does not go back).
#[test]
fn a_newcomer_killed_on_its_way() {
    check("clock::evict/invalidate the newcomer", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let (k, l) = (key(1), key(2));
        a.set(&l, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.invalidate(&k);
                b.observe();
            }
        });
        a.set(&k, 1);
        other.join().unwrap();
        assert!(matches!(a.get(&k), None | Some(1)));
        a.end(&[]);
    });
}

/// Two hands on one entry: a full cache of one (I1), with its memory freed at once (I4).
#[test]
fn two_hands_on_one_entry() {
    check("clock::hand/hand, one entry", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let keys = [1, 2, 3].map(key);
        a.set(&keys[0], 0);
        let other = thread::spawn({
            let key = keys[1].clone();
            move || {
                b.set(&key, 1);
                assert!(b.resident() <= 1, "I1");
            }
        });
        a.set(&keys[2], 2);
        other.join().unwrap();
        assert_eq!(a.evictions(), 2);
        assert_eq!(a.len(), 1, "I3");
        a.end(&[]);
    });
}

/// The hand while a third thread counts the live entries: the room passes on without a moment in which it is used twice
/// (I1).
#[test]
fn the_bound_holds_at_every_step_of_an_eviction() {
    check("clock::evict/evict/observe", 2, 100, || {
        let [a, b, c] = world(1, KEEP);
        let keys = [1, 2, 3].map(key);
        a.set(&keys[0], 0);
        let other = thread::spawn({
            let key = keys[1].clone();
            move || b.set(&key, 1)
        });
        let observer = thread::spawn(move || c.observe());
        a.set(&keys[2], 2);
        other.join().unwrap();
        observer.join().unwrap();
        a.end(&[]);
    });
}
