//! What one thread keeps for one cache: its statistics, its unlinked entries and its pool of memory.
//!
//! All of it is touched by the owning thread only (the owner of the [`Slot`](super::reclaim::Slot) with the same number),
//! so nothing here is a shared write on a hit. Other threads read the counters.

use super::clock::Part;
use super::entry::Entry;
use super::ledger::Record;
use super::locals::Supply;
use super::reclaim::{Domain, GracePeriod};
use super::slab::{Memory, Slab};
use crate::sync::{AtomicU64, Ordering, StdArc as Arc};
use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A counter written by one thread and read by any.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Only the owner of the surrounding [`Local`] may call it: load and store, no read-modify-write.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        if cfg!(tux_fault = "counter-restarts") {
            self.0.store(n, Ordering::Relaxed);
        }
        self.0.store(sum, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one thread has counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) insertions: Counter,
    pub(crate) overwrites: Counter,
    pub(crate) evictions: Counter,
    pub(crate) expirations: Counter,
    pub(crate) invalidations: Counter,
    pub(crate) cleared: Counter,
    pub(crate) voided: Counter,
    pub(crate) ticker_lag: Counter,
    /// Unlinked entries that readers may still hold.
    pub(crate) unreclaimed: Counter,
}

impl Counters {
    /// Counts a hit or a miss. Only the owner of the surrounding [`Local`] may call it.
    pub(crate) fn looked_up(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.add(1);
    }
}

/// Something unlinked that readers may still hold.
#[derive(Debug)]
pub(crate) enum Retired<K, V> {
    /// An entry with key and value.
    Entry(*mut Entry<K, V>),
    /// An entry whose value its owner has taken out again.
    Husk(*mut Entry<K, V>),
    Record(*mut Record<K, V>),
}

impl<K, V> Retired<K, V> {
    /// Frees what is not an entry, and returns an entry, of which nothing need be dropped.
    ///
    /// # Safety
    ///
    /// Nobody holds the item any more, this is done only once, and neither keys nor values need a drop.
    #[inline(always)]
    unsafe fn without_drops(self) -> Option<*mut Entry<K, V>> {
        match self {
            // SAFETY: by the contract.
            Self::Entry(entry) | Self::Husk(entry) => unsafe {
                (*entry).witness.freed();
                Some(entry)
            },
            // SAFETY: by the contract.
            Self::Record(record) => unsafe {
                Record::free(record);
                None
            },
        }
    }
}

/// How many sealed batches a thread keeps room for; more wait only for a stalled reader.
const FEW_BATCHES: usize = 64;

/// One thread's part of one cache.
pub(crate) struct Local<K, V> {
    pub(crate) counters: Counters,
    slab: Arc<Slab<K, V>>,
    garbage: UnsafeCell<Garbage<K, V>>,
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
    fresh: Vec<Retired<K, V>>,
    sealed: VecDeque<(GracePeriod, Vec<Retired<K, V>>)>,
    /// Memory for the next entries.
    pool: Vec<Memory<K, V>>,
    batch: usize,
}

impl<K, V> Local<K, V> {
    /// The part of the thread with this slot number.
    pub(crate) fn new(supply: &Supply<K, V>, slot: usize) -> Self {
        Self {
            counters: Counters::default(),
            slab: Arc::clone(&supply.slab),
            garbage: UnsafeCell::new(Garbage {
                fresh: Vec::new(),
                sealed: VecDeque::new(),
                pool: Vec::new(),
                batch: supply.batch,
            }),
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
    pub(crate) fn allocate(&self, make: impl FnOnce() -> Entry<K, V>) -> *mut Entry<K, V> {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let pool = &mut unsafe { self.garbage() }.pool;
        let memory = loop {
            match pool.pop() {
                Some(memory) => break memory.as_ptr(),
                None => self.slab.fill(pool),
            }
        };
        // SAFETY: memory for an entry, ours alone (P1).
        unsafe { memory.write(make()) };
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
        unsafe { self.garbage() }.fresh.push(retired);
        self.counters.unreclaimed.add(1);
    }

    /// Seals and frees what is due. Called at the end of an operation, outside its guard: it runs `K::drop` and
    /// `V::drop`, which may call the cache again. True if a batch was full.
    #[inline(always)]
    pub(crate) fn collect(&self, domain: &Domain) -> bool {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let garbage = unsafe { self.garbage() };
        let full = garbage.fresh.len() >= garbage.batch;
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
                if !garbage.fresh.is_empty() && !std::mem::replace(&mut sealed, true) {
                    let capacity = garbage.batch;
                    let fresh = std::mem::replace(&mut garbage.fresh, Vec::with_capacity(capacity));
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
                // SAFETY: the batch's grace period has elapsed, and each item was retired once.
                unsafe {
                    let entries = batch
                        .into_iter()
                        .filter_map(|retired| retired.without_drops());
                    self.pool(entries);
                }
                continue;
            }
            for retired in batch {
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
        let sealed = &mut unsafe { self.garbage() }.sealed;
        if sealed.capacity() > FEW_BATCHES.max(4 * sealed.len()) {
            // Grown while a reader was stalled.
            sealed.shrink_to(FEW_BATCHES.max(2 * sealed.len()));
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
        self.counters.unreclaimed.get() > 0
    }

    /// Takes the memory of entries into the pool, and gives up what it has too much of.
    ///
    /// # Safety
    ///
    /// Nobody uses the entries any more, and their drops are over. What makes the entries runs no user code.
    #[inline(always)]
    unsafe fn pool(&self, entries: impl Iterator<Item = *mut Entry<K, V>>) {
        // The model checker must be able to tell a use after this.
        let keeps_all = cfg!(tux_loom);
        let may_be_box = !keeps_all && self.slab.has_spares();
        // SAFETY: owner; no user code runs while the borrow lasts.
        let Garbage { pool, batch, .. } = unsafe { self.garbage() };
        let most = if cfg!(tux_sanitize) { 0 } else { 2 * *batch };
        for entry in entries {
            // SAFETY: the address of an entry is not null.
            let memory = unsafe { Memory::new_unchecked(entry) };
            // SAFETY: by the contract it is ours to give up.
            if may_be_box && unsafe { self.slab.take_back_box(memory) } {
                continue;
            }
            pool.push(memory);
            // Each time, and not for all of them at last: one call may have unlinked very many.
            if pool.len() > most && !keeps_all {
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
                // SAFETY: nobody uses the entry any more, and its drops are over.
                unsafe { self.0.pool(std::iter::once(self.1)) };
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
        let fresh = std::mem::take(&mut garbage.fresh);
        let sealed = std::mem::take(&mut garbage.sealed);
        garbage.batch = usize::MAX / 2;
        let mut panicked = None;
        for retired in sealed.into_iter().flat_map(|(_, batch)| batch).chain(fresh) {
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
