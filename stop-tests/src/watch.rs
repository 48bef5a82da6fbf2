//! Where the shim announces accesses: a thread that a [`Gate`] is armed for stands still before one of them.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What an operation does to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Load,
    Store,
    Update,
    Fence,
}

#[derive(Debug, Default)]
struct State {
    reached: Option<Access>,
    open: bool,
}

/// A gate that one thread runs into and stays at until it is opened.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

thread_local! {
    /// Accesses until the thread stops, plus one; 0: it does not.
    static LEFT: Cell<u32> = const { Cell::new(0) };
    /// Whether only exchanges and the like are counted.
    static UPDATES: Cell<bool> = const { Cell::new(false) };
    static GATE: RefCell<Option<Gate>> = const { RefCell::new(None) };
}

/// Called by the shim before each access.
pub(crate) fn before(access: Access, _address: usize) {
    let left = LEFT.get();
    if left > 0 && (access == Access::Update || !UPDATES.get()) {
        LEFT.set(left - 1);
        if left == 1
            && let Some(gate) = GATE.take()
        {
            gate.stand_here(access);
        }
    }
}

impl Gate {
    /// The calling thread will stop before its `nth` access in `work`, counted from 0.
    pub fn stop_in(&self, nth: u32, work: impl FnOnce()) {
        GATE.set(Some(self.clone()));
        LEFT.set(nth + 1);
        work();
        LEFT.set(0);
        GATE.set(None);
    }

    /// The same before its `nth` read-modify-write.
    pub fn stop_at_update_in(&self, nth: u32, work: impl FnOnce()) {
        UPDATES.set(true);
        self.stop_in(nth, work);
        UPDATES.set(false);
    }

    /// What the thread was stopped before. `None`: it has ended without a stop.
    pub fn wait_until_reached(&self, thread: &JoinHandle<()>) -> Option<String> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(access) = state.reached {
                return Some(format!("{access:?}"));
            }
            if thread.is_finished() {
                return None;
            }
            (state, _) = changed
                .wait_timeout(state, Duration::from_millis(1))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the thread go on.
    pub fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        changed.notify_all();
    }

    fn stand_here(&self, access: Access) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reached = Some(access);
        changed.notify_all();
        while !state.open {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
