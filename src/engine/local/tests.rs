//! When a thread's batches are freed, and what panicking drops do to them.

use super::*;
use crate::engine::entry::{Due, Hash, Phase, Standing};
use crate::time::Deadline;
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

fn local(batch: usize) -> Rc<Part> {
    let slab = Arc::new(Slab::new(0));
    Rc::new(Local::new(
        &Supply {
            batch,
            hands: 0,
            slab,
        },
        0,
    ))
}

fn retire(local: &Part, values: &Rc<()>, run: Option<Box<dyn Fn()>>) {
    let due = Due {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    let value = Value(Rc::clone(values), run);
    let standing = Standing::new(0, 0);
    let entry = local.allocate(|| Entry::new(Phase::Live, Hash::new(0), due, standing, 1, value));
    local.retire(Retired::Entry(entry));
}

fn panics() -> Box<dyn Fn()> {
    Box::new(|| assert!(std::thread::panicking(), "a drop that panics"))
}

#[test]
fn a_full_batch_is_freed_and_a_part_of_one_is_not() {
    let (domain, local, values) = (Domain::new(|| false), local(3), Rc::new(()));
    for left in [1, 2] {
        retire(&local, &values, None);
        assert!(!local.collect(&domain));
        assert_eq!(local.counters.unreclaimed.get(), left);
    }
    retire(&local, &values, None);
    assert!(local.collect(&domain));
    assert_eq!(local.counters.unreclaimed.get(), 0);
    assert_eq!(Rc::strong_count(&values), 1);
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
    assert_eq!(local.counters.unreclaimed.get(), 1);
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

/// The list of batches grows while a reader is stalled, and not for ever.
#[test]
fn the_room_for_batches_is_given_back() {
    let (domain, local, values) = (Domain::new(|| false), local(1), Rc::new(()));
    let capacity = |local: &Part| {
        // SAFETY: nothing else runs.
        unsafe { local.garbage() }.sealed.capacity()
    };
    let guard = domain.acquire().enter();
    for _ in 0..10 * FEW_BATCHES {
        retire(&local, &values, None);
        local.collect(&domain);
    }
    assert!(capacity(&local) >= 10 * FEW_BATCHES);
    drop(guard);
    local.collect_now(&domain);
    assert_eq!(capacity(&local), FEW_BATCHES);
}

/// One call may unlink very many: their memory does not stay with the thread, nor does the room to note it.
#[test]
fn a_pool_keeps_two_batches_at_most() {
    let domain = Domain::new(|| false);
    let local = Local::<u64, u64>::new(
        &Supply {
            batch: 3,
            hands: 0,
            slab: Arc::new(Slab::new(1_000)),
        },
        0,
    );
    let due = Due {
        deadline: Deadline::NEVER,
        generation: 0,
    };
    let entry = |_| {
        let standing = Standing::new(0, 0);
        local.allocate(|| Entry::new(Phase::Live, Hash::new(0), due, standing, 1, 1))
    };
    let entries: Vec<_> = (0..1_000).map(entry).collect();
    entries
        .into_iter()
        .for_each(|entry| local.retire(Retired::Entry(entry)));
    assert!(!local.collect_now(&domain), "nothing is left");
    // SAFETY: the only borrow.
    let Garbage { pool, .. } = unsafe { local.garbage() };
    assert!(
        pool.len() <= 6 && pool.capacity() <= 100,
        "{} of {}",
        pool.len(),
        pool.capacity()
    );
}
