//! Where a thread is stopped, and the watchdog over the others.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::hook::{Site, hook, unhook};

/// A healthy run needs milliseconds.
const WATCHDOG: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
struct State {
    reached: Option<String>,
    open: bool,
}

/// A gate that one thread runs into and stays at until it is opened.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// Runs `work`, in which the calling thread stops at its `nth` passage of `site`, counted from 0.
    pub fn stop_in(&self, site: Site, nth: u32, work: impl FnOnce()) {
        let (gate, left) = (self.clone(), Cell::new(Some(nth)));
        hook(move |at| match left.get() {
            Some(0) if at == site => {
                left.set(None);
                gate.stand(&format!("{site:?}"));
            }
            Some(n) if at == site => left.set(Some(n - 1)),
            _ => {}
        });
        work();
        unhook();
    }

    /// What the thread was stopped at. `None`: it has ended without a stop.
    pub fn wait_until_reached(&self, thread: &JoinHandle<()>) -> Option<String> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(what) = &state.reached {
                return Some(what.clone());
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

    /// The calling thread stands here, at `what`, until the gate is opened.
    pub fn stand(&self, what: &str) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reached = Some(what.to_owned());
        changed.notify_all();
        while !state.open {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs `work` on a thread of its own while another one is stopped.
///
/// # Panics
/// If `work` takes longer than the watchdog, or panics.
pub fn within(what: &str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        // The receiver waits.
        let _ = done.send(());
    });
    match ended.recv_timeout(WATCHDOG) {
        Ok(()) => thread.join().expect("it has ended well"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("a thread failed while another was stopped at {what}")
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            panic!("I7: others are held up by a thread stopped at {what}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Census, Key, pass};

    #[test]
    fn a_thread_stands_at_the_passage_it_was_told() {
        for (nth, stands) in [(0, true), (2, true), (3, false)] {
            let gate = Gate::default();
            let own = gate.clone();
            let thread = std::thread::spawn(move || {
                own.stop_in(Site::Eq, nth, || {
                    pass(Site::Hash);
                    let key = Key::new(1, 0);
                    assert!((0..3).all(|id| (key == Key::new(id, 0)) == (id == 1)));
                });
            });
            let reached = gate.wait_until_reached(&thread);
            assert_eq!(reached.as_deref(), stands.then_some("Eq"), "{nth}");
            gate.open();
            thread.join().expect("it goes on");
        }
    }

    #[test]
    fn a_hook_that_panics_stays_and_the_census_knows_of_it() {
        let census = Census::default();
        let value = census.value(7);
        let mut left = 1;
        hook(move |_| {
            left -= 1;
            assert!(left != 0, "the first one");
        });
        let copy = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| value.clone()));
        assert!(copy.is_err() && census.alive() == 1);
        let panics = std::panic::catch_unwind(|| {
            pass(Site::Predicate);
            pass(Site::Predicate);
        });
        assert!(panics.is_ok(), "it counts on");
        unhook();
        assert_eq!((value.key(), value.number()), (7, 0));
        drop(value);
        census.assert_all_gone("dropped");
    }
}
