//! Whole calls against a sequential model of one key: random settings, times, writes, removals and loads that fail or succeed.

use std::io;
use std::time::Duration;

use proptest::prelude::*;
use tux_cache::managers::{ManagerOptions, MaybeStale};

use crate::common::{GUILD, World, kept, seconds, world};

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Milliseconds.
    Pass(u64),
    Stale(bool),
    Fresh(bool),
    Get,
    Set,
    Invalidate,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..40_000_u64).prop_map(Op::Pass),
        6 => any::<bool>().prop_map(Op::Stale),
        3 => any::<bool>().prop_map(Op::Fresh),
        1 => Just(Op::Get),
        1 => Just(Op::Set),
        1 => Just(Op::Invalidate),
        1 => Just(Op::Clear),
    ]
}

const TTL: u64 = 60_000;
const KEPT: u64 = 3_600_000;
const ON_ERROR: u64 = 100_000;
const THROTTLE: u64 = 10_000;

/// A value with its time, as the model sees it.
#[derive(Clone, Copy, Debug)]
struct Known {
    value: u64,
    since: u64,
    throttled: u64,
}

#[derive(Default)]
struct Model {
    now: u64,
    next: u64,
    known: Option<Known>,
    loads: u32,
}

impl Model {
    /// Entries live to the end of the millisecond that their TTL ends in.
    fn live(&self) -> Option<u64> {
        let known = self.known?;
        (self.now <= known.since + TTL).then_some(known.value)
    }

    fn over(&self) -> Option<Known> {
        let known = self.known?;
        let over = self.now.checked_sub(known.since + TTL)?;
        (over <= ON_ERROR && self.now <= known.since + KEPT).then_some(known)
    }

    fn write(&mut self) -> u64 {
        self.next += 1;
        self.known = Some(Known {
            value: self.next,
            since: self.now,
            throttled: 0,
        });
        self.next
    }

    fn fail(&mut self) {
        let until = self.now + THROTTLE;
        if let Some(known) = &mut self.known {
            known.throttled = known.throttled.max(until);
        }
    }

    /// What a call of the stale kind answers: fresh or stale, or an error.
    fn stale_call(&mut self, succeeds: bool) -> Option<(bool, u64)> {
        if let Some(value) = self.live() {
            return Some((true, value));
        }
        let over = self.over();
        if let Some(known) = over
            && self.now < known.throttled
        {
            return Some((false, known.value));
        }
        self.loads += 1;
        if succeeds {
            return Some((true, self.write()));
        }
        self.fail();
        over.map(|known| (false, known.value))
    }

    fn fresh_call(&mut self, succeeds: bool) -> Option<u64> {
        if let Some(value) = self.live() {
            return Some(value);
        }
        self.loads += 1;
        if succeeds {
            return Some(self.write());
        }
        // One under way is not throttled twice.
        if self.known.is_some_and(|known| self.now >= known.throttled) {
            self.fail();
        }
        None
    }
}

async fn play(world: &World, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for op in ops {
        // What the next load says.
        world.origin.says(model.next + 1);
        match *op {
            Op::Pass(time) => {
                world.ticker.advance(Duration::from_millis(time));
                model.now += time;
            }
            Op::Stale(succeeds) => {
                if !succeeds {
                    world.origin.fails();
                }
                let answer = world.ask().await.ok().map(|answer| match answer {
                    MaybeStale::Fresh(value) => (true, value.unwrap()),
                    other => (false, other.into_inner().unwrap()),
                });
                prop_assert_eq!(
                    answer,
                    model.stale_call(succeeds),
                    "{:?} at {}",
                    op,
                    model.now
                );
            }
            Op::Fresh(succeeds) => {
                if !succeeds {
                    world.origin.fails();
                }
                let answer = world.ask_fresh().await.ok().flatten();
                prop_assert_eq!(
                    answer,
                    model.fresh_call(succeeds),
                    "{:?} at {}",
                    op,
                    model.now
                );
            }
            Op::Get => prop_assert_eq!(world.stored().await.flatten(), model.live()),
            Op::Set => {
                let value = model.write();
                world.cases.set(GUILD, 1, Some(value)).await.unwrap();
            }
            Op::Invalidate => {
                world.cases.invalidate(GUILD, 1).await.unwrap();
                model.known = None;
            }
            Op::Clear => {
                world.cases.clear_all().await.unwrap();
                model.known = None;
            }
        }
        prop_assert_eq!(world.origin.loads(), model.loads, "loads after {:?}", op);
    }
    Ok(())
}

fn options() -> ManagerOptions {
    kept()
        .stale_on_error(Duration::from_millis(ON_ERROR))
        .throttle(Duration::from_millis(THROTTLE))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Stale on error and its throttle (W2, W3), against every order of calls, times and removals.
    #[test]
    fn calls_are_those_of_the_model(ops in proptest::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { play(&world(options()), &ops).await })?;
    }
}

/// The boundaries of a life, to the millisecond: at its last one a value is live, and one later a stale answer.
#[tokio::test]
async fn there_is_no_gap_between_live_and_stale() {
    let world = world(kept().stale_on_error(seconds(1)));
    world.origin.says(1);
    world.ask().await.unwrap();
    world.origin.fails();
    let mut seen = Vec::new();
    world.ticker.advance(seconds(60) - Duration::from_millis(2));
    for _ in 0..6 {
        let answer = world.ask().await;
        seen.push(
            answer
                .map(|answer| answer.is_stale())
                .map_err(|_| io::ErrorKind::Other),
        );
        world.ticker.advance(Duration::from_millis(1));
    }
    let [live, .., last] = &seen[..] else {
        unreachable!()
    };
    assert_eq!((live, last), (&Ok(false), &Ok(true)), "{seen:?}");
    assert!(seen.iter().all(Result::is_ok), "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
}
