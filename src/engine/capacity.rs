//! The exact count of permits in use: what makes the bound hold at every instant (I1), also when threads stop.
//!
//! A cache of capacity C has C *permits*. Every live entry owns one. At capacity a permit passes from victim to newcomer inside
//! the table, by one exchange of a slot word, or is held by the evicting thread, and the count does not change. Only growing and
//! shrinking go through here.
//!
//! A plain counter would not do: a thread that stopped between counting and publishing would own a permit that nobody
//! can see, and at capacity 1 every other `set` would wait for it (against I7). So the count and the change that led
//! to it are one [`Descriptor`], swapped in by one exchange. Whoever comes next first *completes* the current descriptor, that
//! is, carries out what its author may not have got to:
//!
//! - `Admit(e)`: counted one more; then `e` goes PENDING → LIVE. If `e` was killed before that, the permit was not
//!   taken and the descriptor counts one less (`void`): decided by the phase of `e`, so all helpers agree.
//! - `Release(slot, word)`: counted one less; then the slot goes from LEAVING to empty. Nobody else changes such a
//!   slot, so a slot that still says LEAVING has not been counted yet.
//! - `ReleaseAll(slots)`: the same of several slots, those of a group that is swept: one descriptor, and one exchange, for all of them.
//! - `None`: counted one less by the thread that held the permit. Nothing is left to carry out.
//!
//! # Invariants
//!
//! - **G1** A descriptor is replaced only after it was completed. So each change is counted once and carried out before
//!   the next is counted.
//! - **G2** 0 ≤ count ≤ capacity in every descriptor, and count = live entries owning a permit + slots MOVED whose entry is
//!   not live yet + slots LEAVING not yet counted + permits that threads hold.
//! - **G3** An uncompleted descriptor's entry is not freed: `bounded::settle` completes it before the entry is retired.
//!
//! Lock-free: an exchange fails only because another one succeeded.

use crate::engine::entry::{Entry, Phase};
use crate::engine::table::word::Word;
use crate::engine::table::{Slot, Table};
use crate::sync::{AtomicPtr, AtomicU8, Ordering, Witness};

/// The count of permits in use, and what is owed to it.
pub(crate) struct Capacity<K, V> {
    current: AtomicPtr<Descriptor<K, V>>,
    capacity: usize,
}

/// One change of the count. Immutable but for `outcome`.
pub(crate) struct Descriptor<K, V> {
    /// The count after this change, if it is not void.
    count: usize,
    change: Change<K, V>,
    outcome: AtomicU8,
    witness: Witness,
}

enum Change<K, V> {
    None,
    Admit(*mut Entry<K, V>),
    Release(Slot, Word<K, V>),
    ReleaseAll(Box<[Leaving<K, V>]>),
}

/// A slot whose entry is gone, and the word that says so.
pub(crate) type Leaving<K, V> = (Slot, Word<K, V>);

const OPEN: u8 = 0;
const DONE: u8 = 1;
const VOID: u8 = 2;

/// What became of an attempt to get a permit from the capacity.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The entry is live.
    Granted,
    /// All permits are taken.
    Full,
    /// Another thread killed the entry first.
    Killed,
}

impl<K, V> Descriptor<K, V> {
    /// # Safety
    ///
    /// The descriptor was retired, its grace period has elapsed, and this is the only call for it.
    pub(crate) unsafe fn free(descriptor: *mut Self) {
        // SAFETY: by the contract; descriptors are made by `Box`.
        unsafe {
            (*descriptor).witness.freed();
            // The model checker must be able to tell a use after this.
            #[cfg(not(tux_loom))]
            drop(Box::from_raw(descriptor));
        }
    }
}

impl<K, V> Capacity<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let first = Descriptor {
            count: 0,
            change: Change::None,
            outcome: AtomicU8::new(DONE),
            witness: Witness::new(),
        };
        Self {
            current: AtomicPtr::new(Box::into_raw(Box::new(first))),
            capacity,
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The current descriptor. The caller must be inside a guard for as long as it uses it.
    fn current<'g>(&self) -> (*mut Descriptor<K, V>, &'g Descriptor<K, V>) {
        // Acquire pairs with the Release half of the exchange that installed it.
        let descriptor = self.current.load(Ordering::Acquire);
        // SAFETY: never null; a replaced descriptor is retired through the guards (R1–R3), and every caller of this
        // private method is inside one (the public methods say so).
        let shared = unsafe { &*descriptor };
        shared.witness.used();
        (descriptor, shared)
    }

    /// Permits in use, O(1). A change that is counted but not carried out yet counts. Call inside a guard.
    pub(crate) fn count(&self) -> usize {
        let (_, descriptor) = self.current();
        match descriptor.outcome.load(Ordering::Acquire) {
            VOID => descriptor.count - 1,
            _ => descriptor.count,
        }
    }

    /// Whether every permit is taken. Call inside a guard.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.count() >= self.capacity
    }

    /// Carries the descriptor out and returns the count that is true after it.
    #[inline(always)]
    fn complete(&self, descriptor: &Descriptor<K, V>, table: &Table<K, V>) -> usize {
        let outcome = match descriptor.outcome.load(Ordering::Acquire) {
            OPEN => {
                let outcome = match &descriptor.change {
                    Change::None => DONE,
                    Change::Admit(entry) => {
                        // SAFETY: the descriptor is open, so by G3 its entry is not retired before we entered our guard.
                        match unsafe { &**entry }.phase.decide(Phase::Live) {
                            Phase::Live => DONE,
                            _ => VOID,
                        }
                    }
                    Change::Release(slot, leaving) => {
                        table.free(*slot, *leaving);
                        DONE
                    }
                    Change::ReleaseAll(slots) => {
                        Self::free_all(slots, table);
                        DONE
                    }
                };
                // Release: whoever reads the outcome sees the phase or slot it speaks of. All helpers store the
                // same outcome, since a phase is decided once.
                descriptor.outcome.store(outcome, Ordering::Release);
                outcome
            }
            outcome => outcome,
        };
        if outcome == VOID {
            descriptor.count - 1
        } else {
            descriptor.count
        }
    }

    #[inline(never)]
    fn free_all(slots: &[Leaving<K, V>], table: &Table<K, V>) {
        for (slot, leaving) in slots {
            table.free(*slot, *leaving);
        }
    }

    /// Replaces `old`, which the caller has completed, and carries the new descriptor out. On success `old` is the
    /// caller's to retire.
    #[inline(always)]
    fn install(
        &self,
        old: *mut Descriptor<K, V>,
        count: usize,
        change: Change<K, V>,
    ) -> Option<*mut Descriptor<K, V>> {
        let new = Box::into_raw(Box::new(Descriptor {
            count,
            change,
            outcome: AtomicU8::new(OPEN),
            witness: Witness::new(),
        }));
        if self
            .current
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            Some(new)
        } else {
            // SAFETY: never published.
            drop(unsafe { Box::from_raw(new) });
            None
        }
    }

    /// Asks for a room for `entry`, which its owner has published and found alone of its key. Call inside a guard;
    /// hand what is passed to `retire` to the reclaimer.
    pub(crate) fn admit(
        &self,
        entry: *mut Entry<K, V>,
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Descriptor<K, V>),
    ) -> Admission {
        loop {
            let (old, descriptor) = self.current();
            let count = if cfg!(tux_fault = "capacity-not-completed") {
                descriptor.count
            } else {
                self.complete(descriptor, table)
            };
            if count >= self.capacity {
                return Admission::Full;
            }
            // SAFETY: the caller owns the entry, which nobody else retires before it is live.
            if unsafe { &*entry }.phase.load() != Phase::Pending {
                return Admission::Killed;
            }
            if let Some(new) = self.install(old, count + 1, Change::Admit(entry)) {
                // SAFETY: we are inside a guard since before the descriptor was installed.
                let new = unsafe { &*new };
                let granted = self.complete(new, table) == new.count;
                retire(old);
                return if granted {
                    Admission::Granted
                } else {
                    Admission::Killed
                };
            }
        }
    }

    /// Gives back the permit that waits in `slot` as `leaving`, unless that has been done. Any thread may call it, for
    /// any LEAVING word it loaded from the slot inside its guard. Hand what is passed to `retire` to the reclaimer.
    pub(crate) fn release(
        &self,
        slot: Slot,
        leaving: Word<K, V>,
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Descriptor<K, V>),
    ) {
        loop {
            let (old, descriptor) = self.current();
            let count = self.complete(descriptor, table);
            // By G1 an earlier release of this word has emptied the slot before `descriptor` could be installed, or
            // `descriptor` is that release and was carried out just now.
            if table.load(slot) != leaving && !cfg!(tux_fault = "permit-released-twice") {
                return;
            }
            if let Some(new) = self.install(old, count - 1, Change::Release(slot, leaving)) {
                // SAFETY: we are inside a guard since before the descriptor was installed.
                self.complete(unsafe { &*new }, table);
                retire(old);
                return;
            }
        }
    }

    /// [`release`](Self::release) of several slots at once, each of which is there once.
    pub(crate) fn release_all(
        &self,
        slots: &[Leaving<K, V>],
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Descriptor<K, V>),
    ) {
        loop {
            let (old, descriptor) = self.current();
            let count = self.complete(descriptor, table);
            // As in `release`, each for itself.
            let mut owed = Vec::with_capacity(slots.len());
            owed.extend(slots.iter().filter(|(slot, leaving)| {
                table.load(*slot) == *leaving || cfg!(tux_fault = "permits-released-twice")
            }));
            let permits = owed.len();
            if permits == 0 {
                return;
            }
            let change = Change::ReleaseAll(owed.into_boxed_slice());
            if let Some(new) = self.install(old, count - permits, change) {
                // SAFETY: we are inside a guard since before the descriptor was installed.
                self.complete(unsafe { &*new }, table);
                retire(old);
                return;
            }
        }
    }

    /// Gives back a permit that the calling thread holds. Call inside a guard; hand what is passed to `retire` to the
    /// reclaimer.
    #[cold]
    pub(crate) fn give_back(
        &self,
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Descriptor<K, V>),
    ) {
        loop {
            let (old, descriptor) = self.current();
            let count = self.complete(descriptor, table);
            if self.install(old, count - 1, Change::None).is_some() {
                return retire(old);
            }
        }
    }

    /// Carries the current descriptor out, whatever it is. Call inside a guard.
    pub(crate) fn help(&self, table: &Table<K, V>) {
        self.complete(self.current().1, table);
    }

    /// Carries the current descriptor out if it admits `entry` (G3). Call inside a guard.
    pub(crate) fn settle(&self, entry: *const Entry<K, V>, table: &Table<K, V>) {
        let (_, descriptor) = self.current();
        if matches!(descriptor.change, Change::Admit(e) if std::ptr::eq(e, entry)) {
            self.complete(descriptor, table);
        }
    }
}

#[cfg(any(test, tux_loom))]
impl<K, V> Capacity<K, V> {
    /// [`admit`](Self::admit) by a thread that stops after it installed the descriptor. The old descriptor is never retired.
    pub(crate) fn admit_and_stop(&self, entry: *mut Entry<K, V>, table: &Table<K, V>) -> bool {
        let (old, descriptor) = self.current();
        let count = self.complete(descriptor, table);
        count < self.capacity && self.install(old, count + 1, Change::Admit(entry)).is_some()
    }

    /// [`release`](Self::release) by a thread that stops after it installed the descriptor.
    pub(crate) fn release_and_stop(
        &self,
        slot: Slot,
        leaving: Word<K, V>,
        table: &Table<K, V>,
    ) -> bool {
        let (old, descriptor) = self.current();
        let count = self.complete(descriptor, table);
        table.load(slot) == leaving
            && self
                .install(old, count - 1, Change::Release(slot, leaving))
                .is_some()
    }
}

impl<K, V> Drop for Capacity<K, V> {
    fn drop(&mut self) {
        // SAFETY: exclusive access; the current descriptor was never retired.
        drop(unsafe { Box::from_raw(self.current.load(Ordering::Relaxed)) });
    }
}
