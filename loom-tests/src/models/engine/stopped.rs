//! Threads that stop half-way and never go on: nobody waits for them, even where their entry holds, or is about to hold,
//! the only room (I1, I3, I7).

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::engine::index::bounded::model::Stop;
use crate::sync::thread;

/// At capacity 1 a thread has stopped in the middle of a `set`; two others go about their business.
fn beside(name: &str, full: bool, stop: Stop) {
    check(name, 3, 100, move || {
        let [a, b, stopped] = world(1, KEEP);
        let keys = [1, 2, 3, 4].map(key);
        if full {
            a.set(&keys[0], 0);
        }
        assert!(stopped.insert_and_stop(&keys[1], 1, stop));
        let other = thread::spawn({
            let key = keys[2].clone();
            move || {
                b.set(&key, 2);
                assert!(b.resident() <= 1, "I1");
            }
        });
        a.set(&keys[3], 3);
        other.join().unwrap();
        // Everybody else still finds a room, and what is set last is there.
        a.set(&keys[0], 4);
        assert_eq!(a.get(&keys[0]), Some(4), "I3, I7");
        a.observe();
        drop(a);
    });
}

#[test]
fn a_published_entry_holds_nobody_up() {
    beside("stopped when published", false, Stop::Published);
}

/// Seeded fault: `room-no-resolve` (who finds the cache full does not carry the ledger's record out): the setter spins
/// for ever.
#[test]
fn an_open_record_holds_nobody_up() {
    beside("stopped when admitting", false, Stop::Admitting);
}

/// Seeded fault: `room-no-last-resort` (an entry that its thread never gave a queue cannot be evicted).
#[test]
fn a_live_entry_outside_the_clock_holds_nobody_up() {
    beside("stopped when admitted", false, Stop::Admitted);
}

#[test]
fn a_moved_room_holds_nobody_up() {
    beside("stopped when moving", true, Stop::Moving);
}

#[test]
fn a_moved_room_of_a_live_entry_holds_nobody_up() {
    beside("stopped when moved", true, Stop::Moved);
}

/// What a second thread does beside a `set`, after a third one has stopped.
#[derive(Clone, Copy)]
enum Beside {
    /// Carries out whatever it finds begun, as the setter does.
    Sweep,
    /// Removes the key of the stopped thread.
    Invalidate,
}

/// One setter, and a thread that comes upon the same unfinished change. Small enough to be explored to the end.
fn beside_one(name: &str, beside: Beside, full: bool, stop: Stop) {
    check(name, 3, 100, move || {
        let [a, b, stopped] = world(1, KEEP);
        let keys = [1, 2, 3].map(key);
        if full {
            a.set(&keys[0], 0);
        }
        assert!(stopped.insert_and_stop(&keys[1], 1, stop));
        let other = thread::spawn({
            let key = keys[1].clone();
            move || {
                match beside {
                    Beside::Sweep => assert_eq!(b.sweep(0), 0, "nothing has expired"),
                    Beside::Invalidate => drop(b.invalidate(&key)),
                }
                assert!(b.resident() <= 1, "I1");
            }
        });
        a.set(&keys[2], 3);
        other.join().unwrap();
        assert_eq!(a.get(&keys[2]), Some(3), "I3, I7");
        assert_eq!(a.get(&keys[1]), None, "I1");
        a.observe();
        drop(a);
    });
}

macro_rules! beside_one {
    ($($test:ident: $name:literal, $beside:ident, $full:literal, $stop:ident;)*) => { $(
        #[test]
        fn $test() {
            beside_one($name, Beside::$beside, $full, Stop::$stop);
        }
    )* };
}

beside_one! {
    an_open_record_beside_a_set_and_a_sweep: "stopped when admitting, set/sweep", Sweep, false, Admitting;
    an_open_record_beside_a_set_and_its_removal: "stopped when admitting, set/remove", Invalidate, false, Admitting;
    an_admitted_entry_beside_a_set_and_a_sweep: "stopped when admitted, set/sweep", Sweep, false, Admitted;
    an_admitted_entry_beside_a_set_and_its_removal: "stopped when admitted, set/remove", Invalidate, false, Admitted;
    a_moving_room_beside_a_set_and_a_sweep: "stopped when moving, set/sweep", Sweep, true, Moving;
    a_moving_room_beside_a_set_and_its_removal: "stopped when moving, set/remove", Invalidate, true, Moving;
    a_moved_room_beside_a_set_and_a_sweep: "stopped when moved, set/sweep", Sweep, true, Moved;
    a_moved_room_beside_a_set_and_its_removal: "stopped when moved, set/remove", Invalidate, true, Moved;
}

/// The key of a stopped inserter can be set, read and invalidated by others (I2, I7).
fn same_key(name: &str, stop: Stop) {
    check(name, 3, 100, move || {
        let [a, b, stopped] = world(1, FREE);
        let (k, l) = (key(1), key(2));
        if matches!(stop, Stop::Moving | Stop::Moved) {
            a.set(&l, 0);
        }
        assert!(stopped.insert_and_stop(&k, 1, stop));
        let other = thread::spawn({
            let k = k.clone();
            move || {
                b.set(&k, 2);
                b.get(&k)
            }
        });
        a.invalidate(&k);
        assert_ne!(a.get(&k), Some(1), "I2: invalidated");
        assert!(matches!(other.join().unwrap(), None | Some(2)), "I2");
        a.set(&k, 3);
        assert_eq!((a.get(&k), a.len()), (Some(3), 1), "I2, I3");
        // Looks at what every lane names (R1).
        a.sweep(0);
        drop(a);
    });
}

#[test]
fn the_key_of_a_published_entry_is_free_to_use() {
    same_key("stopped when published, same key", Stop::Published);
}

#[test]
fn the_key_of_an_open_record_is_free_to_use() {
    same_key("stopped when admitting, same key", Stop::Admitting);
}

#[test]
fn the_key_of_a_moving_room_is_free_to_use() {
    same_key("stopped when moving, same key", Stop::Moving);
}

/// Seeded fault: `retire-unsettled` (an entry is retired while the lane its room came from still names it).
#[test]
fn the_key_of_a_moved_room_is_free_to_use() {
    same_key("stopped when moved, same key", Stop::Moved);
}

/// The key of a moved room, small enough to be explored to the end (R1, I2).
///
/// Seeded faults: `retire-unsettled`, `settled-as-live`.
#[test]
fn the_key_of_a_moved_room_is_set_and_removed() {
    check("stopped when moved, same key, set/remove", 3, 100, || {
        let [a, b, stopped] = world(1, FREE);
        let (k, l) = (key(1), key(2));
        a.set(&l, 0);
        assert!(stopped.insert_and_stop(&k, 1, Stop::Moved));
        let other = thread::spawn({
            let k = k.clone();
            move || b.set(&k, 2)
        });
        a.invalidate(&k);
        other.join().unwrap();
        assert!(matches!(a.get(&k), None | Some(2)), "I2: invalidated");
        // Looks at what every lane names (R1).
        a.sweep(0);
        drop(a);
    });
}

/// A removal that stops before its room is back in the ledger, or before its lane is free.
fn removal(name: &str, counted: bool) {
    check(name, 3, 100, move || {
        let [a, b, stopped] = world(1, KEEP);
        let keys = [1, 2].map(key);
        a.set(&keys[0], 0);
        assert!(stopped.remove_and_stop(&keys[0], counted));
        let other = thread::spawn({
            let key = keys[1].clone();
            move || {
                b.set(&key, 1);
                assert!(b.resident() <= 1, "I1");
            }
        });
        a.set(&keys[0], 2);
        assert_ne!(a.get(&keys[0]), Some(0), "I2: removed");
        other.join().unwrap();
        assert_eq!((a.len(), a.resident()), (1, 1), "I1, I3, I7");
        drop(a);
    });
}

#[test]
fn a_leaving_lane_holds_nobody_up() {
    removal("stopped when leaving", false);
}

#[test]
fn a_counted_leaving_lane_holds_nobody_up() {
    removal("stopped when leaving, counted", true);
}

/// A removal that stopped beside one `set` and a thread that carries it out too.
fn removal_beside_a_sweep(name: &str, counted: bool) {
    check(name, 3, 100, move || {
        let [a, b, stopped] = world(1, KEEP);
        let keys = [1, 2].map(key);
        a.set(&keys[0], 0);
        assert!(stopped.remove_and_stop(&keys[0], counted));
        let other = thread::spawn(move || {
            assert_eq!(b.sweep(0), 0, "nothing has expired");
            assert!(b.resident() <= 1, "I1");
        });
        a.set(&keys[1], 2);
        other.join().unwrap();
        assert_eq!(
            (a.get(&keys[0]), a.get(&keys[1])),
            (None, Some(2)),
            "I2, I3"
        );
        assert_eq!((a.len(), a.resident()), (1, 1), "I1, I3, I7");
        drop(a);
    });
}

#[test]
fn a_leaving_lane_beside_a_set_and_a_sweep() {
    removal_beside_a_sweep("stopped when leaving, set/sweep", false);
}

#[test]
fn a_counted_leaving_lane_beside_a_set_and_a_sweep() {
    removal_beside_a_sweep("stopped when leaving, counted, set/sweep", true);
}
