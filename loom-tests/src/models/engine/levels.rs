//! The table of leases alone (B1–B7 in `src/lease/mod.rs`): leases on several levels against changes, claims and the
//! making of a level.

use super::super::check;
use crate::lease::{Lease, LeaseTable, Reached};
use crate::sync::{AtomicU64, Ordering::SeqCst, StdArc, dekker_fence, thread};

/// A table of one stripe on each level.
fn table() -> StdArc<LeaseTable> {
    StdArc::new(LeaseTable::sized(1, [1, 1]).expect("memory"))
}

fn key(name: u64) -> u64 {
    (2 * name + 1) << 40
}

/// Leases on other keys that fill the first level.
fn full(table: &StdArc<LeaseTable>) -> Vec<Lease> {
    let leases: Vec<_> = (10..14).map(|n| table.lease_apart(key(n), 0)).collect();
    assert!(leases.iter().all(|lease| lease.is_valid(0)));
    leases
}

/// A key's value elsewhere, which loads read and a writer changes.
struct Source(AtomicU64);

/// Takes a lease and loads: the value seen, and the lease.
fn load(table: &StdArc<LeaseTable>, hash: u64, source: &Source) -> (u64, Lease) {
    let lease = table.lease(hash, || 0);
    (source.0.load(SeqCst), lease)
}

/// A change, as every writer makes it.
fn change(table: &LeaseTable, hash: u64, source: &Source) {
    table.void(hash);
    source.0.store(1, SeqCst);
    dekker_fence();
    table.void(hash);
}

/// A load of an old value must not hold its lease when the change is over.
fn is_sound((seen, lease): &(u64, Lease)) {
    assert!(
        *seen == 1 || !lease.is_valid(0),
        "B3: an old value under a lease that holds"
    );
}

/// One lease that makes the second level, and one on another key that stands there too, against a change of the one.
///
/// Seeded faults: `lease-first-level` (who looks for leases looks at the first level only), `lease-counted-late` (the lease
/// reads its generation before it is counted), `lease-level-stored` (a level is put in the place of the one that is there).
#[test]
fn a_lease_behind_a_full_stripe_against_a_change() {
    check("levels/lease, full stripe × void", 3, 100, || {
        let table = table();
        let others = full(&table);
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || load(&table, key(1), &source)
        });
        change(&table, key(1), &source);
        let loaded = loader.join().unwrap();
        is_sound(&loaded);
        assert!(others.iter().all(|lease| lease.is_valid(0)), "B4");
    });
}

/// Two threads find the first level full at once: one level is made, and both leases are found there.
#[test]
fn two_leases_make_one_level_against_a_change() {
    check("levels/two leases, full stripe × void", 2, 100, || {
        let table = table();
        let others = full(&table);
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || load(&table, key(1), &source)
        });
        let bystander = thread::spawn({
            let table = StdArc::clone(&table);
            move || table.lease(key(2), || 0)
        });
        change(&table, key(1), &source);
        is_sound(&loader.join().unwrap());
        let bystander = bystander.join().unwrap();
        assert!(bystander.is_valid(0), "B4: voided by another key");
        table.void(key(2));
        assert!(!bystander.is_valid(0), "B2: not found");
        assert!(others.iter().all(|lease| lease.is_valid(0)), "B4");
    });
}

/// A lease on the first level, which is full, and one on the second, on the same key, against a change of it.
#[test]
fn leases_of_one_key_on_two_levels_against_a_change() {
    check("levels/two levels × void", 3, 100, || {
        let table = table();
        let first = table.lease_apart(key(1), 0);
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let seen = source.0.load(SeqCst);
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || {
                let lease = table.lease_apart(key(1), 1);
                (source.0.load(SeqCst), lease)
            }
        });
        change(&table, key(1), &source);
        is_sound(&loader.join().unwrap());
        is_sound(&(seen, first));
    });
}

/// Leases on one key in slots of three levels, all claimed at once: at most one of them sees itself valid afterwards.
///
/// Seeded fault: `lease-claims-own-level` (a claim steps the other slots of its own stripe only).
#[test]
fn claims_of_one_key_on_three_levels() {
    check("levels/three levels × claims", 2, 100, || {
        let table = table();
        let [first, second, third] = [0, 1, 2].map(|step| table.lease_apart(key(1), step));
        let publish = |lease: Lease| {
            let claim = lease.claim(0);
            claim.is_some() && lease.is_valid(0)
        };
        let others = [second, third].map(|lease| thread::spawn(move || publish(lease)));
        let mut published = usize::from(publish(first));
        for other in others {
            published += usize::from(other.join().unwrap());
        }
        assert!(published <= 1, "B5: {published} were published");
    });
}

/// The same for claims that take long: at most one is still valid when all are made, and one of them comes first.
#[test]
fn long_claims_of_one_key_on_three_levels() {
    check("levels/three levels × long claims", 2, 100, || {
        let table = table();
        let [mut first, second, third] = [0, 1, 2].map(|step| table.lease_apart(key(1), step));
        let others =
            [second, third].map(|mut lease| thread::spawn(move || (lease.claim_for_long(), lease)));
        let own = first.claim_for_long();
        let [second, third] = others.map(|other| other.join().unwrap());
        let claims = [(own, first), second, third];
        assert!(claims.iter().any(|(claimed, _)| *claimed));
        let valid = claims
            .iter()
            .filter(|(claimed, lease)| *claimed && lease.is_valid(0));
        assert!(valid.count() <= 1, "B5: two were published");
    });
}

/// A lease taken while another one on its key is claimed on another level: it is void, or the claim was over before.
#[test]
fn a_lease_against_a_claim_on_another_level() {
    check("levels/lease × claim on another level", 3, 100, || {
        let table = table();
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let first = table.lease_apart(key(1), 1);
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || {
                let lease = table.lease_apart(key(1), 0);
                (source.0.load(SeqCst), lease)
            }
        });
        let claim = first.claim(0).expect("nobody else changes the key");
        source.0.store(1, SeqCst);
        drop(claim);
        is_sound(&loader.join().unwrap());
    });
}

/// A slot that one key leaves and another takes, against a change of the first: the second's lease is not voided by a look
/// that came before it, nor missed by one that comes after it.
#[test]
fn a_slot_that_changes_hands_against_changes() {
    check("levels/slot changes hands × void", 2, 100, || {
        let table = table();
        let mut others = full(&table);
        let leaving = others.swap_remove(0);
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let leaver = thread::spawn(move || drop(leaving));
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || load(&table, key(1), &source)
        });
        change(&table, key(1), &source);
        leaver.join().unwrap();
        is_sound(&loader.join().unwrap());
        assert!(others.iter().all(|lease| lease.is_valid(0)), "B4");
        drop(others);
        let last = table.lease(key(1), || 0);
        assert!(last.is_valid(0));
        table.void(key(1));
        assert!(!last.is_valid(0), "B2: the books are even");
    });
}

/// The first removal of a group makes the generations of groups: a lease that saw none is void all the same.
#[test]
fn a_lease_against_the_first_removal_of_its_group() {
    check("levels/lease × group", 3, 100, || {
        let table = table();
        let source = StdArc::new(Source(AtomicU64::new(0)));
        let loader = thread::spawn({
            let (table, source) = (StdArc::clone(&table), StdArc::clone(&source));
            move || {
                let lease = table.lease_in(key(1), Some(1), || 0);
                (source.0.load(SeqCst), lease)
            }
        });
        let bystander = table.lease_in(key(2), Some(2), || 0);
        table.void_reached(Reached::Group(1));
        source.0.store(1, SeqCst);
        dekker_fence();
        table.void_reached(Reached::Group(1));
        is_sound(&loader.join().unwrap());
        assert!(bystander.is_valid(0), "B7: of another group");
    });
}
