//! Expiry: who unlinks what has expired unlinks just that (T31), and no deadline is forgotten (I6).

use super::super::check;
use super::support::{FREE, KEEP, key, world};
use crate::sync::thread;
use crate::time::Deadline;

fn at(tick: u64) -> Deadline {
    Deadline::from_bits(tick)
}

/// An entry has expired; one thread sweeps it, another sets the key anew. The new one stays, the old one never shows
/// (I2, I6, T31).
///
/// Seeded fault: `sweep-by-lane` (the sweep empties the lane, whatever it holds by now).
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

/// The index never knows too late a deadline: one that is recorded while its group is swept is due when it should be.
///
/// Seeded faults: `expiry-reset-late` (the sweep forgets the group's deadlines after it looked at the lanes),
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
