//! Who holds leases, and the rules of a claim (I8), with one thread.

use super::*;

const fn hash(home: u32, low: u32) -> Hash {
    Hash::new((home as u64) << 32 | low as u64)
}

const A: Hash = hash(0x8000_0001, 0x1230_0000);
const B: Hash = hash(0x8000_0001, 0x1250_0000);
const C: Hash = hash(0x0000_0001, 0x1230_0000);

#[test]
fn holders_of_one_key_concern_that_key_alone() {
    let none = Holders(0);
    assert!(none.is_free() && !none.is_of(A) && !none.concern(A));
    assert!(!none.concern(hash(0, 0)), "its note is that of nobody");
    let one = none.join(A);
    for other in [B, C] {
        assert!(one.is_of(A) && !one.is_of(other), "{other:?}");
        assert!(one.concern(A) && !one.concern(other), "{other:?}");
    }
    assert!(!one.is_free());
    let two = one.join(A);
    assert!(two.is_of(A) && two != one);
    assert_eq!(two.leave(), one);
    assert_eq!(one.leave(), none, "the last one takes the note with it");
    assert_eq!(none.leave(), none);
}

#[test]
fn holders_of_two_keys_concern_every_key_until_all_have_left() {
    let both = Holders(0).join(A).join(B);
    assert!(!both.is_of(A) && !both.is_of(B));
    assert!(both.concern(A) && both.concern(B) && both.concern(C));
    assert_eq!(both.0 & Holders::COUNT, 2);
    let three = both.join(B);
    assert_eq!(three.0 & Holders::COUNT, 3);
    assert!(
        !both.leave().is_of(A),
        "whose the one left is, nobody knows"
    );
    assert!(both.leave().concern(B));
    assert_eq!(both.leave().leave(), Holders(0));
}

#[test]
fn a_count_at_its_end_stays_there_and_concerns_every_key() {
    let last = Holders(Holders::tag(A) | (Holders::COUNT - 1));
    let full = last.join(A);
    assert!(full.is_of(A) && full.0 & Holders::COUNT == Holders::COUNT);
    let over = full.join(A);
    assert_eq!(over.0, full.0 | Holders::MIXED);
    assert_eq!(over.join(B), over);
    assert_eq!(
        (over.leave(), full.leave()),
        (over, full),
        "in use for ever"
    );
    assert!(over.concern(B) && !over.is_free());
    // A shared slot as well.
    assert_eq!(Holders(over.0).join(C), over);
}

fn board() -> Arc<Board> {
    Arc::new(Board::new(1))
}

#[test]
fn a_lease_taken_during_a_claim_is_void() {
    let board = board();
    let publisher = board.lease(A, || 0);
    let bystander = board.lease(B, || 0);
    let claim = publisher.claim(0).expect("nothing voided it");
    let late = board.lease(A, || 0);
    assert!(
        !late.is_valid(0),
        "its load may have begun before the publication"
    );
    assert!(late.claim(0).is_none());
    assert!(bystander.is_valid(0), "of another key");
    drop(claim);
    assert!(!late.is_valid(0) && !publisher.is_valid(0));
    assert!(board.lease(A, || 0).is_valid(0), "taken after it");
}

/// Two leases on one key may stand in two slots, when both threads found none that was the key's.
#[test]
fn a_claim_in_another_slot_voids_too() {
    let board = board();
    let first = board.lease(A, || 0);
    let other = &board.stripe(A).0[first.slot + 1];
    assert!(other.change(Holders(0), Holders(0).join(A)));
    other.generation.fetch_add(CLAIMED, Ordering::SeqCst);
    let late = board.lease(A, || 0);
    assert_eq!(late.slot, first.slot);
    assert!(
        !late.is_valid(0),
        "somebody publishes the key from the other slot"
    );
    let stranger = board.lease(C, || 0);
    assert!(stranger.is_valid(0));
    // And a claim here voids the leases there.
    let before = other.generation.load(Ordering::SeqCst);
    drop(first.claim(0).expect("taken before the other claim"));
    assert_eq!(other.generation.load(Ordering::SeqCst), before + STEP);
    assert!(stranger.is_valid(0));
}

#[test]
fn of_two_leases_on_a_key_one_publishes() {
    let board = board();
    let (one, two) = (board.lease(A, || 0), board.lease(A, || 0));
    drop(one.claim(0).unwrap());
    assert!(two.claim(0).is_none() && one.claim(0).is_none());
    assert!(one.is_of(&board) && !one.is_of(&self::board()));
}
