//! Sealing and freeing what was unlinked, by one thread.

use super::{Local, Panic};
use crate::engine::capacity::Descriptor;
use crate::engine::entry::Entry;
use crate::engine::entry::slab::Memory;
use crate::engine::reclaim::bag::{Chain, Retired, TakenBag};
use crate::engine::reclaim::{Domain, GracePeriod};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The calling thread frees what was unlinked; not begun again by what drops do.
pub(crate) struct Collecting<'l, K, V> {
    local: &'l Local<K, V>,
    /// Whether the bag in place was full.
    pub(crate) was_full: bool,
    /// The participants that the last seal waits for.
    readers: Vec<usize>,
    grace: Option<GracePeriod>,
    panicked: Panic,
}

impl<'l, K, V> Collecting<'l, K, V> {
    pub(super) fn new(local: &'l Local<K, V>, was_full: bool) -> Self {
        Self {
            local,
            was_full,
            readers: Vec::new(),
            grace: None,
            panicked: None,
        }
    }

    /// Starts a grace period for bags that were taken: one heavy fence for all of them. They wait behind those that do already.
    pub(crate) fn seal(&mut self, domain: &Domain, chain: Chain<K, V>) {
        let note = |bag: &TakenBag<K, V>| self.local.supply.budget.taken(bag.note());
        if !cfg!(tux_fault = "bag-sealed-late") {
            chain.each(note);
        }
        let grace = domain.seal();
        if cfg!(tux_fault = "bag-sealed-late") {
            chain.each(note);
        }
        self.readers.clear();
        self.readers.extend(grace.readers());
        chain.each(|bag| bag.seal(grace.clone()));
        self.local.wait_also(chain);
        self.grace = Some(grace);
    }

    /// Frees what waits and whose grace period is over; looks no further than the first that must wait, unless `all`. Returns
    /// whether something must wait.
    pub(crate) fn free_elapsed(&mut self, domain: &Domain, all: bool) -> bool {
        let (mut waits, mut has_sealed_again) = (None::<usize>, false);
        loop {
            let mut chain = self.local.take_waiting();
            // So many need be looked at.
            let left = waits.get_or_insert_with(|| {
                let mut len = usize::from(!chain.is_empty());
                if all {
                    len = 0;
                    chain.each(|_| len += 1);
                }
                len
            });
            let Some(bag) = chain.pop() else {
                return false;
            };
            if bag.is_refused() && !has_sealed_again {
                // All that wait, with one fence. If it is refused as well, the next look asks again.
                has_sealed_again = true;
                chain.push_front(bag);
                self.seal(domain, chain);
                continue;
            }
            if bag.has_elapsed() {
                // Not in hand while drops run.
                self.local.wait(chain);
                if bag.is_all_sealed() {
                    // SAFETY: D4.
                    unsafe { self.local.empty(bag, &mut self.panicked) };
                } else {
                    let mut again = Chain::empty();
                    again.push(bag);
                    self.seal(domain, again);
                }
                continue;
            }
            *left = left.saturating_sub(1);
            let is_last = *left == 0;
            // The first one stays the first; all together keep their order.
            if is_last && !all {
                chain.push_front(bag);
            } else {
                chain.push(bag);
            }
            self.local.wait(chain);
            if is_last {
                return true;
            }
        }
    }

    /// Asks the threads that the last seal waits for to look when they have left (D8), and looks once more.
    pub(crate) fn remind_readers<'o>(
        &mut self,
        domain: &Domain,
        part: impl Fn(usize) -> Option<&'o Local<K, V>>,
    ) where
        K: 'o,
        V: 'o,
    {
        if self.readers.is_empty() {
            return;
        }
        let parts = self.readers.iter().filter_map(|id| part(*id));
        parts.for_each(Local::remind);
        if !cfg!(tux_fault = "remind-no-fence") {
            domain.fence();
        }
        self.free_elapsed(domain, true);
    }

    /// What was gathered of others is held back by readers: no use to gather again before they have left.
    pub(crate) fn was_in_vain(&mut self) {
        self.local.in_vain.set(self.grace.take());
    }

    /// Whether gathering may be of more use than the last time.
    pub(crate) fn may_gather(&self) -> bool {
        let mut grace = self.local.in_vain.take();
        let may = grace.as_mut().is_none_or(GracePeriod::has_elapsed);
        if !may {
            self.local.in_vain.set(grace);
        }
        may
    }

    /// Goes on with a panic of a drop.
    pub(crate) fn end(mut self) {
        let panicked = self.panicked.take();
        drop(self);
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }
}

impl<K, V> Drop for Collecting<'_, K, V> {
    fn drop(&mut self) {
        self.local.collecting.set(false);
    }
}

impl<K, V> Local<K, V> {
    /// Frees what a bag holds, and keeps the bag for later if it has none.
    ///
    /// # Safety
    ///
    /// Nobody holds what is in it, and nobody can add to it (D4).
    pub(super) unsafe fn empty(&self, bag: TakenBag<K, V>, panicked: &mut Panic) {
        let mut attempt = |retired| {
            // A panic in one `drop` must not keep the others from being dropped (I9).
            // SAFETY: by the contract; each item was retired once.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| unsafe { self.free(retired) })) {
                panicked.get_or_insert(panic);
            }
        };
        let budget = &self.supply.budget;
        budget.freed(bag.counted());
        // SAFETY: by the contract, and once.
        let (entries, mut others, reserved) = unsafe { bag.contents() };
        if std::mem::needs_drop::<(K, V)>() {
            let entry = |entry: &Memory<K, V>| Retired::Entry(entry.as_ptr());
            entries.iter().map(entry).for_each(&mut attempt);
        } else {
            // SAFETY: by the contract, and there is nothing to drop.
            unsafe { self.pool_all(entries) };
        }
        for other in others.drain(..) {
            if let Retired::Descriptor(descriptor) = other {
                // SAFETY: by the contract; that drops nothing of the user's.
                unsafe { Descriptor::free(descriptor) };
            } else {
                attempt(other);
            }
        }
        budget.give_back(reserved);
        // SAFETY: its contents are gone.
        let bag = unsafe { bag.finish(others) };
        if cfg!(tux_loom) {
            // The checker must be able to tell a use after this.
            Box::leak(bag);
        } else if !cfg!(tux_sanitize) && bag.room() == self.batch && self.spare.get().is_null() {
            self.spare.set(Box::into_raw(bag));
        }
    }

    /// Takes the memory of entries of which nothing need be dropped into the pool, and gives up what it has too much of.
    ///
    /// # Safety
    ///
    /// Nobody uses them any more.
    unsafe fn pool_all(&self, entries: &[Memory<K, V>]) {
        for entry in entries {
            // SAFETY: an entry of ours alone.
            unsafe { entry.as_ref() }.witness.freed();
        }
        // SAFETY: owner; no user code runs while the borrow lasts.
        let pool = unsafe { self.memory() };
        if pool.len() + entries.len() <= self.most() && !self.looks_for_alone() {
            pool.extend_from_slice(entries);
        } else {
            // SAFETY: by the contract.
            unsafe { self.pool(entries.iter().copied()) };
        }
    }

    /// Whether memory that is not the slab's goes back to the allocator. (Models keep all: the checker must be able to tell
    /// a use of what is free.)
    fn looks_for_alone(&self) -> bool {
        !cfg!(tux_loom) && self.supply.slab.has_spares()
    }

    /// How much memory the pool keeps.
    fn most(&self) -> usize {
        if cfg!(tux_loom) {
            usize::MAX
        } else if cfg!(tux_sanitize) {
            0
        } else {
            2 * self.batch
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
        let pool = unsafe { self.memory() };
        for memory in entries {
            // SAFETY: by the contract it is ours to give up.
            if may_be_alone && unsafe { self.supply.slab.take_back_alone(memory) } {
                continue;
            }
            pool.push(memory);
            // Each time, and not for all of them at last: one call may have unlinked very many.
            if pool.len() > self.most() {
                let surplus = pool.drain(..pool.len().min(self.batch));
                // SAFETY: the pool's memory came from this slab; half of it is given up, the part that was used
                // longest ago.
                unsafe { self.supply.slab.take_back(surplus) };
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
                Retired::KeyOnly(entry) => {
                    (*entry).witness.freed();
                    let _pool = Pool(self, entry);
                    Entry::drop_key(entry);
                }
                Retired::Descriptor(descriptor) => Descriptor::free(descriptor),
                #[cfg(not(tux_loom))]
                Retired::Foreign(foreign) => foreign.free(),
            }
        }
    }
}
