//! When a thread's batches are freed, and what panicking drops do to them.

use super::*;
use crate::engine::entry::slab::{Lone, Slab};
use crate::engine::entry::{Hash, Lifetime, Phase, PolicyMeta};
use crate::engine::reclaim::supply::{Batches, Budget};
use crate::time::Deadline;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// What a value does when it is dropped.
struct Value(
    #[expect(dead_code, reason = "counts")] Rc<()>,
    Option<Box<dyn Fn()>>,
);

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(run) = &self.1 {
            run();
        }
    }
}

type Part = Local<u64, Value>;

fn supply<K, V>(batches: Batches, participants: usize) -> Arc<Supply<K, V>> {
    Supply::new(
        Arc::new(Slab::new(participants)),
        0,
        batches,
        Budget::new(1_000_000),
    )
}

fn local(batch: usize) -> Rc<Part> {
    Rc::new(Local::new(&supply(Batches::all(batch), 0), 0))
}

/// Entries unlinked and not freed.
fn held<K, V>(local: &Local<K, V>) -> u64 {
    local.supply.budget.held() + local.fresh() as u64
}

fn entry<V>(value: V) -> Newcomer<u64, V> {
    let lifetime = Lifetime {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    Newcomer::new(
        Phase::Live,
        Hash::new(0),
        lifetime,
        PolicyMeta::new(0, 0),
        1,
        value,
    )
}

fn retire(local: &Part, values: &Rc<()>, run: Option<Box<dyn Fn()>>) {
    let value = Value(Rc::clone(values), run);
    let entry = local.allocate(|| entry(value));
    local.retire(Retired::Entry(entry));
}

fn panics() -> Box<dyn Fn()> {
    Box::new(|| assert!(std::thread::panicking(), "a drop that panics"))
}

/// What the system has refused once it may grant the next time.
#[test]
fn what_was_sealed_in_vain_is_sealed_again() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    for bags in 1..=3 {
        for _ in 0..bags {
            retire(&local, &values, None);
            let bag = local.take().unwrap();
            local.supply.budget.taken(bag.note());
            bag.seal(GracePeriod::refused());
            let mut chain = Chain::empty();
            chain.push(bag);
            local.wait_also(chain);
        }
        assert_eq!(Rc::strong_count(&values), 1 + bags);
        local.collect_now(&domain);
        assert_eq!((Rc::strong_count(&values), held(&local)), (1, 0));
    }
}

#[test]
fn a_full_batch_is_freed_and_a_part_of_one_is_not() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    for _ in 0..3 {
        for left in [1, 2] {
            retire(&local, &values, None);
            assert!(!local.collect(&domain));
            assert_eq!(held(&local), left);
        }
        retire(&local, &values, None);
        assert!(local.collect(&domain));
        assert_eq!(held(&local), 0);
        assert_eq!(Rc::strong_count(&values), 1);
    }
}

/// What a reader holds back does not count for the next batch, which would else be one entry.
#[test]
fn a_batch_is_as_large_behind_a_stalled_reader() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    let _guard = domain.acquire().enter();
    for n in 1..=12 {
        retire(&local, &values, None);
        assert_eq!(local.collect(&domain), n % 3 == 0, "{n}");
    }
}

#[test]
fn it_says_whether_anything_is_left() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    assert!(!local.collect_now(&domain));
    let guard = domain.acquire().enter();
    retire(&local, &values, None);
    assert!(local.collect_now(&domain), "a guard is open");
    drop(guard);
    assert!(!local.collect_now(&domain));
    assert_eq!(Rc::strong_count(&values), 1);
}

/// A drop that unlinks something each time would keep its thread for ever.
#[test]
fn what_drops_unlink_waits_for_the_next_call() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    let (inside, more) = (Rc::clone(&local), Rc::clone(&values));
    let run = Box::new(move || retire(&inside, &more, None));
    retire(&local, &values, Some(run));
    assert!(local.collect_now(&domain));
    assert_eq!(held(&local), 1);
    // It is the first of the next batch.
    for full in [false, true] {
        retire(&local, &values, None);
        assert_eq!(local.collect(&domain), full);
    }
    assert!(!local.collect_now(&domain));
    assert_eq!(Rc::strong_count(&values), 1);
}

/// I9: also of the batches behind.
#[test]
fn a_drop_that_panics_keeps_no_other_value() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    for n in 0..3 {
        let run = (n == 1).then(panics);
        retire(&local, &values, run);
    }
    let caught = catch_unwind(AssertUnwindSafe(|| local.collect_now(&domain)));
    assert!(caught.is_err());
    assert_eq!(Rc::strong_count(&values), 1);
    assert!(!local.collect_now(&domain));
}

/// I9: the same when the cache goes.
#[test]
fn a_drop_that_panics_is_not_hidden_when_the_cache_goes() {
    let (local, values) = (local(3), Rc::new(()));
    for n in 0..3 {
        let run = (n == 1).then(panics);
        retire(&local, &values, run);
    }
    let local = Rc::into_inner(local);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(local))).is_err());
    assert_eq!(Rc::strong_count(&values), 1);
}

/// D6: what was reserved comes back, also where more was unlinked at once than there was room for.
#[test]
fn what_was_reserved_comes_back() {
    let (domain, values) = (Domain::new(|| false), Rc::new(()));
    for (batch, units) in [(1, 5), (3, 2), (8, 5), (8, 1_000)] {
        let supply = Supply::new(
            Arc::new(Slab::new(0)),
            0,
            Batches::all(batch),
            Budget::new(units),
        );
        let local = Local::new(&supply, 0);
        for n in 1..40 {
            (0..n).for_each(|_| retire(&local, &values, None));
            assert_eq!(held(&local), n);
            assert!(!local.collect_now(&domain));
            assert!(
                supply.budget.is_whole(),
                "{n} in bags of {batch} out of {units}"
            );
        }
    }
}

/// One call may unlink very many: their memory does not stay with the thread, nor does the room to note it.
#[test]
fn a_pool_keeps_two_batches_at_most() {
    let domain = Domain::new(|| false);
    let local = Local::<u64, u64>::new(&supply(Batches::all(3), 1_000), 0);
    let entries: Vec<_> = (0..1_000).map(|_| local.allocate(|| entry(1))).collect();
    entries
        .into_iter()
        .for_each(|entry| local.retire(Retired::Entry(entry)));
    assert!(!local.collect_now(&domain), "nothing is left");
    // SAFETY: the only borrow.
    let pool = unsafe { local.memory() };
    assert!(
        pool.len() <= 6 && pool.capacity() <= 100,
        "{} of {}",
        pool.len(),
        pool.capacity()
    );
}

/// Many threads together must not hold back more than few did.
#[test]
fn the_later_a_participant_the_smaller_its_batch() {
    let batches = Batches::for_capacity(100_000);
    let of = |participant| batches.of(participant);
    assert_eq!([0, 1, 2, 6, 99].map(of), [1_562, 781, 520, 512, 512]);
    assert_eq!(
        [0, 9].map(|participant| Batches::for_capacity(1_000).of(participant)),
        [62; 2]
    );
    assert_eq!(Batches::for_capacity(1).of(0), 16);
    let supply = supply(Batches::for_capacity(512), 0);
    let domain = Domain::new(|| false);
    let local = Local::<u64, u64>::new(&supply, 0);
    let full = (1..).find(|_| {
        local.retire(Retired::Entry(local.allocate(|| entry(1))));
        local.collect(&domain)
    });
    assert_eq!(full, Some(32));
}

/// What came from the allocator while the slab had none goes back to it as soon as the slab has some again. (Under a
/// sanitizer there are neither participants nor pools.)
#[cfg(not(tux_sanitize))]
#[test]
fn nothing_stays_alone_while_participants_lie_idle() {
    let slab = Arc::new(Slab::<u64, u64>::new(8));
    let supply = Supply::new(Arc::clone(&slab), 0, Batches::all(3), Budget::new(64));
    let (domain, local) = (Domain::new(|| false), Local::new(&supply, 0));
    let retire_alone = || {
        local.retire(Retired::Entry(Lone::new(entry(1)).into_raw()));
        assert!(!local.collect_now(&domain));
        // SAFETY: the only borrow.
        unsafe { local.memory() }.len()
    };
    assert_eq!(retire_alone(), 1, "there are none");
    let mut participants = Vec::new();
    slab.fill(&mut participants);
    // SAFETY: from this slab, and of no use.
    unsafe { slab.take_back(participants.into_iter()) };
    assert_eq!(retire_alone(), 1, "not one more");
}
