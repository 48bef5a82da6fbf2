//! What one thread keeps for one cache: its statistics, its unlinked entries and its pool of memory.
//!
//! All of it is touched by the owning thread only (the owner of the [`Slot`](super::reclaim::Slot) with the same number),
//! so nothing here is a shared write on a hit. Other threads read the counters.

use super::clock::Part;
use super::entry::{Entry, Newcomer};
use super::ledger::Record;
use super::locals::Supply;
use super::reclaim::{Domain, GracePeriod};
use super::slab::{Memory, Slab};
use crate::sync::StdArc as Arc;
use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) mod counters;
use counters::Counters;

/// Something unlinked that readers may still hold.
#[derive(Debug)]
pub(crate) enum Retired<K, V> {
    /// An entry with key and value.
    Entry(*mut Entry<K, V>),
    /// An entry whose value its owner has taken out again.
    Husk(*mut Entry<K, V>),
    Record(*mut Record<K, V>),
}

/// What was unlinked while one grace period was to come. Entries stand apart: where they need no drop, their memory goes to
/// the pool all at once.
struct Batch<K, V> {
    entries: Vec<Memory<K, V>>,
    others: Vec<Retired<K, V>>,
}

impl<K, V> Batch<K, V> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            others: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.entries.len() + self.others.len()
    }

    fn into_retired(self) -> impl Iterator<Item = Retired<K, V>> {
        let entry = |entry: Memory<K, V>| Retired::Entry(entry.as_ptr());
        self.entries.into_iter().map(entry).chain(self.others)
    }
}

/// How many sealed batches a thread keeps room for; more wait only for a stalled reader.
const FEW_BATCHES: usize = 64;

/// One thread's part of one cache.
pub(crate) struct Local<K, V> {
    pub(crate) counters: Counters,
    slab: Arc<Slab<K, V>>,
    garbage: UnsafeCell<Garbage<K, V>>,
    /// A batch is full when so much is unreclaimed.
    full_at: Cell<u64>,
    collecting: Cell<bool>,
    /// Whether the thread may have a victim's room in hand (see `bounded::room`).
    pub(crate) has_hand: bool,
    /// Writes since the time was last read.
    pub(crate) writes: Cell<u32>,
    /// What the clock has the thread keep.
    pub(crate) clock: Part,
    /// The slot number that is looked at next for what an ended thread has left.
    pub(crate) next_left: Cell<usize>,
}

struct Garbage<K, V> {
    fresh: Batch<K, V>,
    sealed: VecDeque<(GracePeriod, Batch<K, V>)>,
    /// Memory for the next entries.
    pool: Vec<Memory<K, V>>,
    batch: usize,
}

impl<K, V> Local<K, V> {
    /// The part of the thread with this slot number.
    pub(crate) fn new(supply: &Supply<K, V>, slot: usize) -> Self {
        let batch = supply.batches.of(slot);
        Self {
            counters: Counters::default(),
            slab: Arc::clone(&supply.slab),
            garbage: UnsafeCell::new(Garbage {
                fresh: Batch::new(),
                sealed: VecDeque::new(),
                pool: Vec::new(),
                batch,
            }),
            full_at: Cell::new(batch as u64),
            collecting: Cell::new(false),
            has_hand: slot < supply.hands,
            writes: Cell::new(0),
            clock: Part::default(),
            next_left: Cell::new(0),
        }
    }

    /// # Safety
    ///
    /// Called by the owner, for a moment in which no user code runs and no other borrow is alive.
    #[expect(clippy::mut_from_ref, reason = "owner-only cell")]
    unsafe fn garbage(&self) -> &mut Garbage<K, V> {
        // SAFETY: by the contract nobody else has a reference into the cell.
        unsafe { &mut *self.garbage.get() }
    }

    /// Memory with the entry that `make` makes; that must not panic.
    #[inline(always)]
    pub(crate) fn allocate(&self, make: impl FnOnce() -> Newcomer<K, V>) -> *mut Entry<K, V> {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let pool = &mut unsafe { self.garbage() }.pool;
        let memory = loop {
            match pool.pop() {
                Some(memory) => break memory.as_ptr(),
                None => self.slab.fill(pool),
            }
        };
        // SAFETY: memory for an entry, ours alone (P1).
        unsafe { make().write(memory) };
        memory
    }

    /// Takes an entry back that was never published.
    ///
    /// # Safety
    ///
    /// `entry` came from [`allocate`](Self::allocate) and nobody else has its address.
    pub(crate) unsafe fn take_back(&self, entry: *mut Entry<K, V>) -> (K, V) {
        // SAFETY: by the contract the entry is ours alone; its parts are moved out once and the memory is pooled
        // without dropping them.
        unsafe {
            let Entry { key, value, .. } = entry.read();
            self.garbage().pool.push(Memory::new_unchecked(entry));
            (key, ManuallyDrop::into_inner(value))
        }
    }

    /// Remembers something that was unlinked (R1), to be freed after a grace period.
    #[inline(always)]
    pub(crate) fn retire(&self, retired: Retired<K, V>) {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let fresh = &mut unsafe { self.garbage() }.fresh;
        match retired {
            // SAFETY: the address of an entry is not null.
            Retired::Entry(entry) => fresh.entries.push(unsafe { Memory::new_unchecked(entry) }),
            other => fresh.others.push(other),
        }
        self.counters.unreclaimed.add(1);
    }

    /// Seals and frees what is due. Called at the end of an operation, outside its guard: it runs `K::drop` and
    /// `V::drop`, which may call the cache again. True if a batch was full.
    #[inline(always)]
    pub(crate) fn collect(&self, domain: &Domain) -> bool {
        let full = self.counters.unreclaimed.get() >= self.full_at.get();
        if full {
            self.collect_now(domain);
        }
        full
    }

    /// [`collect`](Self::collect) whatever the size of the batch. Returns whether anything is left.
    #[cold]
    pub(crate) fn collect_now(&self, domain: &Domain) -> bool {
        if self.collecting.replace(true) {
            return true;
        }
        let mut panicked = None;
        let mut sealed = false;
        loop {
            let batch = {
                // SAFETY: owner; the borrow ends before user code (drops) runs.
                let garbage = unsafe { self.garbage() };
                // Once a call: what drops unlink meanwhile waits for the next one.
                if garbage.fresh.len() > 0 && !std::mem::replace(&mut sealed, true) {
                    let next = Batch {
                        entries: Vec::with_capacity(garbage.batch),
                        others: Vec::with_capacity(garbage.fresh.others.len().min(garbage.batch)),
                    };
                    let fresh = std::mem::replace(&mut garbage.fresh, next);
                    garbage.sealed.push_back((domain.seal(), fresh));
                }
                let elapsed = garbage
                    .sealed
                    .front_mut()
                    .is_some_and(|(grace, _)| grace.has_elapsed());
                if elapsed {
                    garbage.sealed.pop_front().map(|(_, batch)| batch)
                } else {
                    None
                }
            };
            let Some(batch) = batch else { break };
            self.counters.unreclaimed.set(
                self.counters
                    .unreclaimed
                    .get()
                    .wrapping_sub(batch.len() as u64),
            );
            if !std::mem::needs_drop::<(K, V)>() {
                // SAFETY: the batch's grace period has elapsed, each item was retired once, and there is nothing to drop.
                unsafe { self.pool_all(batch) };
                continue;
            }
            for retired in batch.into_retired() {
                // A panic in one `drop` must not keep the others from being dropped (I9).
                // SAFETY: as above.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unsafe { self.free(retired) }))
                {
                    panicked.get_or_insert(panic);
                }
            }
        }
        self.collecting.set(false);
        // SAFETY: owner; no user code runs while the borrow lasts.
        let Garbage {
            fresh,
            sealed,
            batch,
            ..
        } = unsafe { self.garbage() };
        let waiting = self.counters.unreclaimed.get() - fresh.len() as u64;
        self.full_at.set(waiting + *batch as u64);
        if sealed.capacity() > FEW_BATCHES.max(4 * sealed.len()) {
            // Grown while a reader was stalled.
            sealed.shrink_to(FEW_BATCHES.max(2 * sealed.len()));
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
        self.counters.unreclaimed.get() > 0
    }

    /// Takes the memory of a batch of which nothing need be dropped into the pool, and gives up what it has too much of.
    ///
    /// # Safety
    ///
    /// Nobody uses what it holds any more.
    unsafe fn pool_all(&self, batch: Batch<K, V>) {
        let Batch {
            mut entries,
            others,
        } = batch;
        for entry in &entries {
            // SAFETY: an entry of ours alone.
            unsafe { entry.as_ref() }.witness.freed();
        }
        // SAFETY: owner; no user code runs while the borrow lasts.
        let Garbage { pool, batch, .. } = unsafe { self.garbage() };
        if pool.len() + entries.len() <= Self::most(*batch) && !self.looks_for_alone() {
            pool.append(&mut entries);
        } else {
            // SAFETY: by the contract.
            unsafe { self.pool(entries.into_iter()) };
        }
        for other in others {
            // SAFETY: by the contract.
            unsafe { self.free(other) };
        }
    }

    /// Whether memory that is not the slab's goes back to the allocator. (Models keep all: the checker must be able to tell
    /// a use of what is free.)
    fn looks_for_alone(&self) -> bool {
        !cfg!(tux_loom) && self.slab.has_spares()
    }

    /// How much memory a pool keeps, for batches of this size.
    fn most(batch: usize) -> usize {
        if cfg!(tux_loom) {
            usize::MAX
        } else if cfg!(tux_sanitize) {
            0
        } else {
            2 * batch
        }
    }

    /// Takes the memory of entries into the pool, and gives up what it has too much of.
    ///
    /// # Safety
    ///
    /// Nobody uses the entries any more, and their drops are over. What makes the entries runs no user code.
    unsafe fn pool(&self, entries: impl Iterator<Item = Memory<K, V>>) {
        let may_be_alone = self.looks_for_alone();
        // SAFETY: owner; no user code runs while the borrow lasts.
        let Garbage { pool, batch, .. } = unsafe { self.garbage() };
        for memory in entries {
            // SAFETY: by the contract it is ours to give up.
            if may_be_alone && unsafe { self.slab.take_back_alone(memory) } {
                continue;
            }
            pool.push(memory);
            // Each time, and not for all of them at last: one call may have unlinked very many.
            if pool.len() > Self::most(*batch) {
                let surplus = pool.drain(..pool.len().min(*batch));
                // SAFETY: the pool's memory came from this slab; half of it is given up, the part that was used
                // longest ago.
                unsafe { self.slab.take_back(surplus) };
            }
        }
    }

    /// # Safety
    ///
    /// Nobody holds the item any more, and it is freed only once.
    unsafe fn free(&self, retired: Retired<K, V>) {
        /// Pools the memory also when a drop panics.
        struct Pool<'l, K, V>(&'l Local<K, V>, *mut Entry<K, V>);
        impl<K, V> Drop for Pool<'_, K, V> {
            fn drop(&mut self) {
                // SAFETY: the address of an entry; nobody uses it any more, and its drops are over.
                unsafe { self.0.pool(std::iter::once(Memory::new_unchecked(self.1))) };
            }
        }
        // SAFETY: by the contract the item is ours.
        unsafe {
            match retired {
                Retired::Entry(entry) => {
                    (*entry).witness.freed();
                    let _pool = Pool(self, entry);
                    Entry::drop_parts(entry);
                }
                Retired::Husk(entry) => {
                    (*entry).witness.freed();
                    let _pool = Pool(self, entry);
                    Entry::drop_key(entry);
                }
                Retired::Record(record) => Record::free(record),
            }
        }
    }
}

impl<K, V> Drop for Local<K, V> {
    /// The cache is going: nobody reads any more, so everything is free at once.
    fn drop(&mut self) {
        let garbage = self.garbage.get_mut();
        let fresh = std::mem::replace(&mut garbage.fresh, Batch::new());
        let sealed = std::mem::take(&mut garbage.sealed);
        garbage.batch = usize::MAX / 2;
        let mut panicked = None;
        let batches = sealed.into_iter().map(|(_, batch)| batch).chain([fresh]);
        for retired in batches.flat_map(Batch::into_retired) {
            // SAFETY: exclusive access to the cache; each item was retired once.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unsafe { self.free(retired) })) {
                panicked.get_or_insert(panic);
            }
        }
        for memory in std::mem::take(&mut self.garbage.get_mut().pool) {
            // SAFETY: came from this slab, and what it held was dropped.
            unsafe { self.slab.discard(memory) };
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
#[path = "local/tests.rs"]
mod tests;
