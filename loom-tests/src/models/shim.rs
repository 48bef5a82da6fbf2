//! The shim itself: that `crate::sync` is loom's, and that its fences order what they promise.

use super::check;
use crate::sync::{Arc, AtomicUsize, Ordering, StdArc, dekker_fence, thread};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// The Dekker pair every store → load protocol of the engine rests on: of two threads that each store
/// their own flag, fence, and read the other's, at least one sees the other's store.
///
/// Seeded fault: take one `dekker_fence` out; both threads then read 0.
#[test]
fn dekker_pair_needs_its_fences() {
    check("shim::dekker", 3, 100, || {
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let turns = Arc::new(AtomicUsize::new(0));
        let run = |me: usize, flags: Arc<[AtomicUsize; 2]>, turns: Arc<AtomicUsize>| {
            turns.fetch_add(1, Ordering::Relaxed);
            flags[me].store(1, Ordering::SeqCst);
            dekker_fence();
            let seen = flags[1 - me].load(Ordering::SeqCst);
            turns.fetch_add(1, Ordering::Relaxed);
            seen
        };
        let other = thread::spawn({
            let (flags, turns) = (Arc::clone(&flags), Arc::clone(&turns));
            move || run(1, flags, turns)
        });
        let mine = run(0, Arc::clone(&flags), Arc::clone(&turns));
        let theirs = other.join().unwrap();
        assert!(mine + theirs >= 1, "both threads missed the other's store");
        assert_eq!(turns.load(Ordering::Relaxed), 4);
    });
}

/// One step of a small program: what each thread does to one of two words.
#[derive(Clone, Copy, Debug)]
enum Step {
    Load(usize),
    Store(usize, usize),
    /// A compare-exchange.
    Swap(usize, usize, usize),
}

type Program = Vec<Vec<Step>>;

/// What every step of every thread has read.
type Outcome = Vec<Vec<usize>>;

/// All outcomes of a program whose threads take turns step by step, found without loom.
fn turns(program: &Program) -> BTreeSet<Outcome> {
    fn go(program: &Program, words: [usize; 2], read: &Outcome, all: &mut BTreeSet<Outcome>) {
        let mut ended = true;
        for (thread, steps) in program.iter().enumerate() {
            let Some(step) = steps.get(read[thread].len()) else {
                continue;
            };
            ended = false;
            let (mut words, mut read) = (words, read.clone());
            let (at, to) = match *step {
                Step::Load(at) => (at, words[at]),
                Step::Store(at, to) => (at, to),
                Step::Swap(at, from, to) => (at, if words[at] == from { to } else { words[at] }),
            };
            let seen = if matches!(step, Step::Store(..)) {
                0
            } else {
                words[at]
            };
            read[thread].push(seen);
            words[at] = to;
            go(program, words, &read, all);
        }
        if ended {
            all.insert(read.clone());
        }
    }
    let mut all = BTreeSet::new();
    go(program, [0, 0], &vec![Vec::new(); program.len()], &mut all);
    all
}

/// All outcomes that loom comes to.
fn explored(program: &Program) -> BTreeSet<Outcome> {
    let all = StdArc::new(Mutex::new(BTreeSet::new()));
    let program = StdArc::new(program.clone());
    let model = std::sync::Arc::new({
        let all = StdArc::clone(&all);
        move || {
            let words = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let run = |thread: usize, words: Arc<[AtomicUsize; 2]>, program: StdArc<Program>| {
                let steps = program[thread].iter();
                let steps = steps.map(|step| match *step {
                    Step::Load(at) => words[at].load(Ordering::Relaxed),
                    Step::Store(at, to) => {
                        words[at].store(to, Ordering::Relaxed);
                        0
                    }
                    Step::Swap(at, from, to) => {
                        let swapped = words[at].compare_exchange(
                            from,
                            to,
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        );
                        swapped.unwrap_or_else(|seen| seen)
                    }
                });
                steps.collect::<Vec<_>>()
            };
            let others: Vec<_> = (1..program.len())
                .map(|thread| {
                    let (words, program) = (Arc::clone(&words), StdArc::clone(&program));
                    thread::spawn(move || run(thread, words, program))
                })
                .collect();
            let mut outcome = vec![run(0, Arc::clone(&words), StdArc::clone(&program))];
            outcome.extend(others.into_iter().map(|other| other.join().unwrap()));
            all.lock().unwrap().insert(outcome);
        }
    });
    let (_, whole) = super::explore(20, None, &model);
    assert!(whole);
    let all = all.lock().unwrap();
    all.clone()
}

/// Loom comes to every outcome of random small programs that taking turns can have, through the shim's notes: its own memory
/// of who has read is too short for that (`src/sync/loom/atomic.rs`).
///
/// Seeded fault: `shim-loads-forgotten` (no note is touched).
#[test]
fn every_order_is_tried() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut missed = Vec::new();
    for round in 0..30 {
        let threads = 2 + round % 2;
        let program: Program = (0..threads)
            .map(|thread| {
                // 3 steps of two threads, or 2, 2 and 1 of three.
                (0..3 - usize::from(threads == 3) - usize::from(thread == 2))
                    .map(|step| {
                        let (at, value) = (random(2), 1 + thread * 8 + step);
                        match random(4) {
                            0 | 1 => Step::Load(at),
                            2 => Step::Store(at, value),
                            _ => Step::Swap(at, random(2), value),
                        }
                    })
                    .collect()
            })
            .collect();
        let (turns, explored) = (turns(&program), explored(&program));
        let absent = turns.difference(&explored).count();
        if absent > 0 {
            missed.push((program, absent, turns.len()));
        }
    }
    assert!(missed.is_empty(), "{} programs: {missed:#?}", missed.len());
}
