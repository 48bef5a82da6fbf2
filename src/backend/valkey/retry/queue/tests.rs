use super::*;
use proptest::prelude::*;

fn key(text: &str) -> Target {
    Target::Key(text.to_owned())
}

fn take(queue: &RetryQueue) -> Vec<TakenRemoval> {
    queue.take(Instant::now())
}

fn finish(queue: &RetryQueue, taken: &[TakenRemoval]) {
    for taken in taken {
        queue.settle(taken, Fate::Done, Instant::now());
    }
}

#[test]
fn t37_one_entry_per_key_and_a_bound() {
    let queue = RetryQueue::new(2);
    for _ in 0..100 {
        assert!(queue.push((key("a"), Condition::Always)));
    }
    assert!(queue.push((Target::Prefix("a".into()), Condition::Always)));
    assert_eq!(queue.len(), 2);
    assert!(!queue.push((key("b"), Condition::Always)));
    assert!(
        queue.push((key("a"), Condition::Always)),
        "known keys need no room"
    );
    let taken = take(&queue);
    assert_eq!(taken.len(), 2);
    assert!(take(&queue).is_empty(), "each is taken once");
    assert_eq!(queue.len(), 2, "owed until it is answered");
    finish(&queue, &taken);
    assert_eq!((queue.len(), queue.lock().bytes), (0, 0));
    assert!(queue.lock().lengths.is_empty());
}

#[test]
fn two_conditions_on_one_key_become_none() {
    let queue = RetryQueue::new(10);
    assert!(queue.push((key("a"), Condition::Holds(b"1".to_vec()))));
    assert!(queue.push((key("a"), Condition::Holds(b"2".to_vec()))));
    let taken = take(&queue);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].condition, Condition::Always);
    finish(&queue, &taken);
    assert_eq!(queue.lock().bytes, 0);
}

#[test]
fn a_key_written_since_is_forgotten_and_bytes_are_bounded() {
    let queue = RetryQueue::new(10);
    assert!(queue.push((key("a"), Condition::Holds(vec![0; MAX_BYTES / 2]))));
    assert!(!queue.push((key("b"), Condition::Holds(vec![0; MAX_BYTES / 2]))));
    queue.forget("a", queue.mark());
    assert_eq!((queue.len(), queue.lock().bytes), (0, 0));
}

/// R3: the write's answer came before the removal failed, and its task ran only afterwards.
#[test]
fn a_write_sent_before_a_removal_does_not_forget_it() {
    let queue = RetryQueue::new(10);
    let mark = queue.mark();
    assert!(queue.push((key("a"), Condition::Always)));
    queue.forget("a", mark);
    assert_eq!(queue.len(), 1);
}

/// R2.
#[test]
fn a_job_asked_for_again_while_it_is_under_way_is_carried_out_again() {
    let queue = RetryQueue::new(10);
    assert!(queue.push((key("a"), Condition::Always)));
    let first = take(&queue);
    assert!(queue.push((key("a"), Condition::Always)));
    finish(&queue, &first);
    assert!(queue.owes("a"));
    finish(&queue, &take(&queue));
    assert!(!queue.owes("a"));
}

#[test]
fn what_is_refused_is_tried_again_after_a_pause_and_told_once() {
    let queue = RetryQueue::new(10);
    let start = Instant::now();
    assert!(queue.push((key("a"), Condition::Always)));
    let taken = queue.take(start);
    assert!(queue.settle(&taken[0], Fate::Refused, start));
    assert!(queue.take(start).is_empty());
    let later = start + REFUSED_PAUSE;
    let taken = queue.take(later);
    assert!(
        !queue.settle(&taken[0], Fate::Refused, later),
        "known already"
    );
    queue.make_due();
    assert_eq!(queue.take(later).len(), 1);
}

#[test]
fn a_refused_prefix_waits_for_its_refused_keys() {
    let queue = RetryQueue::new(10);
    let start = Instant::now();
    assert!(queue.push((Target::Prefix("a:".into()), Condition::Always)));
    let taken = queue.take(start);
    assert!(queue.push_refused("a:1".into(), start));
    queue.settle(&taken[0], Fate::Refused, start);
    let later = start + REFUSED_PAUSE;
    let taken = queue.take(later);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].target, key("a:1"));
    queue.settle(&taken[0], Fate::Done, later);
    assert_eq!(queue.take(later)[0].target, Target::Prefix("a:".into()));
}

#[test]
fn no_value_is_printed() {
    let held = Condition::Holds(b"hunter2".to_vec());
    assert_eq!(format!("{held:?}"), "Holds(7 bytes)");
}

#[derive(Clone, Debug)]
enum QueueStep {
    Key(u8, Option<u8>),
    Prefix(u8),
    Forget(u8),
    Take,
    Settle(usize, u8),
}

fn step() -> impl Strategy<Value = QueueStep> {
    prop_oneof![
        (0..6u8, proptest::option::of(0..2u8)).prop_map(|(k, c)| QueueStep::Key(k, c)),
        (0..6u8).prop_map(QueueStep::Prefix),
        (0..6u8).prop_map(QueueStep::Forget),
        Just(QueueStep::Take),
        (0..8usize, 0..4u8).prop_map(|(at, fate)| QueueStep::Settle(at, fate)),
    ]
}

fn name(number: u8) -> String {
    ["t", "ta", "tab", "tac", "té", "tb"][usize::from(number)].to_owned()
}

proptest! {
    /// R1 and R2 against a list of everything that was asked for and not answered since.
    #[test]
    fn owed_is_what_was_asked_for_and_not_answered_since(steps in proptest::collection::vec(step(), 0..60)) {
        let queue = RetryQueue::new(1_000);
        let now = Instant::now();
        // Target, and when it was asked for last.
        let mut model: HashMap<Target, usize> = HashMap::new();
        let mut out: Vec<(TakenRemoval, usize)> = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                QueueStep::Key(k, text) => {
                    let condition = text.map_or(Condition::Always, |text| Condition::Holds(vec![text]));
                    prop_assert!(queue.push((key(&name(k)), condition)));
                    model.insert(key(&name(k)), at);
                }
                QueueStep::Prefix(p) => {
                    prop_assert!(queue.push((Target::Prefix(name(p)), Condition::Always)));
                    model.insert(Target::Prefix(name(p)), at);
                }
                QueueStep::Forget(k) => {
                    queue.forget(&name(k), queue.mark());
                    model.remove(&key(&name(k)));
                }
                QueueStep::Take => {
                    queue.make_due();
                    out.extend(queue.take(now).into_iter().map(|taken| (taken, at)));
                }
                QueueStep::Settle(which, fate) if !out.is_empty() => {
                    let which = which % out.len();
                    let (taken, when) = out.swap_remove(which);
                    let fate = [Fate::Done, Fate::Refused, Fate::Later, Fate::Unknown][usize::from(fate)];
                    queue.settle(&taken, fate, now);
                    if fate == Fate::Done && model.get(&taken.target).is_some_and(|asked| *asked < when) {
                        model.remove(&taken.target);
                    }
                }
                QueueStep::Settle(..) => {}
            }
            prop_assert_eq!(queue.len(), model.len());
            for k in (0..6).map(name) {
                let owed = model.keys().any(|target| match target {
                    Target::Key(text) => *text == k,
                    Target::Prefix(text) => k.starts_with(text.as_str()),
                });
                prop_assert_eq!(queue.owes(&k), owed, "{}", k);
            }
        }
    }
}
