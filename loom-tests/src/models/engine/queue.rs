//! Q1 of `policy/queue.rs`: no live entry is in no queue when all calls are over, whatever order it was put there, taken out, brought
//! to M and overwritten in. (`Actor::end` looks, in all models without stopped threads.)

use super::super::check;
use super::support::{Actor, KEEP, key, world_with_hands};
use crate::sync::thread;

/// What a second thread does beside `a.set(new)` in a full cache of three: one entry in M, then the second and the third key in S.
fn beside_an_eviction(
    name: &str,
    hands: usize,
    before: impl Fn(&Actor) + Send + Sync + 'static,
    other: impl Fn(&Actor) + Send + Sync + Copy + 'static,
) {
    check(name, 3, 100, move || {
        let [a, b] = world_with_hands(3, KEEP, hands);
        for name in 1..=3 {
            a.set(&key(name), name);
        }
        before(&a);
        let thread = thread::spawn(move || other(&b));
        a.set(&key(4), 4);
        thread.join().unwrap();
        a.end(&[]);
    });
}

/// Each of two newcomers may pop the other's place before that is filled, or before its entry lives.
///
/// Seeded fault: `queue-filled-late` (who fills a place does not look whether the head has passed it).
#[test]
fn two_newcomers_in_an_empty_queue() {
    check("queue::insert/insert, rooms in hand", 3, 100, || {
        let [a, b] = world_with_hands(2, KEEP, 2);
        a.set(&key(1), 1);
        a.set(&key(2), 2);
        let other = thread::spawn(move || b.set(&key(3), 3));
        a.set(&key(4), 4);
        other.join().unwrap();
        a.end(&[]);
    });
}

/// The same where rooms pass through lanes: places are filled afterwards.
#[test]
fn two_newcomers_by_way_of_lanes() {
    check("queue::insert/insert, rooms in lanes", 2, 100, || {
        let [a, b] = world_with_hands(2, KEEP, 0);
        a.set(&key(1), 1);
        a.set(&key(2), 2);
        let other = thread::spawn(move || b.set(&key(3), 3));
        a.set(&key(4), 4);
        other.join().unwrap();
        a.end(&[]);
    });
}

/// The head of S is overwritten while it is about to be evicted: its successor has a position that was popped.
///
/// Seeded fault: `queue-choice-lost` (who has lost the exchange does not look who stands there now).
#[test]
fn a_victim_is_overwritten() {
    beside_an_eviction("queue::evict/overwrite", 2, |_| (), |b| b.set(&key(2), 5));
}

/// The same while it comes to M.
///
/// Seeded fault: `queue-promotes-blind` (who brings an entry to M does not look whether it is still there).
#[test]
fn one_that_comes_to_m_is_overwritten() {
    beside_an_eviction(
        "queue::promote/overwrite",
        2,
        |a| {
            for _ in 0..3 {
                assert_eq!(a.get(&key(2)), Some(2));
            }
        },
        |b| b.set(&key(2), 5),
    );
}

/// The same while it goes to the end of S.
///
/// Seeded faults: `queue-not-again` (who has put it there does not look whether it is still there), `queue-inherits-blind` (who overwrites it
/// does not look whether it has another position by now).
#[test]
fn one_that_goes_to_the_end_is_overwritten() {
    beside_an_eviction(
        "queue::wait again/overwrite",
        2,
        |a| {
            for name in [2, 2, 2, 1] {
                assert_eq!(a.get(&key(name)), Some(name));
            }
            // The hand passes the first one, so that it is M's candidate from now on, and has been used as late as the second.
            a.set(&key(5), 5);
            for _ in 0..3 {
                assert_eq!(a.get(&key(2)), Some(2));
            }
        },
        |b| b.set(&key(2), 6),
    );
}

/// A newcomer is overwritten before it has a position.
///
/// Seeded fault: `queue-inherits-blind`.
#[test]
fn a_newcomer_is_overwritten() {
    check("queue::insert/overwrite", 3, 100, || {
        let [a, b] = world_with_hands(2, KEEP, 0);
        a.set(&key(1), 1);
        let other = thread::spawn(move || b.set(&key(2), 3));
        a.set(&key(2), 2);
        other.join().unwrap();
        a.end(&[]);
    });
}
