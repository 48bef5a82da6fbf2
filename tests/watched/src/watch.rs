//! Where the shim announces accesses: each thread says what is to become of its own. They are noted, or one of them is where
//! the thread stands still.

use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};
use tux_cache_test_support::probe::Gate;

/// Bytes of a cache line.
const LINE: usize = 64;

/// What an operation does to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads.
    Load,
    /// Writes without reading.
    Store,
    /// Reads and writes in one step; also an exchange that fails.
    Update,
    /// Orders other accesses; its address is 0.
    Fence,
}

/// One access to an atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Touch {
    /// What it did.
    pub access: Access,
    /// The number of its cache line; 0 for a fence.
    pub line: usize,
}

/// How many accesses of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Plain reads.
    pub loads: u32,
    /// Plain writes.
    pub stores: u32,
    /// Read-modify-writes, also failed exchanges.
    pub updates: u32,
    /// Fences that are an instruction.
    pub fences: u32,
}

impl Counts {
    /// Counts a call's accesses.
    pub fn of(touches: &[Touch]) -> Self {
        let mut counts = Self::default();
        for touch in touches {
            *match touch.access {
                Access::Load => &mut counts.loads,
                Access::Store => &mut counts.stores,
                Access::Update => &mut counts.updates,
                Access::Fence => &mut counts.fences,
            } += 1;
        }
        counts
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            loads: self.loads.max(other.loads),
            stores: self.stores.max(other.stores),
            updates: self.updates.max(other.updates),
            fences: self.fences.max(other.fences),
        }
    }

    /// Whether none is larger than the other's.
    pub fn within(self, limit: Self) -> bool {
        self.max(limit) == limit
    }
}

/// What a thread wants of its accesses.
#[derive(Clone, Copy)]
enum Wanted {
    Nothing,
    Notes,
    /// A stop after so many more.
    Stop(u32),
    /// A stop after so many more read-modify-writes.
    StopAtUpdate(u32),
}

thread_local! {
    static WANTED: Cell<Wanted> = const { Cell::new(Wanted::Nothing) };
    static SEEN: RefCell<Vec<Touch>> = const { RefCell::new(Vec::new()) };
    static GATE: RefCell<Option<Gate>> = const { RefCell::new(None) };
}

/// Called by the shim before each access.
pub(crate) fn before(access: Access, address: usize) {
    match WANTED.get() {
        Wanted::Nothing => {}
        Wanted::Notes => {
            let line = address / LINE;
            // Not there any more while a thread's last destructors run; nobody watches then.
            let _ = SEEN.try_with(|seen| seen.borrow_mut().push(Touch { access, line }));
        }
        Wanted::Stop(0) => stand_before(access),
        Wanted::Stop(left) => WANTED.set(Wanted::Stop(left - 1)),
        Wanted::StopAtUpdate(_) if access != Access::Update => {}
        Wanted::StopAtUpdate(0) => stand_before(access),
        Wanted::StopAtUpdate(left) => WANTED.set(Wanted::StopAtUpdate(left - 1)),
    }
}

fn stand_before(access: Access) {
    WANTED.set(Wanted::Nothing);
    if let Some(gate) = GATE.take() {
        gate.stand(&format!("{access:?}"));
    }
}

/// What the body returns and the accesses this thread made in it, in order.
pub fn observed<R>(body: impl FnOnce() -> R) -> (R, Vec<Touch>) {
    WANTED.set(Wanted::Notes);
    let result = body();
    WANTED.set(Wanted::Nothing);
    (result, SEEN.take())
}

/// Runs `work`, in which the calling thread stops at the gate before its `nth` access, counted from 0.
pub fn stop_in(gate: &Gate, nth: u32, work: impl FnOnce()) {
    stop(gate, Wanted::Stop(nth), work);
}

/// The same before its `nth` read-modify-write.
pub fn stop_at_update_in(gate: &Gate, nth: u32, work: impl FnOnce()) {
    stop(gate, Wanted::StopAtUpdate(nth), work);
}

fn stop(gate: &Gate, wanted: Wanted, work: impl FnOnce()) {
    GATE.set(Some(gate.clone()));
    WANTED.set(wanted);
    work();
    WANTED.set(Wanted::Nothing);
    GATE.set(None);
}
