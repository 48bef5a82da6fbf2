//! The bounded cache: table, capacity, clock, expiry index and leases put together.
//!
//! # Invariants
//!
//! - **I1** At most `capacity` entries own a permit, at every instant (see `capacity`, G2). An entry goes LIVE only when a
//!   permit became its own: by one exchange of the capacity's descriptor, or of the victim's slot word from the victim to
//!   MOVED(newcomer), which both name the newcomer, so that whoever finds a stopped thread's change carries it out; or
//!   because its own thread took the victim's permit and holds it, where nobody else gets at it.
//! - **I2** At most one live entry per key. An insert publishes its entry as PENDING, then looks at the key's whole
//!   search path and kills every other PENDING entry of the key; a LIVE one becomes its victim. Of two inserts one must
//!   see the other (a Dekker pair on their slots), and who is seen PENDING cannot go live any more.
//! - **I3** A `set` is never refused. One that was killed by another insert of the same key starts again, and then mostly finds that
//!   one to overwrite.
//! - **I4** A LIVE entry stands in exactly one slot, and the clock's hand sweeps the slots; who changes its slot word
//!   retires it. An entry that never went live is retired by its owner alone.
//!   A LIVE entry is in a queue of the clock (Q1 in `policy/queue.rs`).
//! - **I7** Nobody waits. What a stopped thread may leave behind is a PENDING entry (can be killed), a MOVED slot (its entry can
//!   be made live), LEAVING slots of one group or an open capacity descriptor (can be carried out); or a permit that it holds,
//!   which few threads may have: seven permits of eight are always to be had in the other places.
//!
//! ```text
//!          ┌────────────────┬──evict, permit held
//!          ▼                │
//! slot:  EMPTY ──claim──▶ ENTRY(e) ──evict──▶ MOVED(n) ──n is live──▶ EMPTY
//!          ▲                │  ▲ └─overwrite─▶ ENTRY(e')     └─n is dead─▶ LEAVING(n)
//!          │                │  └────────────────┘
//!          └──capacity──── LEAVING(e) ◀──remove
//! ```

use crate::engine::capacity::Capacity;
use crate::engine::entry::slab::{Memory, Slab};
use crate::engine::entry::{Entry, Phase};
use crate::engine::expiry::Expiry;
use crate::engine::policy::{Instant, Policy, Since};
use crate::engine::reclaim::bag::Retired;
use crate::engine::table::word::{Word, WordKind};
use crate::engine::table::{Slot, Table};
use crate::engine::threads::local::Local;
use crate::lease::LeaseTable;
use crate::sync::{AtomicU64, CachePadded, Ordering, StdArc as Arc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

mod admit;
mod change_if;
mod get;
mod insert;
// What stopped threads leave is never freed: the leak sanitizer would call it a leak.
#[cfg(all(test, not(any(tux_loom, tux_sanitize))))]
mod interleavings;
#[cfg(any(test, tux_loom))]
#[cfg_attr(
    not(tux_loom),
    expect(dead_code, reason = "the models use more of it than the unit tests")
)]
pub(crate) mod model;
#[cfg(all(test, not(any(tux_loom, tux_sanitize))))]
mod queues;
mod remove;
mod set;

/// A cache of at most `capacity` entries. Every method must be called inside a guard of the calling thread's participant, with
/// that thread's [`Local`].
pub(crate) struct Bounded<K, V> {
    table: Table<K, V>,
    capacity: Capacity<K, V>,
    policy: Policy,
    expiry: Expiry,
    leases: Arc<LeaseTable>,
    slab: Arc<Slab<K, V>>,
    /// Which groups have been swept since the last clear: clear count (low 32 bits) and next group.
    swept: CachePadded<AtomicU64>,
    /// Since when all of them have been, as far as anybody has noticed.
    all_swept: Since,
}

impl<K, V> Bounded<K, V> {
    /// `None` if the memory is not to be had.
    pub(crate) fn new(capacity: usize, leases: Arc<LeaseTable>) -> Option<Self> {
        let table = Table::new(capacity)?;
        let expiry = Expiry::new(table.buckets())?;
        let policy = Policy::new(capacity, table.buckets())?;
        Some(Self {
            capacity: Capacity::new(capacity),
            all_swept: Since::new(policy.era.load()),
            policy,
            table,
            leases,
            slab: Arc::new(Slab::for_capacity(capacity)),
            // No clear yet, and so nothing to sweep.
            swept: CachePadded::new(AtomicU64::new(expiry.groups() as u64)),
            expiry,
        })
    }

    /// The instant at `tick`.
    #[inline(always)]
    pub(crate) fn at(&self, tick: u64) -> Instant {
        Instant {
            tick,
            era: self.policy.era.load(),
        }
    }

    /// How often the cache was cleared; entries carry the low 16 bits.
    pub(crate) fn clears(&self) -> u64 {
        self.policy.era.clears()
    }

    /// Where the memory of its entries comes from.
    pub(crate) fn slab(&self) -> Arc<Slab<K, V>> {
        Arc::clone(&self.slab)
    }

    /// How many threads may hold a victim's permit: few enough that stopped ones leave the others nearly all (I7).
    pub(crate) fn holders(&self) -> usize {
        self.capacity() / 8
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity.capacity()
    }

    /// Permits in use, O(1) (I1).
    pub(crate) fn resident(&self) -> usize {
        self.capacity.count()
    }

    /// Makes sure that nothing shared names `entry` any more but its slot: neither the capacity's open descriptor nor the
    /// MOVED slot its permit came from. To be called before a LIVE entry is retired (R1, G3).
    #[inline(always)]
    fn settle(&self, entry: &Entry<K, V>) {
        // Acquire pairs with the owner's Release: the owner has cleared the source itself.
        if !entry.phase.is_settled() {
            self.settle_cold(entry);
        }
    }

    #[cold]
    fn settle_cold(&self, entry: &Entry<K, V>) {
        self.capacity.settle(entry, &self.table);
        let source = Slot(entry.cold().aux.load(Ordering::Acquire));
        if self.table.has(source) {
            self.table
                .free(source, Word::moved(std::ptr::from_ref(entry).cast_mut()));
        }
    }

    /// Retires a LIVE entry whose slot word the caller has changed.
    #[inline(always)]
    fn retire(&self, local: &Local<K, V>, entry: &Entry<K, V>) {
        if !cfg!(tux_fault = "retire-unsettled") {
            self.settle(entry);
        }
        local.retire(Retired::Entry(std::ptr::from_ref(entry).cast_mut()));
    }

    /// Carries out what a slot that is neither free nor a live entry's stands for. True if it may have freed a permit or
    /// the slot.
    fn help(&self, local: &Local<K, V>, slot: Slot, word: Word<K, V>) -> bool {
        match word.kind() {
            WordKind::Empty => false,
            WordKind::Entry => {
                // SAFETY: an entry word, loaded inside the guard that every caller is in.
                let entry = unsafe { word.deref() };
                match entry.phase.load() {
                    Phase::Pending | Phase::Live => false,
                    Phase::Overtaken | Phase::Cancelled => self.unlink_dead(slot, word, entry),
                }
            }
            WordKind::Moved => {
                // SAFETY: a MOVED slot is cleared before its entry is retired (`settle`, and the owner's own end).
                let entry = unsafe { word.deref() };
                if entry.phase.decide(Phase::Live) == Phase::Live {
                    self.table.free(slot, word)
                } else {
                    self.release(local, slot, word, entry)
                }
            }
            WordKind::Leaving => {
                self.capacity.release(slot, word, &self.table, |r| {
                    local.retire(Retired::Descriptor(r))
                });
                true
            }
        }
    }

    /// Takes an entry that died before it went live out of its slot. Its owner retires it.
    fn unlink_dead(&self, slot: Slot, word: Word<K, V>, entry: &Entry<K, V>) -> bool {
        let unlinked = self.table.free(slot, word);
        if unlinked {
            self.table.departed(entry.hash(), slot);
        }
        unlinked
    }

    /// Gives the permit that `slot` holds as `word` back to the capacity; `entry` becomes the name of the change.
    fn release(
        &self,
        local: &Local<K, V>,
        slot: Slot,
        word: Word<K, V>,
        entry: &Entry<K, V>,
    ) -> bool {
        let leaving = Word::leaving(std::ptr::from_ref(entry).cast_mut());
        let released = self.table.exchange(slot, word, leaving);
        if released {
            self.capacity.release(slot, leaving, &self.table, |r| {
                local.retire(Retired::Descriptor(r))
            });
        }
        released
    }
}

impl<K, V> Drop for Bounded<K, V> {
    /// Exclusive access: no operation is under way, so entries stand in slots as ENTRY only.
    fn drop(&mut self) {
        let mut panicked = None;
        for bucket in 0..self.table.buckets() {
            self.table.each_in(bucket, |_, word| {
                if word.kind() == WordKind::Entry {
                    let entry = word.address();
                    // The other values are dropped also when one of the drops panics (I9).
                    let dropped = catch_unwind(AssertUnwindSafe(|| {
                        // SAFETY: nobody else is left, and no slot is looked at twice; a live entry has its value.
                        unsafe { Entry::drop_parts(entry) };
                    }));
                    // SAFETY: an entry is never null, and nobody uses this one any more.
                    unsafe { self.slab.discard(Memory::new_unchecked(entry)) };
                    if let Err(panic) = dropped {
                        panicked.get_or_insert(panic);
                    }
                }
            });
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

// SAFETY: entries are owned by the cache and reached by many threads: dropped by any of them (`Send`), shared by
// reference between them (`Sync`). Everything else is atomic.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Bounded<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Bounded<K, V> {}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use crate::engine::entry::Hash;
    use crate::engine::reclaim::Domain;
    use crate::engine::reclaim::supply::{Batches, Budget, Supply};
    use crate::time::Deadline;

    fn supply(cache: &Bounded<u64, u64>) -> Arc<Supply<u64, u64>> {
        Supply::new(
            cache.slab(),
            cache.holders(),
            Batches::all(64),
            Budget::new(1_000),
        )
    }

    /// Expired entries must not keep their slots while their permits are used elsewhere: keys would stand far from home.
    #[test]
    fn expiry_leaves_short_paths() {
        let domain = Domain::new(|| false);
        let participant = domain.acquire();
        let cache = Bounded::<u64, u64>::new(4_000, Arc::new(LeaseTable::new(1).unwrap())).unwrap();
        let local = Local::new(&supply(&cache), 0);
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        for n in 0..60_000u64 {
            let hash = Hash::new(std::hash::BuildHasher::hash_one(&hasher, n));
            // Two hundred writes a tick, each for 5 ticks.
            let tick = n / 200;
            let guard = participant.enter();
            cache.set(&local, hash, n, n, Deadline::at(tick + 5), tick, None);
            drop(guard);
            local.collect(&domain);
        }
        let passed = cache.table.displacements();
        assert!(
            passed < 2_000,
            "{passed} steps past full buckets for 4,000 entries"
        );
    }

    #[test]
    fn churn_leaves_exact_path_counts_and_short_paths() {
        let domain = Domain::new(|| false);
        let participant = domain.acquire();
        let cache = Bounded::<u64, u64>::new(1_000, Arc::new(LeaseTable::new(1).unwrap())).unwrap();
        let local = Local::new(&supply(&cache), 0);
        let mut state = 1u64;
        for n in 0..200_000u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let hash = Hash::new(state ^ state >> 32);
            let guard = participant.enter();
            cache.set(&local, hash, n, n, Deadline::NEVER, 0, None);
            drop(guard);
            local.collect(&domain);
        }
        assert!(cache.table.counts_are_exact());
    }
}
