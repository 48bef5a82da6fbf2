//! Who holds leases where, and the rules of a claim (I8, B1–B7), with one thread.

use super::cell::{Holders, Tag, WAYS};
use super::table::STEPS;
use super::*;

const fn hash(home: u32, low: u32) -> u64 {
    (home as u64) << 32 | low as u64
}

const A: u64 = hash(0x8000_0001, 0x1230_0000);
const B: u64 = hash(0x8000_0001, 0x1250_0000);
const C: u64 = hash(0x4000_0001, 0x1230_0000);

fn tags() -> [Tag; 3] {
    [A, B, C].map(Tag::of)
}

#[test]
fn holders_of_one_key_concern_that_key_alone() {
    let ([a, b, c], none) = (tags(), Holders(0));
    assert!(none.is_free() && !none.is_of(a) && !none.concern(a));
    let nobody = Tag::of(hash(0, 0));
    assert!(!none.concern(nobody), "its note is that of nobody");
    let one = none.join(a);
    for other in [b, c] {
        assert!(one.is_of(a) && !one.is_of(other), "{other:?}");
        assert!(one.concern(a) && !one.concern(other), "{other:?}");
    }
    assert!(!one.is_free() && !one.is_shared());
    let two = one.join(a);
    assert!(two.is_of(a) && two != one);
    assert_eq!(two.leave(), one);
    assert_eq!(one.leave(), none, "the last one takes the note with it");
    assert_eq!(none.leave(), none);
}

#[test]
fn holders_of_two_keys_concern_every_key_until_all_have_left() {
    let [a, b, c] = tags();
    let both = Holders(0).join(a).join(b);
    assert!(both.is_shared() && !both.is_of(a) && !both.is_of(b));
    assert!(both.concern(a) && both.concern(b) && both.concern(c));
    assert_eq!((both, both.join(b)), (Holders(2), Holders(3)));
    let left = both.leave();
    assert!(!left.is_of(a), "whose the one left is, nobody knows");
    assert!(left.concern(b) && !left.is_free());
    assert_eq!(left.leave(), Holders(0));
}

#[test]
fn a_count_at_its_end_stays_there() {
    let [a, b, c] = tags();
    let last = Holders(Holders(0).join(a).0 + Holders::COUNT - 2);
    let full = last.join(a);
    assert_eq!(full.0 & Holders::COUNT, Holders::COUNT);
    assert_eq!(
        (full.join(a), full.leave()),
        (full, full),
        "in use for ever"
    );
    assert!(full.is_of(a) && !full.concern(b));
    let shared = full.join(b);
    assert_eq!(shared, Holders(Holders::COUNT));
    assert_eq!((shared.join(c), shared.leave()), (shared, shared));
    assert!(shared.is_shared() && shared.concern(c) && !shared.is_free());
}

fn table() -> Arc<LeaseTable> {
    Arc::new(LeaseTable::sized(1, [1, 1]).unwrap())
}

/// The hash of a key that is one of many.
pub(super) fn nth(n: usize) -> u64 {
    (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn valid(leases: &[Lease]) -> usize {
    leases.iter().filter(|lease| lease.is_valid(0)).count()
}

#[test]
fn a_lease_taken_during_a_claim_is_void() {
    let table = table();
    let publisher = table.lease(A, || 0);
    let bystander = table.lease(B, || 0);
    let claim = publisher.claim(0).expect("nothing voided it");
    let late = table.lease(A, || 0);
    assert!(
        !late.is_valid(0),
        "its load may have begun before the publication"
    );
    assert!(late.claim(0).is_none());
    assert!(bystander.is_valid(0), "of another key");
    drop(claim);
    assert!(!late.is_valid(0) && !publisher.is_valid(0));
    assert!(table.lease(A, || 0).is_valid(0), "taken after it");
}

/// Two leases on one key may stand in two cells, when both threads found none that was the key's: on one level, or on two.
#[test]
fn a_claim_in_another_slot_voids_too() {
    for step in 0..STEPS as u8 {
        let table = table();
        let (first, other) = (table.lease(A, || 0), table.lease_apart(A, step));
        assert_ne!(first.place, other.place);
        let stranger = table.lease_apart(C, step);
        let claim = other.claim(0).expect("nothing voided it");
        assert!(!first.is_valid(0) && first.claim(0).is_none(), "{step}");
        let late = table.lease(A, || 0);
        assert_eq!(late.place, first.place);
        assert!(
            !late.is_valid(0),
            "somebody publishes the key from the other cell"
        );
        drop(claim);
        assert!(!late.is_valid(0) && !other.is_valid(0));
        assert!(stranger.is_valid(0));
        drop((first, other, late));
        // And the other way round.
        let (first, other) = (table.lease(A, || 0), table.lease_apart(A, step));
        drop(first.claim(0).expect("nothing voided it"));
        assert!(!other.is_valid(0) && stranger.is_valid(0), "{step}");
        drop((first, other));
        // A change of the key finds both.
        let both = [table.lease(A, || 0), table.lease_apart(A, step)];
        table.void(A);
        assert_eq!(valid(&both), 0);
        assert!(stranger.is_valid(0));
    }
}

#[test]
fn of_two_leases_on_a_key_one_publishes() {
    let table = table();
    let (one, two) = (table.lease(A, || 0), table.lease(A, || 0));
    drop(one.claim(0).unwrap());
    assert!(two.claim(0).is_none() && one.claim(0).is_none());
    assert!(one.is_of(&table) && !one.is_of(&self::table()));
}

#[test]
fn a_claim_for_long_is_valid_until_somebody_else_changes_the_key() {
    let table = table();
    let (mut one, mut two) = (table.lease(A, || 0), table.lease(A, || 0));
    assert!(one.claim_for_long() && !two.claim_for_long());
    assert!(one.is_valid(0));
    let mut three = table.lease(A, || 0);
    assert!(one.is_valid(0) && three.is_valid(0));
    assert!(three.claim_for_long());
    assert!(!one.is_valid(0) && three.is_valid(0));
    table.void(A);
    assert!(!three.is_valid(0) && !three.claim_for_long());
}

/// B4: keys get cells of their own on the next level when a stripe is full, and share one only at the very end.
#[test]
fn keys_share_a_slot_only_when_every_level_is_full() {
    let table = Arc::new(LeaseTable::sized(1, [2, 4]).unwrap());
    assert!(table.levels.iter().all(|level| level.get().is_none()));
    let first: Vec<_> = (0..WAYS).map(|n| table.lease(nth(n), || 0)).collect();
    assert!(
        table.levels.iter().all(|level| level.get().is_none()),
        "only who finds a stripe full needs another level"
    );
    let mut leases = first;
    while let Some(lease) = Some(table.lease(nth(leases.len()), || 0)) {
        if lease.cell().holders().is_shared() {
            break;
        }
        leases.push(lease);
        let n = leases.len();
        assert_eq!(valid(&leases), n);
        // A change of the newest voids that alone; so does one of a key without a lease.
        table.void(nth(n - 1));
        table.void(nth(1_000 + n));
        assert_eq!(valid(&leases), n - 1);
        leases.pop();
        leases.push(table.lease(nth(n - 1), || 0));
    }
    let n = leases.len();
    assert!(n > WAYS * 4 && n <= WAYS * 7, "{n} keys without sharing");
    // Each still voids itself.
    (0..n).for_each(|key| table.void(nth(key)));
    assert_eq!(valid(&leases), 0);
    drop(leases);
    assert_eq!(table.out.load(Ordering::SeqCst), 0);
    for level in &table.levels {
        let level = level.get().unwrap();
        assert!(level.passed.iter().all(|n| n.load(Ordering::SeqCst) == 0));
        let cells = level.stripes.iter().flat_map(|stripe| &stripe.0);
        assert_eq!(cells.filter(|cell| !cell.holders().is_free()).count(), 0);
    }
}

/// The figures of the module's documentation, at the sizes that every cache has.
#[test]
fn of_fifty_thousand_leases_few_share_a_slot() {
    for (out, at_least) in [(10_000, 10_000), (20_000, 20_000), (50_000, 49_000)] {
        let table = Arc::new(LeaseTable::new(64).unwrap());
        let leases: Vec<_> = (0..out).map(|n| table.lease(nth(n), || 0)).collect();
        let mut kept = 0;
        for lease in &leases {
            if lease.claim(0).is_some() {
                kept += 1;
            }
        }
        assert!(kept >= at_least, "{kept} of {out}");
    }
}

#[test]
fn a_forgotten_lease_costs_its_own_slot() {
    let table = Arc::new(LeaseTable::new(64).unwrap());
    (0..1_000).for_each(|n| std::mem::forget(table.lease(nth(n), || 0)));
    let leases: Vec<_> = (1_000..11_000).map(|n| table.lease(nth(n), || 0)).collect();
    (0..1_000).for_each(|n| table.void(nth(n)));
    let kept = leases.iter().filter(|lease| lease.claim(0).is_some());
    assert_eq!(kept.count(), leases.len());
    // What they lie in goes with the table: the leak sanitizer must not see the table's own count as one.
    drop(leases);
    // SAFETY: the forgotten leases are never dropped, and each had one count.
    (0..1_000).for_each(|_| unsafe { Arc::decrement_strong_count(Arc::as_ptr(&table)) });
}

#[test]
fn a_group_is_voided_without_the_others() {
    let table = Arc::new(LeaseTable::new(64).unwrap());
    let of = |group, n| table.lease_in(nth(n), group, || 0);
    let leases = [of(Some(1), 1), of(Some(2), 2), of(None, 3)];
    table.void_reached(Reached::Group(3));
    let now: Vec<_> = leases.iter().map(|lease| lease.is_valid(0)).collect();
    assert_eq!(now, [true, true, false], "a key without a group may be any");
    table.void_reached(Reached::Group(1));
    let now: Vec<_> = leases.iter().map(|lease| lease.is_valid(0)).collect();
    assert_eq!(now, [false, true, false]);
    table.void_reached(Reached::Everything);
    assert_eq!(valid(&leases), 0);
    assert!(of(Some(1), 1).is_valid(0) && of(None, 3).is_valid(0));
}
