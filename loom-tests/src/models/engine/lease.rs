//! A lease publishes only if nothing changed its key since it was taken (I8). The checker's interleavings include those
//! in which the change comes between the look at the generations and the entry's going live.

use super::super::check;
use super::support::{Actor, KEEP, Key, key, world};
use crate::sync::thread;

/// One thread publishes with a lease while another makes a change and then looks; `held`: the key is live before.
fn against(name: &str, held: bool, change: fn(&Actor, &Key), expected: Option<u8>) {
    check(name, 3, 100, move || {
        let [a, b] = world(2, KEEP);
        let k = key(1);
        if held {
            a.set(&k, 0);
        }
        let lease = a.lease(&k);
        let other = thread::spawn({
            let k = k.clone();
            move || b.set_leased(lease, &k, 1)
        });
        change(&a, &k);
        let seen = a.get(&k);
        other.join().unwrap();
        let after = a.get(&k);
        assert_eq!(seen, expected, "I8: after the change");
        assert_eq!(after, expected, "I8: at rest");
        a.observe();
        a.end(&[]);
    });
}

/// Seeded faults: `lease-no-recheck` (the generations are not read again after publishing), `invalidate-void-late` (the
/// invalidation bumps only after it looked), `invalidate-spares-pending` (it does not kill what is PENDING).
#[test]
fn a_lease_against_an_invalidation() {
    against(
        "lease/invalidate",
        false,
        |b, k| {
            b.invalidate(k);
        },
        None,
    );
}

/// The same for a lease that stands on the second level, since four keys of the first one's only stripe are being loaded.
#[test]
fn a_lease_behind_a_full_stripe_against_an_invalidation() {
    check("lease behind a full stripe/invalidate", 2, 100, || {
        let [a, b] = world(2, KEEP);
        let others: Vec<_> = (10..14).map(|n| a.lease(&key(n))).collect();
        let k = key(1);
        let lease = a.lease(&k);
        let other = thread::spawn({
            let k = k.clone();
            move || b.set_leased(lease, &k, 1)
        });
        a.invalidate(&k);
        let seen = a.get(&k);
        other.join().unwrap();
        assert_eq!((seen, a.get(&k)), (None, None), "I8");
        drop(others);
        a.end(&[]);
    });
}

#[test]
fn a_lease_over_a_live_entry_against_an_invalidation() {
    against(
        "lease/invalidate, live",
        true,
        |b, k| {
            b.invalidate(k);
        },
        None,
    );
}

/// Seeded fault: `take-spares-leased` (a removal that looks at values leaves alone all that is PENDING).
#[test]
fn a_lease_against_a_removal() {
    against(
        "lease/take",
        false,
        |b, k| {
            b.take(k);
        },
        None,
    );
}

#[test]
fn a_lease_against_an_invalidation_by_predicate() {
    against(
        "lease/invalidate matching",
        false,
        |b, k| {
            b.invalidate_matching(k);
        },
        None,
    );
}

#[test]
fn a_lease_over_a_live_entry_against_an_invalidation_by_predicate() {
    against(
        "lease/invalidate matching, live",
        true,
        |b, k| {
            b.invalidate_matching(k);
        },
        None,
    );
}

/// A set that returned is not overtaken by an older load, nor lost to one that comes to nothing (I2, I3, I8).
///
/// Seeded fault: `insert-killed-is-done` (a set that a leased insert killed counts as overwritten by it).
#[test]
fn a_lease_against_a_set() {
    against("lease/set", false, |b, k| b.set(k, 2), Some(2));
}

#[test]
fn a_lease_over_a_live_entry_against_a_set() {
    against("lease/set, live", true, |b, k| b.set(k, 2), Some(2));
}

#[test]
fn a_lease_against_a_clear() {
    against(
        "lease/clear, sweep",
        false,
        |b, _| {
            b.clear();
            b.sweep(0);
        },
        None,
    );
}

/// Seeded fault: `lease-born-late` (the overwriting entry takes the clear generation of the moment, not the lease's).
#[test]
fn a_lease_over_a_live_entry_against_a_clear() {
    against(
        "lease/clear, sweep, live",
        true,
        |b, _| {
            b.clear();
            b.sweep(0);
        },
        None,
    );
}

/// A lease taken after the change is good, and one that nothing disturbs publishes.
#[test]
fn a_lease_taken_during_an_invalidation() {
    check("lease taken/invalidate", 3, 100, || {
        let [a, b] = world(1, KEEP);
        let k = key(1);
        a.set(&k, 0);
        let other = thread::spawn({
            let k = k.clone();
            move || b.invalidate(&k)
        });
        let lease = a.lease(&k);
        a.set_leased(lease, &k, 1);
        other.join().unwrap();
        assert_ne!(a.get(&k), Some(0), "I2: invalidated");
        let lease = a.lease(&k);
        assert!(a.set_leased(lease, &k, 2), "nothing disturbs this one");
        assert_eq!(a.get(&k), Some(2));
        a.end(&[]);
    });
}
