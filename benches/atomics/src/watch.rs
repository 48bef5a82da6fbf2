//! Where the shim announces accesses: they are noted per thread, while that thread wants them to be.

use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};

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

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Vec<Touch>> = const { RefCell::new(Vec::new()) };
}

/// Called by the shim before each access.
pub(crate) fn before(access: Access, address: usize) {
    if WATCHING.get() {
        let line = address / LINE;
        // Not there any more while a thread's last destructors run; nobody watches then.
        let _ = SEEN.try_with(|seen| seen.borrow_mut().push(Touch { access, line }));
    }
}

/// What the body returns and the accesses this thread made in it, in order.
pub fn observed<R>(body: impl FnOnce() -> R) -> (R, Vec<Touch>) {
    WATCHING.set(true);
    let result = body();
    WATCHING.set(false);
    (result, SEEN.take())
}
