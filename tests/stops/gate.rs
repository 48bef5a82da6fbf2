//! Where a thread is stopped, and the watchdog over the others.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// A healthy run needs milliseconds.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(20);

/// User code that the cache calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Eq,
    Hash,
    Clone,
    Drop,
    Predicate,
    Loader,
}

#[derive(Default)]
struct State {
    reached: bool,
    open: bool,
}

/// A gate that one thread runs into and stays at until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

thread_local! {
    static ARMED: RefCell<Option<(Gate, Site, u32)>> = const { RefCell::new(None) };
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// The calling thread will stop at its `nth` passage of `site`, counted from 0.
    pub(crate) fn arm(&self, site: Site, nth: u32) {
        ARMED.set(Some((self.clone(), site, nth)));
    }

    pub(crate) fn disarm() {
        ARMED.set(None);
    }

    /// False: the thread has ended without a stop.
    pub(crate) fn wait_until_reached(&self, thread: &JoinHandle<()>) -> bool {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        while !state.reached {
            if thread.is_finished() {
                return false;
            }
            (state, _) = changed
                .wait_timeout(state, Duration::from_millis(1))
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().open = true;
        self.0.1.notify_all();
    }

    fn stop_here(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.reached = true;
        changed.notify_all();
        while !state.open {
            state = changed.wait(state).unwrap();
        }
    }
}

/// Called by user code: stops if the calling thread's gate is here.
pub(crate) fn pass(site: Site) {
    let gate = ARMED.with_borrow_mut(|armed| match armed {
        Some((_, at, nth)) if *at == site && *nth > 0 => {
            *nth -= 1;
            None
        }
        Some((_, at, _)) if *at == site => armed.take().map(|(gate, ..)| gate),
        _ => None,
    });
    if let Some(gate) = gate {
        gate.stop_here();
    }
}

/// Runs `work` on a thread of its own; fails if it takes longer than `limit` or panics.
pub(crate) fn within(limit: Duration, what: &str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    match ended.recv_timeout(limit) {
        Ok(()) => thread.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("a thread failed while another was stopped at {what}")
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            panic!("I7: others are held up by a thread stopped at {what}")
        }
    }
}
