//! Reclamation: nothing is freed that a reader holds (R1 to R3), in the form with a fence on both sides. That
//! `membarrier` is as good as a fence in every running thread is the system's promise; no model shows it.

use super::super::check;
use crate::engine::reclaim::{Domain, Participant};
use crate::sync::{AtomicPtr, Ordering, StdArc, Witness, thread};
use loom::cell::UnsafeCell;

/// One shared word that names a node, and the domain that guards it.
struct World {
    domain: Box<Domain>,
    word: AtomicPtr<Witness>,
}

fn node() -> *mut Witness {
    Box::into_raw(Box::new(Witness::new()))
}

impl World {
    fn new() -> StdArc<Self> {
        StdArc::new(Self {
            domain: Box::new(Domain::new(|| false)),
            word: AtomicPtr::new(node()),
        })
    }

    fn read(&self, participant: &Participant) {
        let _guard = participant.enter();
        self.node().used();
    }

    /// [`read`](Self::read) as a hit does: in the short guard, or in one that nests if that is entered already.
    fn read_pinned(&self, participant: &Participant) {
        match participant.try_pin() {
            Some(_pin) => self.node().used(),
            None => self.read(participant),
        }
    }

    /// The present node. To be called and used inside a guard.
    fn node(&self) -> &Witness {
        // SAFETY: nodes are marked as freed, but never given back; the witness tells.
        unsafe { &*self.word.load(Ordering::Acquire) }
    }

    /// Replaces the node and frees the old one, if no reader may hold it. Tries once more at most.
    fn replace(&self) -> bool {
        let old = self.word.swap(node(), Ordering::AcqRel);
        let mut grace = self.domain.seal();
        let free = grace.has_elapsed() || grace.has_elapsed();
        if free {
            // SAFETY: as in `node`.
            unsafe { &*old }.freed();
        }
        free
    }
}

/// What a reader does on a thread of its own against two replacements; at the end a third one, which waits for nobody (R3).
fn check_reader(name: &'static str, read: fn(&World, &Participant)) {
    check(name, 3, 100, move || {
        let world = World::new();
        let other = thread::spawn({
            let world = StdArc::clone(&world);
            move || {
                let participant = world.domain.acquire();
                read(&world, participant);
                world.domain.release(participant);
            }
        });
        world.replace();
        world.replace();
        other.join().unwrap();
        assert!(world.replace(), "R3: nobody is left to wait for");
    });
}

/// Seeded faults: `reclaim-no-wait`, `reclaim-no-fence`, `reclaim-leave-relaxed` (a reader leaves without Release).
#[test]
fn a_node_is_freed_behind_its_reader() {
    check_reader("reclaim::read/replace", |world, participant| {
        world.read(participant);
        world.read(participant);
    });
}

/// Two readers, one of them with nested guards: what the outer one has found is kept when the inner one is left.
///
/// Seeded fault: `reclaim-unpin-nested` (leaving the inner guard counts as an unpin).
#[test]
fn a_node_is_freed_behind_two_readers() {
    check("reclaim::read/read nested/replace", 2, 100, || {
        let world = World::new();
        let reader = thread::spawn({
            let world = StdArc::clone(&world);
            move || world.read(world.domain.acquire())
        });
        let nested = thread::spawn({
            let world = StdArc::clone(&world);
            move || {
                let participant = world.domain.acquire();
                let _outer = participant.enter();
                let node = world.node();
                world.read(participant);
                node.used();
            }
        });
        world.replace();
        reader.join().unwrap();
        nested.join().unwrap();
        assert!(world.replace(), "R3: nobody is left to wait for");
    });
}

/// The same of readers in their short guards.
///
/// Seeded faults: `reclaim-pin-unseen` (a seal overlooks short guards), `reclaim-leave-relaxed`.
#[test]
fn a_node_is_freed_behind_a_pin() {
    check_reader("reclaim::pin/replace", |world, participant| {
        world.read_pinned(participant);
        world.read_pinned(participant);
    });
}

/// A short guard inside which there is another reader: user code that a hit calls. And a guard taken there that outlives the short guard.
///
/// Seeded fault: `reclaim-pin-nested` (the short guard is entered again, which leaves it).
#[test]
fn a_pin_is_not_entered_twice() {
    check_reader("reclaim::pin in pin/replace", |world, participant| {
        let pin = participant.try_pin();
        let node = world.node();
        world.read_pinned(participant);
        let longer = participant.enter();
        let other = world.node();
        node.used();
        drop(pin);
        other.used();
        drop(longer);
    });
}

/// A short guard that goes on in another function, as that of a hit which is not found at once: what was found before it was handed
/// over is kept until it is left there.
///
/// Seeded fault: `reclaim-pin-dropped` (handing over leaves the short guard).
#[test]
fn a_pin_goes_on_where_it_is_taken_over() {
    check_reader("reclaim::pin handed over/replace", |world, participant| {
        if let Some(pin) = participant.try_pin() {
            let node = world.node();
            pin.keep_pinned();
            // SAFETY: handed over just now, and taken over once.
            let _pin = unsafe { participant.resume_pin() };
            node.used();
            world.node().used();
        }
        world.read_pinned(participant);
    });
}

/// A plain field, in the eyes of the checker.
struct Plain(UnsafeCell<()>);

// SAFETY: nothing is stored; the cell is touched to have the checker object.
unsafe impl Sync for Plain {}

/// Slots are handed on from threads that end to threads that begin: one owner at a time, and what the former did with it
/// is seen by the next.
///
/// Seeded fault: `participant-shared` (a free participant is taken by a store: two threads own it).
#[test]
fn a_participant_has_one_owner() {
    check("reclaim::acquire/release/acquire", 2, 100, || {
        let world = World::new();
        world.domain.release(world.domain.acquire());
        // What a participant's owner keeps under its number: written without synchronisation.
        let owned = StdArc::new([(); 3].map(|()| Plain(UnsafeCell::new(()))));
        let own = |world: &World, owned: &[Plain; 3]| {
            let participant = world.domain.acquire();
            drop(participant.enter());
            owned[participant.id()].0.with_mut(|_| ());
            world.domain.release(participant);
        };
        let users = [(); 2].map(|()| {
            let (world, owned) = (StdArc::clone(&world), StdArc::clone(&owned));
            thread::spawn(move || own(&world, &owned))
        });
        own(&world, &owned);
        for user in users {
            user.join().unwrap();
        }
    });
}
