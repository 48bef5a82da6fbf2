//! Models as a table: what each thread does, and what may come of it.

use super::super::check;
use super::support::{Actor, actors, key};
use crate::engine::index::bounded::model::Stop;
use crate::sync::thread;

/// One call. Keys and values are small numbers; the value of a `Set` has its number in this model alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Set(u8, u8),
    SetIfAbsent(u8, u8),
    /// Sets this value whatever there was; what it saw.
    Update(u8, u8),
    Take(u8),
    Get(u8),
    Invalidate(u8),
    InvalidateMatching(u8),
    Clear,
    Sweep,
    Len,
    Resident,
    Evictions,
    /// How often the cache was cleared.
    Clears,
    /// A set by a thread of its own that stops half-way for ever.
    HaltSetting(u8, u8, Stop),
    /// The same of an invalidation; whether its permit was given back.
    HaltInvalidating(u8, bool),
    /// See [`Actor::observe`]; it has no answer.
    Observe,
}

/// What a call answered: a value, or a number.
pub(super) type Answer = Option<u8>;

fn number(n: usize) -> Option<Answer> {
    Some(Some(u8::try_from(n).expect("small")))
}

fn call(actor: &Actor, op: Op) -> Option<Answer> {
    match op {
        Op::Set(name, id) => {
            actor.set(&key(name), id);
            None
        }
        Op::SetIfAbsent(name, id) => number(usize::from(actor.set_if_absent(&key(name), id))),
        Op::Update(name, id) => Some(actor.update(&key(name), id)),
        Op::Take(name) => Some(actor.take(&key(name))),
        Op::Get(name) => Some(actor.get(&key(name))),
        Op::Invalidate(name) => number(usize::from(actor.invalidate(&key(name)))),
        Op::InvalidateMatching(name) => number(actor.invalidate_matching(&key(name))),
        Op::Clear => {
            actor.clear();
            None
        }
        Op::Sweep => number(actor.sweep(0)),
        Op::Len => number(actor.len()),
        Op::Resident => number(actor.resident()),
        Op::Evictions => number(usize::try_from(actor.evictions()).expect("small")),
        Op::Clears => number(usize::try_from(actor.now(0).era.clears()).expect("small")),
        Op::Observe => {
            actor.observe();
            None
        }
        Op::HaltSetting(name, id, stop) => {
            assert!(actor.insert_and_stop(&key(name), id, stop));
            None
        }
        Op::HaltInvalidating(name, counted) => {
            assert!(actor.remove_and_stop(&key(name), counted));
            None
        }
    }
}

fn calls(actor: &Actor, ops: &[Op]) -> Vec<Answer> {
    ops.iter().filter_map(|&op| call(actor, op)).collect()
}

impl Op {
    /// Whether a thread of its own does this, and nothing else.
    fn halts(self) -> bool {
        matches!(self, Op::HaltSetting(..) | Op::HaltInvalidating(..))
    }
}

/// A cache, and what is done to it.
pub(super) struct Race<const THREADS: usize> {
    pub(super) capacity: usize,
    pub(super) batch: usize,
    /// How many threads may hold a victim's permit.
    pub(super) holders: usize,
    /// By one thread, before there are others.
    pub(super) before: &'static [Op],
    /// By each thread; the first one starts the others.
    pub(super) ops: [&'static [Op]; THREADS],
    /// When all are over.
    pub(super) then: &'static [Op],
}

impl<const THREADS: usize> Race<THREADS> {
    /// Lets the threads race in every order there is with so many preemptions; by default three if there are two threads, else
    /// two.
    pub(super) fn check(
        self,
        name: &str,
        preemptions: Option<usize>,
        allowed: impl Fn(&[&[Answer]]) -> bool + Send + Sync + 'static,
    ) {
        let preemptions = preemptions.unwrap_or(if THREADS == 2 { 3 } else { 2 });
        let halted = self.before.iter().filter(|op| op.halts()).count();
        check(name, preemptions, 100, move || {
            let mut others = actors(THREADS + halted, self.capacity, self.batch, self.holders);
            let mut halted = others.split_off(THREADS);
            let a = others.remove(0);
            for &op in self.before {
                if op.halts() {
                    call(&halted.remove(0), op);
                } else {
                    assert_ne!(call(&a, op), Some(None), "{op:?} finds its key");
                }
            }
            let others = others.into_iter().zip(&self.ops[1..]);
            let others: Vec<_> = others
                .map(|(actor, &ops)| thread::spawn(move || calls(&actor, ops)))
                .collect();
            let mut seen = vec![calls(&a, self.ops[0])];
            seen.extend(others.into_iter().map(|other| other.join().unwrap()));
            seen.push(calls(&a, self.then));
            let seen: Vec<&[Answer]> = seen.iter().map(Vec::as_slice).collect();
            assert!(
                allowed(&seen),
                "{seen:?} of {:?}, {:?}",
                self.ops,
                self.then
            );
            if self.before.iter().any(|op| op.halts()) {
                // What it has begun is never ended.
                a.observe();
            } else {
                a.end(&[]);
            }
        });
    }
}

/// A test for each row: its name and the model's; the cache; the calls before, those of each thread, and those after; and what
/// they may answer.
macro_rules! race {
    ($(
        $(#[$doc:meta])*
        $test:ident: $name:literal, $capacity:literal, $batch:ident $(, holders $holders:literal)? $(, preemptions $bound:literal)?;
        before [$($before:expr),*], $($thread:ident [$($op:expr),*]),+; then [$($then:expr),*];
        allowed { $($allowed:tt)* }
    )*) => { $(
        $(#[$doc])*
        #[test]
        fn $test() {
            #[allow(unused_imports, reason = "not every row has every call")]
            use $crate::{engine::index::bounded::model::Stop, models::engine::race::Op::*};
            let race = $crate::models::engine::race::Race {
                capacity: $capacity,
                batch: $crate::models::engine::support::$batch,
                holders: 0 $(+ $holders)?,
                before: &[$($before),*],
                ops: [$(&[$($op),*]),+],
                then: &[$($then),*],
            };
            let preemptions = [$($bound)?].first().copied();
            race.check($name, preemptions, |seen| matches!(seen, $($allowed)*));
        }
    )* };
}

pub(super) use race;
