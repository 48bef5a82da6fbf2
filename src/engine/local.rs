//! What one thread keeps for one cache: its statistics, its unlinked entries and its pool of memory.
//!
//! All of it is touched by the owning thread only (the owner of the [`Slot`] with the same number), so nothing here
//! is a shared write on a hit. Other threads read the counters.

use super::entry::Entry;
use super::ledger::Record;
use super::reclaim::{Domain, GracePeriod, QUICK_SLOTS, Quick, Slot};
use crate::sync::{AtomicPtr, AtomicU64, CachePadded, Ordering};
use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

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

/// Something unlinked that readers may still hold.
#[derive(Debug)]
pub(crate) enum Retired<K, V> {
    /// An entry with key and value.
    Entry(*mut Entry<K, V>),
    /// An entry whose value its owner has taken out again.
    Husk(*mut Entry<K, V>),
    Record(*mut Record<K, V>),
}

/// One thread's part of one cache.
pub(crate) struct Local<K, V> {
    pub(crate) counters: Counters,
    garbage: UnsafeCell<Garbage<K, V>>,
    collecting: Cell<bool>,
    /// Writes since the time was last read.
    pub(crate) writes: Cell<u32>,
}

struct Garbage<K, V> {
    fresh: Vec<Retired<K, V>>,
    sealed: VecDeque<(GracePeriod, Vec<Retired<K, V>>)>,
    /// Memory of freed entries, for the next ones.
    pool: Vec<NonNull<Entry<K, V>>>,
    batch: usize,
}

impl<K, V> Local<K, V> {
    /// `batch`: how many unlinked entries share one heavy fence.
    pub(crate) fn new(batch: usize) -> Self {
        Self {
            counters: Counters::default(),
            garbage: UnsafeCell::new(Garbage {
                fresh: Vec::new(),
                sealed: VecDeque::new(),
                pool: Vec::new(),
                batch,
            }),
            collecting: Cell::new(false),
            writes: Cell::new(0),
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

    /// Memory for `entry`, from the pool if it has any.
    pub(crate) fn allocate(&self, entry: Entry<K, V>) -> *mut Entry<K, V> {
        // SAFETY: owner; no user code runs while the borrow lasts.
        match unsafe { self.garbage() }.pool.pop() {
            Some(memory) => {
                // SAFETY: pooled memory came from a `Box<Entry<K, V>>` whose contents were dropped.
                unsafe { memory.as_ptr().write(entry) };
                memory.as_ptr()
            }
            None => Box::into_raw(Box::new(entry)),
        }
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
            self.garbage().pool.push(NonNull::new_unchecked(entry));
            (key, ManuallyDrop::into_inner(value))
        }
    }

    /// Remembers something that was unlinked (R1), to be freed after a grace period.
    pub(crate) fn retire(&self, retired: Retired<K, V>) {
        // SAFETY: owner; no user code runs while the borrow lasts.
        unsafe { self.garbage() }.fresh.push(retired);
        self.counters.unreclaimed.add(1);
    }

    /// Seals and frees what is due. Called at the end of an operation, outside its guard: it runs `K::drop` and
    /// `V::drop`, which may call the cache again.
    #[inline(always)]
    pub(crate) fn collect(&self, domain: &Domain) {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let garbage = unsafe { self.garbage() };
        if garbage.fresh.len() >= garbage.batch {
            self.collect_now(domain);
        }
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
            for retired in batch {
                if !std::mem::needs_drop::<(K, V)>() {
                    // SAFETY: the batch's grace period has elapsed, and each item was retired once.
                    unsafe { self.free(retired) };
                    continue;
                }
                // A panic in one `drop` must not keep the others from being dropped (I9).
                // SAFETY: as above.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unsafe { self.free(retired) }))
                {
                    panicked.get_or_insert(panic);
                }
            }
        }
        self.collecting.set(false);
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
        self.counters.unreclaimed.get() > 0
    }

    /// # Safety
    ///
    /// Nobody holds the item any more, and it is freed only once.
    unsafe fn free(&self, retired: Retired<K, V>) {
        /// Pools the memory also when a drop panics.
        struct Pool<'l, K, V>(&'l Local<K, V>, *mut Entry<K, V>);
        impl<K, V> Drop for Pool<'_, K, V> {
            fn drop(&mut self) {
                // SAFETY: owner; the drops of key and value are over.
                let garbage = unsafe { self.0.garbage() };
                // The model checker must be able to tell a use after this.
                if cfg!(tux_loom) || garbage.pool.len() < 2 * garbage.batch {
                    // SAFETY: the address of an entry is not null.
                    garbage.pool.push(unsafe { NonNull::new_unchecked(self.1) });
                } else {
                    // SAFETY: came from `Box<Entry>`; `ManuallyDrop` keeps the dropped contents from being
                    // dropped again.
                    drop(unsafe { Box::from_raw(self.1.cast::<ManuallyDrop<Entry<K, V>>>()) });
                }
            }
        }
        /// Drops the key also when the drop of the value panics.
        struct DropKey<K, V>(*mut Entry<K, V>);
        impl<K, V> Drop for DropKey<K, V> {
            fn drop(&mut self) {
                // SAFETY: the entry is ours and its key is dropped here only.
                unsafe { std::ptr::drop_in_place(&raw mut (*self.0).key) }
            }
        }
        // SAFETY: by the contract the item is ours.
        unsafe {
            match retired {
                Retired::Entry(entry) => {
                    (*entry).witness.freed();
                    let _pool = Pool(self, entry);
                    let _key = DropKey(entry);
                    ManuallyDrop::drop(&mut (*entry).value);
                }
                Retired::Husk(entry) => {
                    (*entry).witness.freed();
                    let _pool = Pool(self, entry);
                    drop(DropKey(entry));
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
            // SAFETY: pooled memory came from a `Box<Entry>` whose contents were dropped.
            drop(unsafe { Box::from_raw(memory.as_ptr().cast::<ManuallyDrop<Entry<K, V>>>()) });
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

const DIRECT: usize = QUICK_SLOTS;

/// All threads' [`Local`]s of one cache, by slot number. Grows by blocks, never shrinks before the cache goes.
pub(crate) struct Locals<K, V> {
    locals: [AtomicPtr<CachePadded<Local<K, V>>>; DIRECT],
    more: AtomicPtr<Locals<K, V>>,
}

impl<K, V> Locals<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            locals: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            more: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The calling thread's part, if it has been made.
    #[inline(always)]
    pub(crate) fn made(&self, quick: Quick) -> Option<&Local<K, V>> {
        debug_assert!(quick.id() < self.locals.len());
        // SAFETY: quick slots have numbers below `QUICK_SLOTS`, which is how many there are.
        let local = unsafe { self.locals.get_unchecked(quick.id()) }.load(Ordering::Relaxed);
        // SAFETY: null, or installed once, by an owner of this slot before us (handed over with the slot, acquire) or
        // by ourselves, and freed only with the cache.
        unsafe { local.as_ref() }.map(|local| &**local)
    }

    /// The calling thread's part; the caller owns `slot`.
    #[inline(always)]
    pub(crate) fn of(&self, slot: &Slot, batch: usize) -> &Local<K, V> {
        if let Some(place) = self.locals.get(slot.id()) {
            let local = place.load(Ordering::Relaxed);
            if !local.is_null() {
                // SAFETY: as in `made`.
                return unsafe { &*local };
            }
        }
        self.make(slot.id(), batch)
    }

    #[cold]
    fn make(&self, id: usize, batch: usize) -> &Local<K, V> {
        let Some(place) = self.locals.get(id) else {
            let mut more = self.more.load(Ordering::Acquire);
            if more.is_null() {
                let new = Box::into_raw(Box::new(Self::new()));
                // Release publishes the block; on failure somebody else's is used.
                match self
                    .more
                    .compare_exchange(more, new, Ordering::AcqRel, Ordering::Acquire)
                {
                    Ok(_) => more = new,
                    Err(theirs) => {
                        // SAFETY: never published.
                        drop(unsafe { Box::from_raw(new) });
                        more = theirs;
                    }
                }
            }
            // SAFETY: not null, published, and freed only with the cache.
            let more = unsafe { &*more };
            return match more
                .locals
                .get(id - DIRECT)
                .map(|p| p.load(Ordering::Acquire))
            {
                // SAFETY: as in `of`.
                Some(local) if !local.is_null() => unsafe { &*local },
                _ => more.make(id - DIRECT, batch),
            };
        };
        let local = place.load(Ordering::Acquire);
        if !local.is_null() {
            // SAFETY: as in `of`.
            return unsafe { &*local };
        }
        let local = Box::into_raw(Box::new(CachePadded::new(Local::new(batch))));
        // Release: other threads read the counters. Only the slot's owner stores here.
        place.store(local, Ordering::Release);
        // SAFETY: just made; freed only with the cache.
        unsafe { &*local }
    }

    /// Visits every thread's part with its slot number. Only counters may be touched, unless the caller owns the slot.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, &Local<K, V>)) {
        let (mut block, mut base) = (self, 0);
        loop {
            for (i, place) in block.locals.iter().enumerate() {
                // SAFETY: null or installed, and freed only with the cache.
                if let Some(local) = unsafe { place.load(Ordering::Acquire).as_ref() } {
                    visit(base + i, local);
                }
            }
            // SAFETY: as above.
            match unsafe { block.more.load(Ordering::Acquire).as_ref() } {
                Some(more) => (block, base) = (more, base + DIRECT),
                None => return,
            }
        }
    }
}

impl<K, V> Drop for Locals<K, V> {
    fn drop(&mut self) {
        let more = self.more.load(Ordering::Relaxed);
        let places = self.locals.iter();
        let locals = places
            .map(|place| place.load(Ordering::Relaxed))
            .filter(|local| !local.is_null());
        let mut panicked = None;
        // A drop that panics in one thread's part must not keep those of the others from being dropped (I9).
        let mut attempt = |run: &mut dyn FnMut()| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                panicked.get_or_insert(panic);
            }
        };
        if !more.is_null() {
            // SAFETY: made by `Box`, exclusive access.
            attempt(&mut || drop(unsafe { Box::from_raw(more) }));
        }
        for local in locals {
            // SAFETY: made by `Box`, exclusive access.
            attempt(&mut || drop(unsafe { Box::from_raw(local) }));
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
