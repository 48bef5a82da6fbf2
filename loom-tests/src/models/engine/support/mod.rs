//! A small bounded cache for the models, with values that watch over their own life.

use crate::engine::entry::Hash;
use crate::engine::index::bounded::{Bounded, model::Stop};
use crate::engine::policy::Instant;
use crate::engine::reclaim::supply::{Batches, Budget, Supply};
use crate::engine::reclaim::{Domain, Guard, Participant};
use crate::engine::table::Near;
use crate::engine::threads::local::Local;
use crate::lease::{Lease, LeaseTable, Reached};
use crate::sync::{StdArc, Witness};
use crate::time::{Deadline, Line};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

mod change_if;

/// A key with a hash of the model's choice.
#[derive(Clone, Debug)]
pub(super) struct Key {
    name: u8,
    pub(super) hash: Hash,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Key {}

/// A key whose home is the first bucket.
pub(super) fn key(name: u8) -> Key {
    Key {
        name,
        // No byte is zero: a hint that is zero says nothing. And odd, so that names are told apart by each.
        hash: Hash::new((2 * u64::from(name) + 1) * 0x0101_0101),
    }
}

/// How many values a model may make.
const VALUES: usize = 16;
const ALIVE: u8 = 1;
const DROPPED: u8 = 2;

/// What became of every value. Counted outside loom: these are no points where threads may switch.
#[derive(Debug, Default)]
struct Lives([AtomicU8; VALUES]);

/// A value that knows when it is read after it was dropped, dropped without an edge from its readers, or dropped twice.
#[derive(Debug)]
pub(super) struct Value {
    id: u8,
    witness: Witness,
    lives: StdArc<Lives>,
}

impl Value {
    fn read(&self) -> u8 {
        self.witness.used();
        assert_eq!(
            self.lives.0[usize::from(self.id)].load(SeqCst),
            ALIVE,
            "I4: value {} read after its drop",
            self.id
        );
        self.id
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.witness.freed();
        let was = self.lives.0[usize::from(self.id)].swap(DROPPED, SeqCst);
        assert_eq!(was, ALIVE, "I4: value {} dropped twice", self.id);
    }
}

/// The cache and what its threads keep. Fields are dropped in the order of the public cache's.
pub(super) struct World {
    cache: Bounded<Key, Value>,
    locals: Vec<Local<Key, Value>>,
    participants: Vec<*const Participant>,
    leases: StdArc<LeaseTable>,
    domain: Box<Domain>,
    lives: StdArc<Lives>,
}

// SAFETY: as for the public cache: each local is used by the thread that has its actor.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

/// One thread's hands on the world.
pub(super) struct Actor {
    pub(super) world: StdArc<World>,
    id: usize,
}

/// Unlinked entries are kept to the end.
pub(super) const KEEP: usize = 1_000;
/// Each unlinked entry is freed as soon as no reader can hold it.
pub(super) const FREE: usize = 1;

/// A cache of `capacity` for as many threads as there are actors; `batch` is [`KEEP`] or [`FREE`].
pub(super) fn world<const ACTORS: usize>(capacity: usize, batch: usize) -> [Actor; ACTORS] {
    world_with_holders(capacity, batch, 0)
}

/// [`world`] in which the first `holders` threads may hold a victim's permit.
pub(super) fn world_with_holders<const ACTORS: usize>(
    capacity: usize,
    batch: usize,
    holders: usize,
) -> [Actor; ACTORS] {
    let mut actors = actors(ACTORS, capacity, batch, holders).into_iter();
    std::array::from_fn(|_| actors.next().expect("as many as asked for"))
}

/// The same for any number of threads.
pub(super) fn actors(threads: usize, capacity: usize, batch: usize, holders: usize) -> Vec<Actor> {
    let leases = StdArc::new(LeaseTable::sized(1, [1, 1]).expect("memory"));
    let domain = Box::new(Domain::new(|| false));
    let cache = Bounded::new(capacity, StdArc::clone(&leases)).expect("memory");
    let supply = Supply::new(
        cache.slab(),
        holders,
        Batches::all(batch),
        Budget::new(1_000_000),
    );
    let world = StdArc::new(World {
        cache,
        locals: (0..threads)
            .map(|participant| Local::new(&supply, participant))
            .collect(),
        participants: (0..threads)
            .map(|_| std::ptr::from_ref(domain.acquire()))
            .collect(),
        leases,
        domain,
        lives: StdArc::default(),
    });
    let actor = |id| Actor {
        world: StdArc::clone(&world),
        id,
    };
    (0..threads).map(actor).collect()
}

impl Actor {
    fn local(&self) -> &Local<Key, Value> {
        &self.world.locals[self.id]
    }

    fn participant(&self) -> &Participant {
        // SAFETY: participants live as long as the domain, which the world owns.
        unsafe { &*self.world.participants[self.id] }
    }

    pub(super) fn guard(&self) -> Guard<'_> {
        self.participant().enter()
    }

    pub(super) fn cache(&self) -> &Bounded<Key, Value> {
        &self.world.cache
    }

    fn value(&self, id: u8) -> Value {
        let was = self.world.lives.0[usize::from(id)].swap(ALIVE, SeqCst);
        assert_eq!(was, 0, "each value is made once");
        Value {
            id,
            witness: Witness::new(),
            lives: StdArc::clone(&self.world.lives),
        }
    }

    /// The end of an operation, as the public cache does it.
    fn collect(&self) {
        self.local().collect(&self.world.domain);
    }

    /// `set` that never expires.
    pub(super) fn set(&self, key: &Key, id: u8) {
        self.set_at(key, id, Deadline::NEVER, 0);
    }

    pub(super) fn set_at(&self, key: &Key, id: u8, deadline: Deadline, tick: u64) {
        self.store(key, id, deadline, tick, None);
    }

    pub(super) fn set_leased(&self, lease: Lease, key: &Key, id: u8) -> bool {
        self.store(key, id, Deadline::NEVER, 0, Some(&lease))
    }

    fn store(
        &self,
        key: &Key,
        id: u8,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> bool {
        let value = self.value(id);
        let guard = self.guard();
        let stored = self.cache().set(
            self.local(),
            key.hash,
            key.clone(),
            value,
            deadline,
            tick,
            lease,
        );
        drop(guard);
        self.collect();
        stored
    }

    pub(super) fn get(&self, key: &Key) -> Option<u8> {
        self.get_at(key, 0)
    }

    pub(super) fn get_at(&self, key: &Key, tick: u64) -> Option<u8> {
        let _guard = self.guard();
        // SAFETY: the guard is open for as long as the entry is used.
        let entry = unsafe {
            let at_home = self
                .cache()
                .probe_first(key.hash, || Line::at(tick), |k| k == key);
            at_home.or_else(|| {
                match self
                    .cache()
                    .probe_home(key.hash, || Line::at(tick), |k| k == key)
                {
                    Near::Found(entry) => Some(entry),
                    Near::Missing => None,
                    Near::Unsure => self
                        .cache()
                        .probe_all(key.hash, self.now(tick), |k| k == key),
                }
            })
        };
        entry.map(|entry| entry.value.read())
    }

    pub(super) fn invalidate(&self, key: &Key) -> bool {
        let guard = self.guard();
        let went = self
            .cache()
            .invalidate(self.local(), key.hash, 0, |k| k == key);
        drop(guard);
        self.collect();
        went
    }

    pub(super) fn invalidate_matching(&self, key: &Key) -> usize {
        let guard = self.guard();
        let cache = self.cache();
        cache.void_reached(Reached::Everything);
        let count = (0..cache.groups())
            .map(|group| cache.invalidate_matching(self.local(), group, 0, &mut |k| k == key))
            .sum();
        cache.void_reached(Reached::Everything);
        drop(guard);
        self.collect();
        count
    }

    pub(super) fn clear(&self) {
        let guard = self.guard();
        self.cache().clear(self.local());
        drop(guard);
        self.collect();
    }

    pub(super) fn lease(&self, key: &Key) -> Lease {
        self.world
            .leases
            .lease(key.hash.bits(), || self.cache().clears())
    }

    /// Reclaims what has expired at `tick`.
    pub(super) fn sweep(&self, tick: u64) -> usize {
        let guard = self.guard();
        let went = self.cache().sweep_all(self.local(), tick);
        drop(guard);
        self.collect();
        went
    }

    pub(super) fn now(&self, tick: u64) -> Instant {
        self.cache().at(tick)
    }

    pub(super) fn reclaim_due(&self, tick: u64) -> bool {
        let guard = self.guard();
        let any = self.cache().reclaim_due(self.local(), tick);
        drop(guard);
        self.collect();
        any
    }

    /// A `set` that stops for ever. Its guard is not kept: that nothing names an entry when that is retired (R1) must
    /// not depend on it.
    pub(super) fn insert_and_stop(&self, key: &Key, id: u8, stop: Stop) -> bool {
        let value = self.value(id);
        let _guard = self.guard();
        self.cache()
            .insert_and_stop(self.local(), key.hash, (key.clone(), value), stop)
    }

    /// An `invalidate` that stops for ever, inside its guard.
    pub(super) fn remove_and_stop(&self, key: &Key, counted: bool) -> bool {
        std::mem::forget(self.guard());
        self.cache()
            .remove_and_stop(key.hash, |k| k == key, counted)
    }

    pub(super) fn len(&self) -> usize {
        let _guard = self.guard();
        self.cache().len(self.now(0))
    }

    pub(super) fn resident(&self) -> usize {
        let _guard = self.guard();
        self.cache().resident()
    }

    /// Counts the live entries of one instant: at most one of each key (I2), no more than residents, and those no more
    /// than the bound (I1).
    pub(super) fn observe(&self) {
        let _guard = self.guard();
        let (live, resident) = self.cache().snapshot();
        let bound = self.cache().capacity();
        assert!(resident <= bound, "I1: resident {resident} > {bound}");
        assert!(
            live.len() <= resident,
            "I1: {} live entries, resident {resident}",
            live.len()
        );
        for (i, a) in live.iter().enumerate() {
            for b in &live[i + 1..] {
                assert!(a.key != b.key, "I2: two live entries of {:?}", a.key);
            }
        }
    }

    /// Evictions of all threads so far.
    pub(super) fn evictions(&self) -> u64 {
        self.world
            .locals
            .iter()
            .map(|local| local.counters.evictions.get())
            .sum()
    }

    /// Ends the world: no operation is under way, the books are even, and every value was dropped but those of
    /// threads that stopped (`stopped`: their ids).
    pub(super) fn end(self, stopped: &[u8]) {
        self.observe();
        if stopped.is_empty() {
            let guard = self.guard();
            let (live, resident) = self.cache().snapshot();
            assert_eq!(live.len(), resident, "I1: a permit without an entry");
            let lost = self.cache().in_no_queue(&[]);
            assert_eq!(lost, None, "Q1: a live entry in no queue");
            drop(guard);
        }
        let lives = StdArc::clone(&self.world.lives);
        drop(
            StdArc::try_unwrap(self.world)
                .ok()
                .expect("the threads have ended"),
        );
        for (id, life) in lives.0.iter().enumerate() {
            if !stopped.iter().any(|s| usize::from(*s) == id) {
                assert_ne!(life.load(SeqCst), ALIVE, "I4: value {id} never dropped");
            }
        }
    }
}
