//! The state machine against a sequential model of it.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Idle,
    Loading,
    Late,
    Throttled(u64),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Claim,
    /// By the holder of the nth claim, perhaps long ago.
    Release(usize),
    Fail(usize, u64),
    Late(usize),
    Throttle(u64),
    Forget,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let nth = 0..4_usize;
    prop_oneof![
        6 => Just(Op::Claim),
        2 => nth.clone().prop_map(Op::Release),
        3 => (nth.clone(), 0..40_u64).prop_map(|(nth, after)| Op::Fail(nth, after)),
        2 => nth.prop_map(Op::Late),
        1 => (0..40_u64).prop_map(Op::Throttle),
        4 => (1..30_u64).prop_map(Op::Pass),
        1 => proptest::bool::weighted(0.1).prop_map(|now| if now { Op::Forget } else { Op::Claim }),
    ]
}

proptest! {
    /// W1 to W5: every answer is that of the model, in which only the last claim counts.
    #[test]
    fn the_word_is_its_model(ops in proptest::collection::vec(op(), 1..200)) {
        let state = KeyState::new();
        let (mut model, mut forgotten, mut now) = (Model::Idle, false, 0_u64);
        // Newest last.
        let mut claims: Vec<ClaimTerm> = Vec::new();
        for op in ops {
            let nth = |n: usize, claims: &Vec<ClaimTerm>| claims.iter().rev().nth(n).copied();
            let under_way = matches!(model, Model::Loading | Model::Late);
            match op {
                Op::Pass(time) => now += time,
                Op::Forget => {
                    state.forget();
                    forgotten = true;
                }
                Op::Throttle(after) => {
                    state.throttle(now + after);
                    if model == Model::Idle && !forgotten {
                        model = Model::Throttled(now + after);
                    }
                }
                Op::Claim => {
                    let free = match model {
                        Model::Idle => true,
                        Model::Throttled(until) => now >= until,
                        _ => false,
                    };
                    prop_assert_eq!(state.is_free(now), free && !forgotten);
                    let expected = match (forgotten, free, model) {
                        (true, ..) => Claimed::Forgotten,
                        (_, true, _) => {
                            let Claimed::Yes(term) = state.claim(now) else {
                                return Err(TestCaseError::fail("W1: a free state is claimed"));
                            };
                            claims.push(term);
                            model = Model::Loading;
                            Claimed::Loading(term)
                        }
                        (.., Model::Loading) => Claimed::Loading(*claims.last().unwrap()),
                        (.., Model::Late) => Claimed::Late,
                        _ => Claimed::Throttled,
                    };
                    // Once more: W1.
                    prop_assert_eq!(state.claim(now), expected);
                }
                Op::Release(n) => if let Some(term) = nth(n, &claims) {
                    state.release(term);
                    if n == 0 && under_way {
                        model = Model::Idle;
                    }
                }
                Op::Fail(n, after) => if let Some(term) = nth(n, &claims) {
                    state.fail(term, now + after);
                    if n == 0 && under_way {
                        model = Model::Throttled(now + after);
                    }
                }
                Op::Late(n) => if let Some(term) = nth(n, &claims) {
                    state.late(term);
                    if n == 0 && model == Model::Loading && !forgotten {
                        model = Model::Late;
                    }
                }
            }
            // W2.
            prop_assert_eq!(state.holds(), !forgotten);
        }
    }
}

#[test]
fn a_time_too_large_is_the_last_one() {
    let state = KeyState::new();
    state.throttle(u64::MAX);
    assert_eq!(state.claim((1 << 48) - 2), Claimed::Throttled);
}

#[test]
fn a_share_of_a_life_and_what_comes_after_it() {
    let life = Lifespan {
        since: 1_000,
        ends: Some(2_000),
        whole: Some(1_000),
    };
    assert!(!life.is_due(1_799, 0.8) && life.is_due(1_800, 0.8));
    assert!(life.goes_on(1_999) && !life.goes_on(2_000));
    assert_eq!(
        (life.over_for(1_999), life.over_for(2_000)),
        (None, Some(0))
    );
    assert_eq!(life.over_for(2_500), Some(500));
    assert_eq!(life.age(2_500), 1_500);
    let unknown = Lifespan { ends: None, ..life };
    assert!(!unknown.is_due(9_999, 0.1) && !unknown.goes_on(0));
    let endless = Lifespan {
        ends: Some(u64::MAX),
        whole: None,
        ..life
    };
    assert!(!endless.is_due(9_999, 0.1) && endless.goes_on(9_999));
}
