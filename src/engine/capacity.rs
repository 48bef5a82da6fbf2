//! The exact count of rooms in use: what makes the bound hold at every instant (I1), also when threads stop.
//!
//! A cache of capacity C has C *rooms*. Every live entry owns one. At capacity a room passes from victim to newcomer
//! inside the table, by one exchange of a lane word, or through the hand of the evicting thread, and the count does not change. Only growing and shrinking go
//! through here.
//!
//! A plain counter would not do: a thread that stopped between counting and publishing would own a room that nobody
//! can see, and at capacity 1 every other `set` would wait for it (against I7). So the count and the change that led
//! to it are one [`Record`], swapped in by one exchange. Whoever comes next first *resolves* the current record, that
//! is, carries out what its author may not have got to:
//!
//! - `Admit(e)`: counted one more; then `e` goes PENDING → LIVE. If `e` was killed before that, the room was not
//!   taken and the record counts one less (`void`): decided by the phase of `e`, so all resolvers agree.
//! - `Release(lane, word)`: counted one less; then the lane goes from LEAVING to empty. Nobody else changes such a
//!   lane, so a lane that still says LEAVING has not been counted yet.
//! - `ReleaseAll(lanes)`: the same of several lanes, those of a group that is swept: one record, and one exchange, for all of them.
//! - `None`: counted one less by the thread that had the room in hand. Nothing is left to carry out.
//!
//! # Invariants
//!
//! - **G1** A record is replaced only after it was resolved. So each change is counted once and carried out before
//!   the next is counted.
//! - **G2** 0 ≤ count ≤ capacity in every record, and count = live entries owning a room + lanes MOVED whose entry is
//!   not live yet + lanes LEAVING not yet counted + rooms in a thread's hand.
//! - **G3** An unresolved record's entry is not freed: `bounded::settle` resolves it before the entry is retired.
//!
//! Lock-free: an exchange fails only because another one succeeded.

use crate::engine::entry::{Entry, Phase};
use crate::engine::table::word::Word;
use crate::engine::table::{Lane, Table};
use crate::sync::{AtomicPtr, AtomicU8, Ordering, Witness};

/// The count of rooms in use, and what is owed to it.
pub(crate) struct Ledger<K, V> {
    current: AtomicPtr<Record<K, V>>,
    capacity: usize,
}

/// One change of the count. Immutable but for `outcome`.
pub(crate) struct Record<K, V> {
    /// The count after this change, if it is not void.
    count: usize,
    change: Change<K, V>,
    outcome: AtomicU8,
    witness: Witness,
}

enum Change<K, V> {
    None,
    Admit(*mut Entry<K, V>),
    Release(Lane, Word<K, V>),
    ReleaseAll(Box<[Leaving<K, V>]>),
}

/// A lane whose entry is gone, and the word that says so.
pub(crate) type Leaving<K, V> = (Lane, Word<K, V>);

const OPEN: u8 = 0;
const DONE: u8 = 1;
const VOID: u8 = 2;

/// What became of an attempt to get a room from the ledger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The entry is live.
    Granted,
    /// All rooms are taken.
    Full,
    /// Another thread killed the entry first.
    Killed,
}

impl<K, V> Record<K, V> {
    /// # Safety
    ///
    /// The record was retired, its grace period has elapsed, and this is the only call for it.
    pub(crate) unsafe fn free(record: *mut Self) {
        // SAFETY: by the contract; records are made by `Box`.
        unsafe {
            (*record).witness.freed();
            // The model checker must be able to tell a use after this.
            #[cfg(not(tux_loom))]
            drop(Box::from_raw(record));
        }
    }
}

impl<K, V> Ledger<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let first = Record {
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

    /// The current record. The caller must be inside a guard for as long as it uses it.
    fn current<'g>(&self) -> (*mut Record<K, V>, &'g Record<K, V>) {
        // Acquire pairs with the Release half of the exchange that installed it.
        let record = self.current.load(Ordering::Acquire);
        // SAFETY: never null; a replaced record is retired through the guards (R1–R3), and every caller of this
        // private method is inside one (the public methods say so).
        let shared = unsafe { &*record };
        shared.witness.used();
        (record, shared)
    }

    /// Rooms in use, O(1). A change that is counted but not carried out yet counts. Call inside a guard.
    pub(crate) fn count(&self) -> usize {
        let (_, record) = self.current();
        match record.outcome.load(Ordering::Acquire) {
            VOID => record.count - 1,
            _ => record.count,
        }
    }

    /// Whether every room is taken. Call inside a guard.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.count() >= self.capacity
    }

    /// Carries the record out and returns the count that is true after it.
    #[inline(always)]
    fn resolve(&self, record: &Record<K, V>, table: &Table<K, V>) -> usize {
        let outcome = match record.outcome.load(Ordering::Acquire) {
            OPEN => {
                let outcome = match &record.change {
                    Change::None => DONE,
                    Change::Admit(entry) => {
                        // SAFETY: the record is open, so by G3 its entry is not retired before we entered our guard.
                        match unsafe { &**entry }.phase.decide(Phase::Live) {
                            Phase::Live => DONE,
                            _ => VOID,
                        }
                    }
                    Change::Release(lane, leaving) => {
                        table.free(*lane, *leaving);
                        DONE
                    }
                    Change::ReleaseAll(lanes) => {
                        Self::free_all(lanes, table);
                        DONE
                    }
                };
                // Release: whoever reads the outcome sees the phase or lane it speaks of. All resolvers store the
                // same outcome, since a phase is decided once.
                record.outcome.store(outcome, Ordering::Release);
                outcome
            }
            outcome => outcome,
        };
        if outcome == VOID {
            record.count - 1
        } else {
            record.count
        }
    }

    #[inline(never)]
    fn free_all(lanes: &[Leaving<K, V>], table: &Table<K, V>) {
        for (lane, leaving) in lanes {
            table.free(*lane, *leaving);
        }
    }

    /// Replaces `old`, which the caller has resolved, and carries the new record out. On success `old` is the
    /// caller's to retire.
    #[inline(always)]
    fn install(
        &self,
        old: *mut Record<K, V>,
        count: usize,
        change: Change<K, V>,
    ) -> Option<*mut Record<K, V>> {
        let new = Box::into_raw(Box::new(Record {
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
        mut retire: impl FnMut(*mut Record<K, V>),
    ) -> Admission {
        loop {
            let (old, record) = self.current();
            let count = if cfg!(tux_fault = "ledger-unresolved") {
                record.count
            } else {
                self.resolve(record, table)
            };
            if count >= self.capacity {
                return Admission::Full;
            }
            // SAFETY: the caller owns the entry, which nobody else retires before it is live.
            if unsafe { &*entry }.phase.load() != Phase::Pending {
                return Admission::Killed;
            }
            if let Some(new) = self.install(old, count + 1, Change::Admit(entry)) {
                // SAFETY: we are inside a guard since before the record was installed.
                let new = unsafe { &*new };
                let granted = self.resolve(new, table) == new.count;
                retire(old);
                return if granted {
                    Admission::Granted
                } else {
                    Admission::Killed
                };
            }
        }
    }

    /// Gives back the room that waits in `lane` as `leaving`, unless that has been done. Any thread may call it, for
    /// any LEAVING word it loaded from the lane inside its guard. Hand what is passed to `retire` to the reclaimer.
    pub(crate) fn release(
        &self,
        lane: Lane,
        leaving: Word<K, V>,
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Record<K, V>),
    ) {
        loop {
            let (old, record) = self.current();
            let count = self.resolve(record, table);
            // By G1 an earlier release of this word has emptied the lane before `record` could be installed, or
            // `record` is that release and was carried out just now.
            if table.load(lane) != leaving && !cfg!(tux_fault = "room-released-twice") {
                return;
            }
            if let Some(new) = self.install(old, count - 1, Change::Release(lane, leaving)) {
                // SAFETY: we are inside a guard since before the record was installed.
                self.resolve(unsafe { &*new }, table);
                retire(old);
                return;
            }
        }
    }

    /// [`release`](Self::release) of several lanes at once, each of which is there once.
    pub(crate) fn release_all(
        &self,
        lanes: &[Leaving<K, V>],
        table: &Table<K, V>,
        mut retire: impl FnMut(*mut Record<K, V>),
    ) {
        loop {
            let (old, record) = self.current();
            let count = self.resolve(record, table);
            // As in `release`, each for itself.
            let mut owed = Vec::with_capacity(lanes.len());
            owed.extend(lanes.iter().filter(|(lane, leaving)| {
                table.load(*lane) == *leaving || cfg!(tux_fault = "rooms-released-twice")
            }));
            let rooms = owed.len();
            if rooms == 0 {
                return;
            }
            let change = Change::ReleaseAll(owed.into_boxed_slice());
            if let Some(new) = self.install(old, count - rooms, change) {
                // SAFETY: we are inside a guard since before the record was installed.
                self.resolve(unsafe { &*new }, table);
                retire(old);
                return;
            }
        }
    }

    /// Gives back a room that the calling thread has in hand. Call inside a guard; hand what is passed to `retire` to the
    /// reclaimer.
    #[cold]
    pub(crate) fn give_back(&self, table: &Table<K, V>, mut retire: impl FnMut(*mut Record<K, V>)) {
        loop {
            let (old, record) = self.current();
            let count = self.resolve(record, table);
            if self.install(old, count - 1, Change::None).is_some() {
                return retire(old);
            }
        }
    }

    /// Carries the current record out, whatever it is. Call inside a guard.
    pub(crate) fn resolve_current(&self, table: &Table<K, V>) {
        self.resolve(self.current().1, table);
    }

    /// Carries the current record out if it admits `entry` (G3). Call inside a guard.
    pub(crate) fn settle(&self, entry: *const Entry<K, V>, table: &Table<K, V>) {
        let (_, record) = self.current();
        if matches!(record.change, Change::Admit(e) if std::ptr::eq(e, entry)) {
            self.resolve(record, table);
        }
    }
}

#[cfg(any(test, tux_loom))]
impl<K, V> Ledger<K, V> {
    /// [`admit`](Self::admit) by a thread that stops after it installed the record. The old record is never retired.
    pub(crate) fn admit_and_stop(&self, entry: *mut Entry<K, V>, table: &Table<K, V>) -> bool {
        let (old, record) = self.current();
        let count = self.resolve(record, table);
        count < self.capacity && self.install(old, count + 1, Change::Admit(entry)).is_some()
    }

    /// [`release`](Self::release) by a thread that stops after it installed the record.
    pub(crate) fn release_and_stop(
        &self,
        lane: Lane,
        leaving: Word<K, V>,
        table: &Table<K, V>,
    ) -> bool {
        let (old, record) = self.current();
        let count = self.resolve(record, table);
        table.load(lane) == leaving
            && self
                .install(old, count - 1, Change::Release(lane, leaving))
                .is_some()
    }
}

impl<K, V> Drop for Ledger<K, V> {
    fn drop(&mut self) {
        // SAFETY: exclusive access; the current record was never retired.
        drop(unsafe { Box::from_raw(self.current.load(Ordering::Relaxed)) });
    }
}
