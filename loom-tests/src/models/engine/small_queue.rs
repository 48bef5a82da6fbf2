//! The ring of new entries: each place is handed out once, none is written before it was read, and what is filled is found (Q2, Q3).

use super::super::check;
use crate::engine::policy::small_queue::{ReservedPositions, SmallQueue};
use crate::engine::table::Slot;
use crate::sync::{AtomicU32, Ordering, StdArc, fence, thread};

/// A ring of so many places, of which one stays free and which are taken one by one or, by each of two threads, two by two.
fn ring(places: usize, block: u32) -> StdArc<SmallQueue> {
    StdArc::new(SmallQueue::new(places, 1, block, 3 * block, 64).expect("memory"))
}

fn push(ring: &SmallQueue, taken: &ReservedPositions, slot: u32, note: impl FnOnce(u32)) {
    let position = ring.reserve(taken).expect("a ring with room");
    note(position);
    ring.fill(position, Slot(slot));
}

/// Two threads pop what a third pushes: no position twice, in order for each; a place that is read shows the position
/// noted in its entry before (Release/Acquire).
///
/// Seeded fault: `small-queue-pop-stored` (the head is stored, not exchanged: one place is handed to two threads).
#[test]
fn each_position_is_popped_once() {
    check("ring::push/pop/pop", 2, 100, || {
        let (ring, own) = (ring(5, 1), ReservedPositions::default());
        let notes = StdArc::new([0, 1].map(|_| AtomicU32::new(u32::MAX)));
        for slot in 0..2 {
            push(&ring, &own, slot, |position| {
                notes[slot as usize].store(position, Ordering::Relaxed);
            });
        }
        let popper = || {
            let ring = StdArc::clone(&ring);
            thread::spawn(move || {
                let taken = ReservedPositions::default();
                [ring.pop(&taken), ring.pop(&taken)]
            })
        };
        let poppers = [popper(), popper()];
        push(&ring, &own, 2, |_| ());
        let mut popped: Vec<_> = poppers
            .into_iter()
            .flat_map(|popper| popper.join().unwrap())
            .flatten()
            .collect();
        popped.extend(std::iter::from_fn(|| ring.pop(&own)));
        popped.sort_by_key(|(position, _)| *position);
        let positions: Vec<_> = popped.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [0, 1, 2], "a place was popped twice or lost");
        assert!(popped[..2].iter().all(|(p, slot)| slot.0 == *p));
        assert_eq!(ring.pop(&own), None);
    });
}

/// Q2: of two threads that put something into a full ring one at most finds a place, when a third has taken something out.
///
/// Seeded fault: `small-queue-overrun` (nobody looks whether the ring is full).
#[test]
fn a_full_ring_takes_no_more() {
    check("ring::push/push/pop, full", 3, 100, || {
        let (ring, own) = (ring(4, 1), ReservedPositions::default());
        for slot in 0..3 {
            push(&ring, &own, slot, |_| ());
        }
        let pusher = |slot: u32| {
            let ring = StdArc::clone(&ring);
            thread::spawn(move || {
                let position = ring.reserve(&ReservedPositions::default());
                position.inspect(|&position| ring.fill(position, Slot(slot)))
            })
        };
        let pushers = [pusher(7), pusher(8)];
        let popped = ring.pop(&own);
        assert_eq!(popped, Some((0, Slot(0))), "overrun");
        let positions = pushers.map(|pusher| pusher.join().unwrap());
        let taken = positions.iter().flatten().count();
        assert!(taken <= 1, "{positions:?}");
        let left: Vec<_> = std::iter::from_fn(|| ring.pop(&own)).collect();
        assert_eq!(left.len(), 2 + taken);
        assert_eq!(left[0], (1, Slot(1)), "overrun");
    });
}

/// Q3: a place that is filled late is either read by who has popped its position, or seen to have been popped by who has filled it.
#[test]
fn a_place_filled_late_is_seen_by_one_side() {
    check("ring::push/pop, late", 3, 100, || {
        let ring = ring(4, 1);
        let note = StdArc::new(AtomicU32::new(u32::MAX));
        let popper = || {
            let (ring, note) = (StdArc::clone(&ring), StdArc::clone(&note));
            thread::spawn(move || {
                let popped = ring.pop(&ReservedPositions::default());
                popped.is_some_and(|(position, slot)| {
                    slot == Slot(5) && note.load(Ordering::Acquire) == position
                })
            })
        };
        let poppers = [popper(), popper()];
        let position = ring
            .reserve(&ReservedPositions::default())
            .expect("an empty ring");
        note.store(position, Ordering::Release);
        ring.fill(position, Slot(5));
        fence(Ordering::SeqCst);
        let has_passed = ring.has_passed(position);
        let found = poppers.map(|popper| popper.join().unwrap());
        assert!(found != [true; 2], "popped twice");
        let is_left = ring.pop(&ReservedPositions::default()).is_some();
        assert!(found.contains(&true) || has_passed || is_left, "lost");
    });
}

/// The same with blocks: what two threads take ahead is theirs alone, and all that was filled comes out once.
///
/// Seeded fault: `small-queue-pop-stored`.
#[test]
fn blocks_have_one_owner() {
    check("ring::blocks of push/pop and push/pop", 3, 100, || {
        let ring = ring(8, 2);
        let worker = |slot: u32| {
            let ring = StdArc::clone(&ring);
            move || {
                let taken = ReservedPositions::default();
                let mut at = u32::MAX;
                push(&ring, &taken, slot, |position| at = position);
                (at, ring.pop(&taken))
            }
        };
        let other = thread::spawn(worker(7));
        let (at, popped) = worker(8)();
        let (other_at, other_popped) = other.join().unwrap();
        assert_ne!(at, other_at, "one place for two threads");
        let own = ReservedPositions::default();
        let left = std::iter::from_fn(|| ring.pop(&own));
        let mut slots: Vec<_> = left
            .chain([popped, other_popped].into_iter().flatten())
            .collect();
        slots.sort_by_key(|(position, _)| *position);
        assert!(
            slots.is_sorted_by(|(one, _), (other, _)| one < other),
            "a place was popped twice"
        );
    });
}
