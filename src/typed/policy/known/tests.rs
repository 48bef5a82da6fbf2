//! What is learned, and what a removal in between does to it: at each place where a thread may stand.

use super::*;
use crate::backend::{InMemoryBackend, KeyFamily, KeySet};
use crate::time::ManualTicker;
use crate::typed::policy::{Forgotten, forget_beside};

const KEY: KeyRef<'static> = KeyRef::Prefix { guild: 1 };
const LIFE: Option<Duration> = Some(Duration::from_secs(60));

fn store() -> (ManualTicker, Backend, Arc<LastKnown>) {
    let ticker = ManualTicker::new();
    let memory = InMemoryBackend::builder()
        .max_size(100)
        .ticker(ticker.clone());
    let backend: Backend = memory.build().unwrap().into();
    let known = LastKnown::new(&backend, Some((Duration::from_secs(600), 10))).unwrap();
    (ticker, backend, known)
}

fn value(known: &LastKnown) -> Option<u64> {
    known.recall::<u64>(KEY).map(|recalled| recalled.value)
}

/// T02, T26: every kind of removal, between the begin of a load and what is learned of it.
#[test]
fn t02_what_was_removed_meanwhile_is_not_learned() {
    let guild = [KeySet::Guild(KeyFamily::Prefix, 1)];
    let family = [KeySet::Family(KeyFamily::Prefix)];
    for what in [
        Forgotten::Keys(&[KEY]),
        Forgotten::Sets(&guild),
        Forgotten::Sets(&family),
        Forgotten::All,
    ] {
        let (_ticker, backend, known) = store();
        let (written, asked) = (known.begin(KEY), known.asked(KEY));
        forget_beside(&backend, &what);
        written.written(KEY, &1_u64, LIFE);
        assert_eq!(value(&known), None, "written");
        known.learn_read(KEY, asked, &1_u64, TimeLeft::Unknown, LIFE);
        assert_eq!(value(&known), None, "read");
        known.begin(KEY).written(KEY, &2_u64, LIFE);
        assert_eq!(value(&known), Some(2), "what comes after it is");
    }
}

/// Of a write and a read that overlap nobody knows which is the newer one: the one that comes too late is not learned, and if
/// that is the write, nothing is known.
#[test]
fn of_a_write_and_a_read_at_once_nothing_old_stays() {
    let (_ticker, _backend, known) = store();
    let (written, asked) = (known.begin(KEY), known.asked(KEY));
    written.written(KEY, &2_u64, LIFE);
    known.learn_read(KEY, asked, &1_u64, TimeLeft::Unknown, LIFE);
    assert_eq!(value(&known), Some(2));
    let (written, asked) = (known.begin(KEY), known.asked(KEY));
    known.learn_read(KEY, asked, &2_u64, TimeLeft::Unknown, LIFE);
    written.written(KEY, &3_u64, LIFE);
    assert_eq!(value(&known), None, "2 may be what stood there before 3");
}

/// W2, W3: a read carries on with the state, a write begins a new one, and a removal ends it for who holds it still.
#[test]
fn a_state_goes_with_its_value() {
    let (_ticker, backend, known) = store();
    let rules = FetchRules {
        throttle: Some(Duration::from_secs(9)),
        ..FetchRules::default()
    };
    let throttled = |known: &LastKnown| {
        let turn = known.turn(KEY, &rules).expect("known");
        let (claimed, claim) = turn.claim();
        drop(claim);
        claimed == super::super::state::Claimed::Throttled
    };
    known.begin(KEY).written(KEY, &1_u64, LIFE);
    let turn = known.turn(KEY, &rules).unwrap();
    turn.failed();
    assert!(throttled(&known));
    let asked = known.asked(KEY);
    known.learn_read(KEY, asked, &1_u64, TimeLeft::Unknown, LIFE);
    assert!(throttled(&known), "read again");
    known.begin(KEY).written(KEY, &2_u64, LIFE);
    assert!(!throttled(&known), "written anew");
    let held = known.turn(KEY, &rules).unwrap();
    forget_beside(&backend, &Forgotten::Keys(&[KEY]));
    assert_eq!(held.claim().0, super::super::state::Claimed::Forgotten);
    assert!(known.turn(KEY, &rules).is_none());
}

/// What is kept for one manager is let go with it.
#[test]
fn a_keeper_that_is_gone_is_not_asked() {
    let (_ticker, backend, known) = store();
    drop(known);
    forget_beside(&backend, &Forgotten::All);
    let again = LastKnown::new(&backend, None).unwrap();
    again.begin(KEY).written(KEY, &1_u64, LIFE);
    assert_eq!(value(&again), None, "only its life is kept track of");
    assert_eq!(again.is_due(KEY, 0.5), Some(false));
}
