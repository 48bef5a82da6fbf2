//! What one thread keeps for one cache: its statistics, what it has unlinked and its pool of memory.
//!
//! Counters and pool are touched by the owning thread only (the owner of the [`Participant`](crate::engine::reclaim::Participant)
//! with the same number), so nothing here is a shared write on a hit; other threads read the counters. What it has unlinked it
//! alone adds to, and any thread may take ([`bag`](crate::engine::reclaim::bag), where the invariants are).

use crate::engine::entry::Cold;
use crate::engine::entry::slab::Memory;
use crate::engine::entry::{Entry, Newcomer};
use crate::engine::policy::PolicyLocal;
#[cfg(any(test, tux_loom))]
use crate::engine::reclaim::Domain;
use crate::engine::reclaim::GracePeriod;
use crate::engine::reclaim::bag::{Bag, Chain, Retired, TakenBag};
use crate::engine::reclaim::supply::Supply;
use crate::sync::{AtomicBool, AtomicPtr, Ordering, StdArc as Arc, compiler_fence};
use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::panic::resume_unwind;
use std::ptr::null_mut;

mod collecting;
use super::counters::LocalCounters;
pub(crate) use collecting::Collecting;

/// What a drop has panicked with.
pub(crate) type Panic = Option<Box<dyn Any + Send>>;

/// One thread's part of one cache.
pub(crate) struct Local<K, V> {
    pub(crate) counters: LocalCounters,
    /// The bag in place (D1).
    bag: AtomicPtr<Bag<K, V>>,
    /// Something should be freed, or another thread asks to look.
    due: AtomicBool,
    /// Memory for the next entries.
    pool: UnsafeCell<Vec<Memory<K, V>>>,
    /// The bag in place is full.
    full: Cell<bool>,
    /// Bags that this thread has sealed. Only it puts them there.
    waiting: AtomicPtr<Bag<K, V>>,
    /// An empty bag to be used next, or null.
    spare: Cell<*mut Bag<K, V>>,
    supply: Arc<Supply<K, V>>,
    batch: usize,
    collecting: Cell<bool>,
    /// Whether the thread may hold a victim's permit (see `bounded::admit`).
    pub(crate) may_hold_permit: bool,
    /// Writes since the time was last read.
    pub(crate) writes: Cell<u32>,
    /// What the clock has the thread keep.
    pub(crate) policy: PolicyLocal,
    /// The participant number that is looked at next for what idle threads have left.
    pub(crate) next_left: Cell<usize>,
    /// What the last look for bags of others waits for, if readers hold back what it found (D7).
    in_vain: Cell<Option<GracePeriod>>,
}

impl<K, V> Local<K, V> {
    /// The part of the thread with this participant number.
    pub(crate) fn new(supply: &Arc<Supply<K, V>>, participant: usize) -> Self {
        Self {
            counters: LocalCounters::default(),
            bag: AtomicPtr::new(supply.none()),
            due: AtomicBool::new(false),
            pool: UnsafeCell::new(Vec::new()),
            full: Cell::new(false),
            waiting: AtomicPtr::new(null_mut()),
            spare: Cell::new(null_mut()),
            supply: Arc::clone(supply),
            batch: supply.batches.of(participant).max(1),
            collecting: Cell::new(false),
            may_hold_permit: participant < supply.holders,
            writes: Cell::new(0),
            policy: PolicyLocal::default(),
            next_left: Cell::new(0),
            in_vain: Cell::new(None),
        }
    }

    /// # Safety
    ///
    /// Called by the owner, for a moment in which no user code runs and no other borrow is alive.
    #[expect(clippy::mut_from_ref, reason = "owner-only cell")]
    unsafe fn memory(&self) -> &mut Vec<Memory<K, V>> {
        // SAFETY: by the contract nobody else has a reference into the cell.
        unsafe { &mut *self.pool.get() }
    }

    /// Memory with the entry that `make` makes; that must not panic.
    #[inline(always)]
    pub(crate) fn allocate(&self, make: impl FnOnce() -> Newcomer<K, V>) -> *mut Entry<K, V> {
        self.allocate_both(make).0
    }

    /// [`allocate`](Self::allocate), and where the entry's cold part is, which is some arithmetic.
    #[inline(always)]
    pub(crate) fn allocate_both(
        &self,
        make: impl FnOnce() -> Newcomer<K, V>,
    ) -> (*mut Entry<K, V>, *const Cold) {
        // SAFETY: owner; no user code runs while the borrow lasts.
        let pool = unsafe { self.memory() };
        let memory = loop {
            match pool.pop() {
                Some(memory) => break memory.as_ptr(),
                None => self.supply.slab.fill(pool),
            }
        };
        // SAFETY: memory for an entry, ours alone (P1).
        let cold = unsafe { make().write(memory) };
        (memory, cold)
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
            self.memory().push(Memory::new_unchecked(entry));
            (key, ManuallyDrop::into_inner(value))
        }
    }

    /// Remembers something that was unlinked (R1), to be freed after a grace period. For the owner, inside a guard (D1).
    #[inline(always)]
    pub(crate) fn retire(&self, retired: Retired<K, V>) {
        match retired {
            Retired::Entry(entry) => {
                // SAFETY: the address of an entry is not null.
                let entry = unsafe { Memory::new_unchecked(entry) };
                // SAFETY: by D1 it is not given back before the guard is left (D5).
                if !unsafe { &*self.bag.load(Ordering::Relaxed) }.add(entry) {
                    self.retire_at_last(entry);
                }
            }
            other => self.retire_other(other),
        }
    }

    /// The bag in place, a new one if there is none. For the owner, inside a guard (D1).
    fn bag(&self) -> &Bag<K, V> {
        let mut bag = self.bag.load(Ordering::Relaxed);
        if bag == self.supply.none() {
            bag = self.spare.replace(null_mut());
            if bag.is_null() {
                bag = Box::into_raw(Bag::with_room(self.batch));
            }
            // Release: whoever takes it sees it as it was made. Others only put back what is there now.
            let there = self.bag.swap(bag, Ordering::AcqRel);
            debug_assert!(there == self.supply.none());
        }
        // SAFETY: by D1 it is not given back before the guard is left (D5).
        unsafe { &*bag }
    }

    /// The rest of [`retire`](Self::retire): reserves more, or does without.
    #[cold]
    #[inline(never)]
    fn retire_at_last(&self, entry: Memory<K, V>) {
        let (bag, budget) = (self.bag(), &self.supply.budget);
        let room = bag.room();
        if room == 0 {
            budget.overdraw();
            bag.add_other(Retired::Entry(entry.as_ptr()), 1);
            self.fill_up();
            return;
        }
        // The last place is asked for alone, so that it is noticed.
        let mut places = budget.reserve((room - 1).max(1));
        if places == 0 {
            budget.overdraw();
            places = 1;
            self.due.store(true, Ordering::Relaxed);
        }
        if room == 1 {
            self.fill_up();
        }
        bag.reserve(places);
        bag.add(entry);
    }

    /// The same for what is no whole entry.
    #[inline]
    fn retire_other(&self, other: Retired<K, V>) {
        let (is_entry, budget) = (other.is_entry(), &self.supply.budget);
        if is_entry && budget.reserve(1) == 0 {
            budget.overdraw();
            self.due.store(true, Ordering::Relaxed);
        }
        if self.bag().add_other(other, usize::from(is_entry)) >= self.batch {
            self.fill_up();
        }
    }

    fn fill_up(&self) {
        self.full.set(true);
        self.due.store(true, Ordering::Relaxed);
    }

    /// Entries in the bag in place. Inside a guard (D5).
    pub(crate) fn fresh(&self) -> usize {
        // SAFETY: by the contract it is not given back meanwhile. Acquire pairs with who put it there.
        unsafe { &*self.bag.load(Ordering::Acquire) }.entries()
    }

    /// Whether its thread has left something there and not added to it since the last look. Inside a guard (D5).
    pub(crate) fn has_left_something(&self) -> bool {
        let bag = self.bag.load(Ordering::Acquire);
        if bag == self.supply.none() {
            return !self.waiting.load(Ordering::Relaxed).is_null();
        }
        // SAFETY: by the contract it is not given back meanwhile.
        unsafe { &*bag }.is_idle()
    }

    /// Takes the bag in place. Any thread may.
    pub(crate) fn take(&self) -> Option<TakenBag<K, V>> {
        let none = self.supply.none();
        // An exchange that finds none does no harm; mostly it need not be made.
        if self.bag.load(Ordering::Relaxed) == none {
            return None;
        }
        let bag = if cfg!(tux_fault = "bag-taken-twice") {
            let bag = self.bag.load(Ordering::Acquire);
            self.bag.store(none, Ordering::Release);
            bag
        } else {
            self.bag.swap(none, Ordering::AcqRel)
        };
        // SAFETY: just taken (D2).
        (bag != none).then(|| unsafe { TakenBag::new(bag) })
    }

    /// Takes the bags that wait. Any thread may.
    pub(crate) fn take_waiting(&self) -> Chain<K, V> {
        let is_empty = self.waiting.load(Ordering::Relaxed).is_null();
        if is_empty {
            return Chain::empty();
        }
        let first = if cfg!(tux_fault = "waiting-taken-twice") {
            let first = self.waiting.load(Ordering::Acquire);
            self.waiting.store(null_mut(), Ordering::Release);
            first
        } else {
            self.waiting.swap(null_mut(), Ordering::AcqRel)
        };
        // SAFETY: just taken (D2).
        unsafe { Chain::from_raw(first) }
    }

    /// Puts bags behind those that wait. For the owner.
    pub(crate) fn wait_also(&self, chain: Chain<K, V>) {
        let mut waiting = self.take_waiting();
        waiting.append(chain);
        self.wait(waiting);
    }

    /// Puts bags where others may take them, after [`take_waiting`](Self::take_waiting). For the owner.
    fn wait(&self, chain: Chain<K, V>) {
        if chain.is_empty() {
            return;
        }
        // Release: whoever takes the bags sees what was done with them.
        let there = self.waiting.swap(chain.into_raw(), Ordering::AcqRel);
        debug_assert!(there.is_null(), "nobody else has put any there");
    }

    /// Whether there is something to collect. To be asked after the guard was left.
    #[inline(always)]
    pub(crate) fn is_due(&self) -> bool {
        // D8.
        compiler_fence(Ordering::SeqCst);
        self.due.load(Ordering::Relaxed)
    }

    /// Has the thread look, at the end of its next write, whether something can be freed.
    pub(crate) fn remind(&self) {
        self.due.store(true, Ordering::Relaxed);
    }

    /// Begins to collect; `None` inside a drop that a collection runs. Whether the bag in place was full.
    pub(crate) fn begin(&self) -> Option<Collecting<'_, K, V>> {
        if self.collecting.replace(true) {
            return None;
        }
        self.due.store(false, Ordering::Relaxed);
        let was_full = self.full.replace(false);
        Some(Collecting::new(self, was_full))
    }

    /// Seals and frees what this thread has unlinked, if there is a batch of it. Called at the end of an operation, outside its
    /// guard: it runs `K::drop` and `V::drop`, which may call the cache again. (A cache does more: `Locals::collect`.)
    #[cfg(any(test, tux_loom))]
    pub(crate) fn collect(&self, domain: &Domain) -> bool {
        self.is_due() && {
            self.collect_now(domain);
            true
        }
    }

    /// [`collect`](Self::collect) whatever there is. Returns whether anything is left.
    #[cfg(any(test, tux_loom))]
    pub(crate) fn collect_now(&self, domain: &Domain) -> bool {
        let Some(mut collecting) = self.begin() else {
            return true;
        };
        if let Some(bag) = self.take() {
            let mut chain = Chain::empty();
            chain.push(bag);
            collecting.seal(domain, chain);
        }
        collecting.free_elapsed(domain, false);
        collecting.end();
        self.supply.budget.held() > 0 || self.bag.load(Ordering::Relaxed) != self.supply.none()
    }
}

impl<K, V> Drop for Local<K, V> {
    /// The cache is going: nobody reads any more, so everything is free at once.
    fn drop(&mut self) {
        let mut chain = self.take_waiting();
        self.take().into_iter().for_each(|bag| chain.push(bag));
        let mut panicked = None;
        while let Some(bag) = chain.pop() {
            // SAFETY: exclusive access to the cache; each item was retired once.
            unsafe { self.empty(bag, &mut panicked) };
        }
        let spare = self.spare.replace(null_mut());
        if !spare.is_null() {
            // SAFETY: from a box, and nobody else has it.
            drop(unsafe { Box::from_raw(spare) });
        }
        for memory in std::mem::take(self.pool.get_mut()) {
            // SAFETY: came from this slab, and what it held was dropped.
            unsafe { self.supply.slab.discard(memory) };
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
