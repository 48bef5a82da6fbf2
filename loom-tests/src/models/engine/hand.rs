//! Rooms on their way through a thread's hand: one exchange less, and one more place where a room can be (I1, G2).

use super::super::check;
use super::support::{FREE, KEEP, key, world_with_hands};
use crate::engine::index::bounded::model::Stop;
use crate::sync::thread;

/// Two threads evict from a full cache of two, each with the victim's room in hand, or one of them so and the other by way of
/// the victim's lane.
fn two_evictions(name: &str, hands: usize) {
    check(name, 3, 100, move || {
        let [a, b] = world_with_hands(2, KEEP, hands);
        let keys = [1, 2, 3, 4].map(key);
        a.set(&keys[0], 0);
        a.set(&keys[1], 1);
        let other = thread::spawn({
            let key = keys[2].clone();
            move || {
                b.set(&key, 2);
                b.observe();
            }
        });
        a.set(&keys[3], 3);
        other.join().unwrap();
        assert_eq!((a.len(), a.resident()), (2, 2), "I1");
        assert_eq!(a.evictions(), 2);
        a.end(&[]);
    });
}

#[test]
fn two_rooms_in_two_hands() {
    two_evictions("hand::evict/evict", 2);
}

#[test]
fn a_room_in_a_hand_and_one_in_a_lane() {
    two_evictions("hand::evict/evict by the lane", 1);
}

/// A newcomer is killed while its room is in its thread's hand: the room goes back to the ledger (I1).
///
/// Seeded fault: `hand-keeps-room` (it does not).
#[test]
fn a_newcomer_killed_with_its_room_in_hand() {
    check("hand::evict/invalidate the newcomer", 3, 100, || {
        let [a, b] = world_with_hands(1, KEEP, 1);
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

/// Two inserts of one key into a full cache: who kills the other one does not get the room that it has in hand (I1, I2).
#[test]
fn two_inserts_of_one_key_with_rooms_in_hand() {
    check("hand::insert/insert, one key", 3, 100, || {
        let [a, b] = world_with_hands(2, KEEP, 2);
        let (k, l, m) = (key(1), key(2), key(3));
        a.set(&l, 0);
        a.set(&m, 1);
        let other = thread::spawn({
            let k = k.clone();
            move || b.set(&k, 2)
        });
        a.set(&k, 3);
        other.join().unwrap();
        assert!(matches!(a.get(&k), Some(2 | 3)), "I2, I3");
        a.observe();
        a.end(&[]);
    });
}

/// The victim is overwritten, or removed, while its room is taken; memory is freed at once (I4, R1).
fn beside_the_victim(name: &str, overwrite: bool) {
    check(name, 3, 100, move || {
        let [a, b] = world_with_hands(2, FREE, 2);
        let keys = [1, 2, 3].map(key);
        a.set(&keys[0], 0);
        a.set(&keys[1], 1);
        let other = thread::spawn({
            let key = keys[0].clone();
            move || {
                if overwrite {
                    b.set(&key, 2);
                } else {
                    b.invalidate(&key);
                }
            }
        });
        a.set(&keys[2], 3);
        other.join().unwrap();
        a.observe();
        a.end(&[]);
    });
}

#[test]
fn a_victim_that_is_overwritten() {
    beside_the_victim("hand::evict/overwrite", true);
}

#[test]
fn a_victim_that_is_removed() {
    beside_the_victim("hand::evict/remove", false);
}

/// A third thread counts the live entries while a room passes through a hand (I1).
#[test]
fn the_bound_holds_while_a_room_is_in_hand() {
    check("hand::evict/observe", 3, 100, || {
        let [a, b] = world_with_hands(1, KEEP, 1);
        let keys = [1, 2].map(key);
        a.set(&keys[0], 0);
        let observer = thread::spawn(move || {
            b.observe();
            b.observe();
        });
        a.set(&keys[1], 1);
        observer.join().unwrap();
        a.end(&[]);
    });
}

/// A thread has stopped with a room in its hand: the others go on with those that are left (I1, I3, I7).
#[test]
fn a_stopped_hand_holds_nobody_up() {
    check("stopped when holding, set/set", 3, 100, || {
        let [a, b, stopped] = world_with_hands(2, KEEP, 0);
        let keys = [1, 2, 3, 4, 5].map(key);
        a.set(&keys[0], 0);
        a.set(&keys[1], 1);
        assert!(stopped.insert_and_stop(&keys[2], 2, Stop::Holding));
        let other = thread::spawn({
            let key = keys[3].clone();
            move || {
                b.set(&key, 3);
                assert!(b.resident() <= 2, "I1");
            }
        });
        a.set(&keys[4], 4);
        other.join().unwrap();
        a.set(&keys[0], 5);
        assert_eq!(a.get(&keys[0]), Some(5), "I3, I7");
        a.observe();
        drop(a);
    });
}
