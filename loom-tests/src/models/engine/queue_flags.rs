//! Main's count: an entry is counted in as often as it is counted out (C1 to C3 of `entry::queue_flags`), whatever order it comes,
//! goes and is overwritten in.

use super::super::check;
use crate::engine::entry::queue_flags::{self, IN_MAIN, inherited};
use crate::sync::{AtomicI64, AtomicU8, AtomicUsize, Ordering, StdArc, dekker_fence, thread};

/// Two entries and the slot in which one of them stands.
#[derive(Debug)]
struct World {
    slot: AtomicUsize,
    flags: [AtomicU8; 2],
    in_main: AtomicI64,
}

impl World {
    fn new() -> StdArc<Self> {
        StdArc::new(Self {
            slot: AtomicUsize::new(1),
            flags: [0, 0].map(AtomicU8::new),
            in_main: AtomicI64::new(0),
        })
    }

    fn count(&self, change: i64) {
        self.in_main.fetch_add(change, Ordering::Relaxed);
    }

    fn take(&self, from: usize, to: usize) -> bool {
        self.slot
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    fn promote(&self, entry: usize) {
        let more = queue_flags::enter(&self.flags[entry - 1], 0, || {
            self.slot.load(Ordering::SeqCst) == entry
        });
        self.count(more);
    }

    /// Takes an entry out of its slot.
    fn evict(&self, entry: usize) {
        if self.take(entry, 0) {
            let (_, less) = queue_flags::leave(&self.flags[entry - 1]);
            self.count(-less);
        }
    }

    /// Puts the second entry in the place of the first one.
    fn overwrite(&self) {
        let flags = inherited(self.flags[0].load(Ordering::Relaxed));
        self.flags[1].store(flags, Ordering::Relaxed);
        dekker_fence();
        if self.take(1, 2) && flags & IN_MAIN == 0 {
            let (_, less) = queue_flags::leave(&self.flags[0]);
            self.count(-less);
        }
    }

    /// What stands in the slot is counted if it belongs to main, and nothing else is.
    fn end(&self) {
        let standing = self.slot.load(Ordering::SeqCst);
        let belongs = match standing.checked_sub(1) {
            Some(entry) => self.flags[entry].load(Ordering::SeqCst) & IN_MAIN,
            None => 0,
        };
        let count = self.in_main.load(Ordering::SeqCst);
        assert_eq!(count, i64::from(belongs), "entry {standing} in the slot");
    }
}

fn beside(name: &str, bound: usize, others: [fn(&World); 2]) {
    check(name, bound, 100, move || {
        let world = World::new();
        let threads = others.map(|run| {
            let world = StdArc::clone(&world);
            thread::spawn(move || run(&world))
        });
        world.promote(1);
        for thread in threads {
            thread.join().unwrap();
        }
        world.end();
    });
}

/// Seeded fault: `main-arrives-blind` (who brings an entry in does not look whether it is still there).
#[test]
fn an_arrival_against_an_eviction() {
    beside(
        "membership::promote/promote/evict",
        2,
        [|world| world.promote(1), |world| world.evict(1)],
    );
}

#[test]
fn an_arrival_against_an_overwrite() {
    beside(
        "membership::promote/promote/overwrite",
        2,
        [|world| world.promote(1), World::overwrite],
    );
}

#[test]
fn an_arrival_against_an_overwrite_and_an_eviction() {
    beside(
        "membership::promote/overwrite/evict",
        2,
        [World::overwrite, |world| {
            world.evict(1);
            world.evict(2);
        }],
    );
}

/// The successor is promoted by itself.
#[test]
fn an_arrival_of_both() {
    beside(
        "membership::promote/overwrite, promote",
        2,
        [
            |world| {
                world.overwrite();
                world.promote(2);
            },
            |world| world.evict(1),
        ],
    );
}
