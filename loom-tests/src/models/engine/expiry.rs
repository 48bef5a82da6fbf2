//! Expiry: who unlinks what has expired unlinks just that (T31), and no deadline is forgotten (I6; X1 and X2 of
//! `src/engine/expiry.rs`).

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::engine::expiry::Expiry;
use crate::engine::table::Slot;
use crate::sync::{StdArc, thread};
use crate::time::Deadline;

fn at(tick: u64) -> Deadline {
    Deadline::at(tick)
}

/// An entry has expired; one thread sweeps it, another sets the key anew. The new one stays, the old one never shows
/// (I2, I6, T31).
///
/// Seeded fault: `sweep-by-slot` (the sweep empties the slot, whatever it holds by now).
#[test]
fn t31_a_sweep_against_an_overwrite() {
    check("expiry::unlink/overwrite", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        a.set_at(&k, 0, at(5), 0);
        let other = thread::spawn({
            let k = k.clone();
            move || b.set_at(&k, 1, Deadline::NEVER, 10)
        });
        a.sweep(10);
        assert_ne!(a.get_at(&k, 10), Some(0), "I6: expired");
        other.join().unwrap();
        assert_eq!(a.get_at(&k, 10), Some(1), "T31: the new entry went");
        assert_eq!(a.resident(), 1);
        a.end(&[]);
    });
}

/// X1, the index never knows too late a deadline: one that is recorded while its group is swept is due when it should be.
///
/// Seeded faults: `expiry-reset-late` (the sweep forgets the group's deadlines after it looked at the slots),
/// `expiry-record-early` (the deadline is recorded before the entry is published).
#[test]
fn a_deadline_recorded_during_a_sweep_is_kept() {
    check("expiry::record/sweep", 3, 100, || {
        let [a, b] = world(2, KEEP);
        let (k, l) = (key(1), key(2));
        a.set_at(&k, 0, at(5), 0);
        let other = thread::spawn({
            let l = l.clone();
            move || b.set_at(&l, 1, at(20), 10)
        });
        assert!(a.reclaim_due(10), "the expired one is found");
        other.join().unwrap();
        assert_eq!(a.get_at(&l, 10), Some(1));
        assert!(a.cache().is_due(20), "I6: a deadline was forgotten");
        assert!(a.reclaim_due(20), "I6: a deadline was forgotten");
        assert_eq!(a.resident(), 0);
        a.end(&[]);
    });
}

/// Two sweeps of one expired entry: it goes once.
#[test]
fn two_sweeps_of_one_entry() {
    check("expiry::sweep/sweep", 3, 100, || {
        let [a, b] = world(1, FREE);
        let k = key(1);
        a.set_at(&k, 0, at(5), 0);
        let other = thread::spawn(move || b.sweep(10));
        let mine = a.sweep(10);
        assert_eq!(mine + other.join().unwrap(), 1);
        assert_eq!(a.resident(), 0, "I1");
        a.end(&[]);
    });
}

/// An index of four groups, two levels below the root; the first group is due at 5.
fn index() -> StdArc<Expiry> {
    let index = StdArc::new(Expiry::new(8).expect("memory"));
    assert_eq!(index.groups(), 4);
    index.record(slot(0), at(5));
    index
}

fn slot(group: usize) -> Slot {
    Slot::new(Expiry::buckets(group, 8).start, 0)
}

/// All groups that a single thread finds due at `tick`. X4: each search in vain puts a word right, so it comes to an end.
fn found(index: &Expiry, tick: u64) -> Vec<usize> {
    let mut found = Vec::new();
    let mut searches = 0;
    while index.is_due(tick) {
        found.extend(index.take_due(tick));
        searches += 1;
        assert!(searches < 10, "X4: a search changes nothing");
    }
    found.sort_unstable();
    found
}

/// X2: a deadline that is noted while the words above it are lowered is found when it is due.
///
/// Seeded fault: `expiry-lowered-blind` (no second look after a word was lowered).
#[test]
fn a_deadline_noted_during_a_search_is_found() {
    check("expiry::note/search", 3, 100, || {
        let index = index();
        let other = thread::spawn({
            let index = StdArc::clone(&index);
            move || {
                index.record(slot(1), at(20));
                index.record(slot(2), at(21));
            }
        });
        assert_eq!(index.take_due(10), Some(0), "I6: nothing else is due");
        other.join().unwrap();
        assert!(!index.is_due(19), "what was taken is not due any more");
        assert_eq!(found(&index, 20), [1], "X2: a deadline was forgotten");
        assert_eq!(found(&index, 21), [2], "X2: a deadline was forgotten");
    });
}

/// X2 with two searches of which one lowers the words below, the other those above: a group is taken once, and what is
/// noted meanwhile is found.
///
/// Seeded fault: `expiry-raised-halfway` (the second look raises the one word only).
#[test]
fn two_searches_and_a_note() {
    check("expiry::note/search/search", 2, 100, || {
        let index = index();
        let noting = thread::spawn({
            let index = StdArc::clone(&index);
            move || index.record(slot(1), at(20))
        });
        let searching = thread::spawn({
            let index = StdArc::clone(&index);
            move || index.take_due(10)
        });
        let mine = index.take_due(10);
        let other = searching.join().unwrap();
        noting.join().unwrap();
        assert!(
            matches!((mine, other), (Some(0), None) | (None, Some(0))),
            "{mine:?}, {other:?}: taken once"
        );
        assert_eq!(found(&index, 20), [1], "X2: a deadline was forgotten");
    });
}
