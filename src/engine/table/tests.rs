//! What only a table's inside shows: slots, hints, paths.

use super::*;

#[test]
fn a_full_table_refuses_and_forgets_the_paths_it_counted() {
    let table = Table::<u64, u64>::new(1).unwrap();
    let hash = Hash::new(0);
    let fake = Word::entry(std::ptr::without_provenance_mut(64), hash);
    let slots: Vec<_> = std::iter::from_fn(|| table.claim(table.home_of(hash), fake)).collect();
    assert_eq!(slots.len(), table.buckets() * SLOTS);
    let first: u32 = table
        .displacements
        .iter()
        .map(|p| u32::from(p.load(Ordering::Relaxed)))
        .sum();
    assert_eq!(table.claim(table.home_of(hash), fake), None);
    let again: u32 = table
        .displacements
        .iter()
        .map(|p| u32::from(p.load(Ordering::Relaxed)))
        .sum();
    assert_eq!(first, again);
    for slot in slots {
        assert!(table.exchange(slot, fake, Word::EMPTY));
        table.departed(hash, slot);
    }
    assert!(
        table
            .displacements
            .iter()
            .all(|p| p.load(Ordering::Relaxed) == 0)
    );
}

/// A key that equals another one though its hash does not may take that one's place, whose path nobody has counted then.
#[test]
fn who_was_not_counted_is_not_counted_down() {
    let table = Table::<u64, u64>::new(100).unwrap();
    table.departed(Hash::new(0), Slot::new(3, 0));
    assert!(
        table
            .displacements
            .iter()
            .all(|p| p.load(Ordering::Relaxed) == 0)
    );
}

fn at_home(home: u32) -> Hash {
    Hash::new(u64::from(home) << 32)
}

/// At home in the first half of the table.
fn of_bytes(byte: u8) -> Hash {
    assert!(byte < 0x80);
    Hash::new(u64::from_ne_bytes([byte; 8]))
}

fn fake(address: usize, hash: Hash) -> Word<u64, u64> {
    Word::entry(std::ptr::without_provenance_mut(address), hash)
}

/// A hint leads to its slot and changes no other slot's.
#[test]
fn each_hint_leads_to_its_slot() {
    let table = Table::<u64, u64>::new(1).unwrap();
    let hashes: [Hash; SLOTS] = std::array::from_fn(|at| of_bytes(0x21 + 0x0b * at as u8));
    for (at, &hash) in hashes.iter().enumerate() {
        assert!(table.first_guess(hash).is_none());
        assert_eq!(
            table.claim(table.home_of(hash), fake(64 * (at + 1), hash)),
            Some(Slot::new(0, at))
        );
        table.hint(Slot::new(0, at), hash);
    }
    let guess = |hash| table.first_guess(hash).map(<*const _>::addr);
    for (at, &hash) in hashes.iter().enumerate() {
        assert_eq!(guess(hash), Some(64 * (at + 1)));
    }
    // Another key in the slot: the old hint goes.
    table.hint(Slot::new(0, 3), of_bytes(0x7f));
    assert_eq!(guess(of_bytes(0x7f)), Some(64 * 4));
    assert_eq!(guess(hashes[3]), None);
    assert_eq!(guess(hashes[4]), Some(64 * 5));
}

#[test]
fn slots_of_the_table_and_no_others() {
    let table = Table::<u64, u64>::new(5).unwrap();
    let last = table.buckets() - 1;
    assert!(table.has(Slot::new(0, 0)) && table.has(Slot::new(last, SLOTS - 1)));
    assert!(!table.has(Slot::new(last + 1, 0)));
    assert!(
        !table.has(Slot::new(0, SLOTS)),
        "the eighth number of a bucket is no slot"
    );
    assert!(!table.has(Slot(u32::MAX)));
}

#[test]
fn distances_go_round_the_end() {
    let table = Table::<u64, u64>::new(20).unwrap();
    let (buckets, home) = (table.buckets(), |bucket: usize| {
        let home = ((bucket as u64) << 32).div_ceil(table.buckets() as u64);
        at_home(u32::try_from(home).unwrap())
    });
    for from in 0..buckets {
        assert_eq!(table.home(home(from)), from);
        for to in 0..buckets {
            let (mut at, mut steps) = (from, 0);
            while at != to {
                (at, steps) = (table.after(at), steps + 1);
            }
            assert_eq!(table.distance(home(from), Slot::new(to, 2)), steps);
        }
    }
}

/// I2: "alone" spares a newcomer the search for rivals, so it must never be said too often.
#[test]
fn alone_is_who_has_no_rival_on_its_path() {
    let (one, other) = (Hash::new(0x7_0001), Hash::new(0x7_0003));
    let table = Table::<u64, u64>::new(1).unwrap();
    let own = table.claim(table.home_of(one), fake(64, one)).unwrap();
    assert!(table.is_alone(table.home_of(one)) && !table.is_alone(table.home_of(other)));
    let stranger = table.claim(table.home_of(other), fake(128, other)).unwrap();
    assert!(
        table.is_alone(table.home_of(one)) && table.is_alone(table.home_of(other)),
        "another tag"
    );
    let rival = table.claim(table.home_of(one), fake(192, one)).unwrap();
    assert!(!table.is_alone(table.home_of(one)), "the same tag");
    assert!(table.exchange(rival, fake(192, one), Word::EMPTY));
    assert!(table.is_alone(table.home_of(one)));
    assert!(table.exchange(Slot::new(1, 3), Word::EMPTY, fake(192, one)));
    assert!(table.is_alone(table.home_of(one)), "not on its path");
    table.count(0);
    assert!(!table.is_alone(table.home_of(one)), "on its path");
    assert!(table.is_alone(table.home_of(other)));
    assert!(table.exchange(own, fake(64, one), Word::EMPTY));
    assert!(table.is_alone(table.home_of(one)), "behind its home bucket");
    assert!(table.exchange(stranger, fake(128, other), Word::EMPTY));
    assert!(table.has_displacements(0) && !table.has_displacements(1));
}

/// I2: the same where the own entry does not stand at home, and the rival further on.
#[test]
fn a_rival_further_on_is_no_less_a_rival() {
    let one = Hash::new(0x7_0001);
    let table = Table::<u64, u64>::new(5).unwrap();
    assert!(table.exchange(Slot::new(1, 0), Word::EMPTY, fake(64, one)));
    table.count(0);
    assert!(table.is_alone(table.home_of(one)));
    let rival = Slot::new(2, 5);
    assert!(table.exchange(rival, Word::EMPTY, fake(128, one)));
    assert!(table.is_alone(table.home_of(one)), "not on its path");
    table.count(1);
    assert!(!table.is_alone(table.home_of(one)));
    assert!(table.exchange(Slot::new(1, 0), fake(64, one), Word::EMPTY));
    assert!(table.is_alone(table.home_of(one)), "two buckets from home");
}

/// What a set asks before it looks behind home: tags there, as far as entries have gone.
#[test]
fn what_may_be_behind_has_its_tag_there() {
    let (one, other) = (Hash::new(0x7_0001), Hash::new(0x7_0003));
    let table = Table::<u64, u64>::new(16).unwrap();
    let behind = |hash| table.may_be_behind(table.home_of(hash));
    for (bucket, slot) in [(0, 2), (1, 6), (2, 0)] {
        let slot = Slot::new(bucket, slot);
        assert!(table.exchange(slot, Word::EMPTY, fake(64, one)));
        assert_eq!(behind(one), bucket == 1, "at {bucket} from home");
        assert!(!behind(other));
        table.exchange(slot, fake(64, one), Word::EMPTY);
    }
    table.count(1);
    assert!(table.exchange(Slot::new(2, 0), Word::EMPTY, fake(64, one)));
    assert!(
        behind(one) && !behind(other),
        "some have gone past the next"
    );
}

/// A key is taken for missing only if neither its tag nor a path shows.
#[test]
fn lacking_is_what_shows_neither_tag_nor_path() {
    let (one, other) = (Hash::new(0x7_0001), Hash::new(0x7_0003));
    let table = Table::<u64, u64>::new(1).unwrap();
    assert!(table.lacks(one));
    for position in 0..SLOTS {
        let (slot, word) = (Slot::new(0, position), fake(64, one));
        assert!(table.exchange(slot, Word::EMPTY, word));
        assert!(!table.lacks(one) && table.lacks(other));
        assert!(table.exchange(slot, word, Word::EMPTY));
    }
    table.count(0);
    assert!(!table.lacks(one), "it may live behind its home bucket");
}
