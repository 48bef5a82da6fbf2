//! What was unlinked is freed once and under no reader, whoever takes it (D1 to D5), and somebody always looks (D8).

use super::super::check;
use crate::engine::entry::slab::Slab;
use crate::engine::entry::{Entry, Hash, Lifetime, Newcomer, Phase, PolicyMeta};
use crate::engine::reclaim::bag::{Chain, Retired};
use crate::engine::reclaim::supply::{Batches, Budget, Supply};
use crate::engine::reclaim::{Domain, Participant};
use crate::engine::threads::local::Local;
use crate::sync::{AtomicPtr, Ordering, StdArc, thread};
use crate::time::Deadline;
use std::sync::atomic::AtomicUsize;

/// Counts its drop.
struct Value(StdArc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Part = Local<u8, Value>;

/// One shared word that names an entry; the parts of two threads, the first of which has a bag with one entry in place.
struct World {
    word: AtomicPtr<Entry<u8, Value>>,
    parts: [Part; 2],
    domain: Box<Domain>,
    dropped: StdArc<AtomicUsize>,
}

// SAFETY: parts are used as their invariants say, which is what the models check.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> StdArc<Self> {
        let supply = Supply::new(
            StdArc::new(Slab::new(0)),
            0,
            Batches::all(3),
            Budget::new(64),
        );
        let dropped = StdArc::default();
        let parts = [0, 1].map(|participant| Local::new(&supply, participant));
        let entry = || Self::entry(&parts[0], &dropped);
        let first = entry();
        parts[0].retire(Retired::Entry(entry()));
        StdArc::new(Self {
            word: AtomicPtr::new(first),
            parts,
            domain: Box::new(Domain::new(|| false)),
            dropped,
        })
    }

    fn entry(part: &Part, dropped: &StdArc<AtomicUsize>) -> *mut Entry<u8, Value> {
        let lifetime = Lifetime {
            deadline: Deadline::NEVER,
            generation: 0,
        };
        let value = Value(StdArc::clone(dropped));
        let meta = PolicyMeta::new(0, 0);
        part.allocate(|| Newcomer::new(Phase::Live, Hash::new(0), lifetime, meta, 1, value))
    }

    /// What the owner of the first part does.
    fn replace(&self, participant: &Participant) {
        let _guard = participant.enter();
        let new = Self::entry(&self.parts[0], &self.dropped);
        let old = self.word.swap(new, Ordering::AcqRel);
        self.parts[0].retire(Retired::Entry(old));
    }

    fn read(&self, participant: &Participant) {
        let _guard = participant.enter();
        // SAFETY: entries are marked as freed, but their memory is not given back while a model runs; the witness tells.
        unsafe { &*self.word.load(Ordering::Acquire) }
            .witness
            .used();
    }

    /// One thread, that of part `own`, frees what the first one has unlinked.
    fn collect(&self, own: usize) {
        let own = &self.parts[own];
        let mut collecting = own.begin().expect("no drop collects");
        own.wait_also(self.parts[0].take_waiting());
        if let Some(bag) = self.parts[0].take() {
            let mut chain = Chain::empty();
            chain.push(bag);
            collecting.seal(&self.domain, chain);
        }
        collecting.free_elapsed(&self.domain, true);
        collecting.end();
    }

    /// Nobody is left to wait for: after so many replacements, all but the present one are gone.
    fn at_rest(&self, replaced: usize) {
        for _ in 0..2 {
            self.collect(1);
            self.parts[0].collect_now(&self.domain);
        }
        assert_eq!(self.dropped.load(Ordering::Relaxed), 1 + replaced);
    }
}

fn spawn(world: &StdArc<World>, run: impl FnOnce(&World) + 'static) -> thread::JoinHandle<()> {
    let world = StdArc::clone(world);
    thread::spawn(move || run(&world))
}

/// The owner unlinks while another thread takes its bag, and a third one reads.
///
/// Seeded faults: `bag-sealed-late` (what is in the bag is noted after the fence), `bag-late-ones-freed` (what was added after the
/// seal is freed as if it had been sealed).
#[test]
fn a_bag_is_taken_while_its_owner_adds_and_a_reader_reads() {
    check("bag::replace/collect/read", 3, 100, || {
        let world = World::new();
        let participants = [(); 2].map(|()| std::ptr::from_ref(world.domain.acquire()) as usize);
        // SAFETY: participants live as long as the domain, which the world owns.
        let participant = |n: usize| unsafe { &*(n as *const Participant) };
        let threads = [
            spawn(&world, move |world| {
                world.replace(participant(participants[0]))
            }),
            spawn(&world, move |world| {
                world.read(participant(participants[1]))
            }),
        ];
        world.collect(1);
        for thread in threads {
            thread.join().unwrap();
        }
        world.at_rest(1);
    });
}

/// Two threads take from a third one that adds: each bag and each chain is in one hand.
///
/// Seeded faults: `bag-taken-twice`, `waiting-taken-twice` (a load and a store in place of an exchange).
#[test]
fn a_bag_is_in_one_hand() {
    check("bag::collect/collect/replace", 3, 100, || {
        let world = World::new();
        let reader = world.domain.acquire();
        // A bag that waits.
        let guard = reader.enter();
        world.parts[0].collect_now(&world.domain);
        drop(guard);
        world.replace(reader);
        let other = spawn(&world, |world| world.collect(1));
        world.collect(0);
        world.replace(reader);
        other.join().unwrap();
        world.at_rest(2);
    });
}

/// D8: of a reader that leaves and one who waits for it, one frees or knows that it has to look.
///
/// Seeded fault: `remind-no-fence`.
#[test]
fn who_leaves_last_knows_that_it_has_to_look() {
    check("bag::remind/leave", 3, 100, || {
        let world = World::new();
        let participant = std::ptr::from_ref(world.domain.acquire()) as usize;
        let reader = spawn(&world, move |world| {
            // SAFETY: as above.
            let participant = unsafe { &*(participant as *const Participant) };
            for _ in 0..2 {
                world.read(participant);
                if world.parts[1].is_due() {
                    world.dropped.fetch_add(100, Ordering::Relaxed);
                }
            }
        });
        let mut collecting = world.parts[0].begin().expect("no drop collects");
        let mut chain = Chain::empty();
        world.parts[0]
            .take()
            .into_iter()
            .for_each(|bag| chain.push(bag));
        collecting.seal(&world.domain, chain);
        if collecting.free_elapsed(&world.domain, false) {
            collecting.remind_readers(&world.domain, |_| Some(&world.parts[1]));
        }
        collecting.end();
        reader.join().unwrap();
        assert!(
            world.dropped.load(Ordering::Relaxed) > 0,
            "D8: nobody looks"
        );
    });
}
