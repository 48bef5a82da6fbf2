//! Who may load a key, and what may answer for it (W1 to W5 of `src/typed/policy/state`).

use super::check;
use crate::policy_state::{Claimed, KeyState};
use crate::sync::{AtomicBool, AtomicUsize, Ordering, StdArc, thread};

/// A load under way, seen by its neighbours.
struct Loads {
    now: AtomicUsize,
    all: AtomicUsize,
}

impl Loads {
    fn new() -> Self {
        Self {
            now: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
        }
    }

    fn begin(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.now.fetch_add(1, Ordering::SeqCst), 0, "W1: two loads");
    }

    fn end(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// W1, W3: of three callers one loads; it fails, and nobody loads again before its time. Seeded faults: `policy-claim-stored` (the
/// claim is no exchange), `policy-unthrottled` (a failure is forgotten).
#[test]
fn two_callers_and_one_load() {
    check("policy::claim/claim/claim", 2, 100, || {
        let (state, loads) = (StdArc::new(KeyState::new()), StdArc::new(Loads::new()));
        let call = {
            let (state, loads) = (StdArc::clone(&state), StdArc::clone(&loads));
            move || {
                // The second time at least a load has begun.
                for _ in 0..2 {
                    if let Claimed::Yes(term) = state.claim(5) {
                        loads.begin();
                        loads.end();
                        state.fail(term, 10);
                    }
                }
            }
        };
        let others = [thread::spawn(call.clone()), thread::spawn(call.clone())];
        call();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(loads.all.load(Ordering::SeqCst), 1, "W3");
        assert_eq!(state.claim(9), Claimed::Throttled);
        assert!(matches!(state.claim(10), Claimed::Yes(_)), "W4");
    });
}

/// W2: two callers, one of which loads and ends in whatever way, and a removal. No answer comes of what was known once the removal
/// has returned, and none later. Seeded faults: `policy-end-remembers` (the end of a load takes the mark away),
/// `policy-answers-void` (nobody looks at it).
#[test]
fn a_removal_while_a_load_ends() {
    check("policy::load/answer/forget", 3, 100, || {
        let state = StdArc::new(KeyState::new());
        let removed = StdArc::new(AtomicBool::new(false));
        let answer = {
            let (state, removed) = (StdArc::clone(&state), StdArc::clone(&removed));
            move || {
                let gone = removed.load(Ordering::Acquire);
                let answers = state.holds();
                assert!(!(gone && answers), "W2: a stale answer after the removal");
            }
        };
        let load = {
            let (state, answer) = (StdArc::clone(&state), answer.clone());
            move || {
                answer();
                match state.claim(0) {
                    Claimed::Yes(term) => state.fail(term, 10),
                    Claimed::Loading(term) => state.late(term),
                    _ => state.throttle(10),
                }
                answer();
            }
        };
        let callers = [thread::spawn(load.clone()), thread::spawn(load)];
        state.forget();
        removed.store(true, Ordering::Release);
        answer();
        for caller in callers {
            caller.join().unwrap();
        }
        answer();
        assert_eq!(state.claim(100), Claimed::Forgotten, "W2");
        assert!(!state.is_free(100));
    });
}

/// W4, W5: a caller that has waited long enough for one load marks that load, whoever claims meanwhile; and the holder of a claim that is
/// over ends nobody else's. Seeded fault: `policy-late-any-claim` (the mark goes to whatever is under way).
#[test]
fn a_caller_that_waited_for_an_earlier_load() {
    check("policy::release/claim/late", 3, 100, || {
        let state = StdArc::new(KeyState::new());
        let Claimed::Yes(first) = state.claim(0) else {
            panic!("free")
        };
        let waiting = thread::spawn({
            let state = StdArc::clone(&state);
            move || state.late(first)
        });
        let next = thread::spawn({
            let state = StdArc::clone(&state);
            move || match state.claim(0) {
                Claimed::Yes(second) => {
                    let seen = state.claim(0);
                    assert_eq!(
                        seen,
                        Claimed::Loading(second),
                        "W5: a load that has just begun"
                    );
                    state.release(first);
                    let seen = state.claim(0);
                    assert_eq!(seen, Claimed::Loading(second), "W4: somebody else's claim");
                    state.release(second);
                }
                Claimed::Loading(term) => assert_eq!(term, first),
                Claimed::Late => {}
                other => panic!("{other:?}"),
            }
        });
        state.release(first);
        waiting.join().unwrap();
        next.join().unwrap();
        assert!(state.is_free(0), "W4");
    });
}
