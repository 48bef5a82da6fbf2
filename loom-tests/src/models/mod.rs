//! One file per primitive; [`check`] runs a model and refuses one that explores too little.
//!
//! Each model's doc comment names the invariants it checks and the fault that makes it fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

mod engine;
mod load;
mod shim;

/// A model that explores fewer interleavings than this is a unit test and does not count.
pub(crate) const MIN_INTERLEAVINGS: u64 = 100;

/// How long one model may run in the quick form before loom stops exploring.
const QUICK_LIMIT: Duration = Duration::from_secs(8);

/// Explores `model` with up to `preemption_bound` preemptions and prints name, bound and count.
///
/// Use 3 with two threads and 2 with three. With `TUX_LOOM_DEEP=1` the bound is one higher and there is
/// no time limit. A model cut off by the limit says so (its count is then not the whole space) and is explored once more
/// with one preemption less.
///
/// # Panics
/// When the model fails in some interleaving, or when fewer than `min_interleavings` were explored
/// (at least [`MIN_INTERLEAVINGS`]).
pub(crate) fn check<F>(name: &str, preemption_bound: usize, min_interleavings: u64, model: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let deep = std::env::var_os("TUX_LOOM_DEEP").is_some_and(|value| value != "0");
    let bound = preemption_bound + usize::from(deep);
    let model = Arc::new(model);
    let limit = (!deep).then_some(QUICK_LIMIT);
    if !explore(name, bound, limit, min_interleavings, &model) && bound > 2 {
        explore(name, bound - 1, limit, min_interleavings, &model);
    }
}

/// Returns whether the whole space was explored.
fn explore<F>(
    name: &str,
    bound: usize,
    limit: Option<Duration>,
    min_interleavings: u64,
    model: &Arc<F>,
) -> bool
where
    F: Fn() + Send + Sync + 'static,
{
    let model = Arc::clone(model);
    let explored = Arc::new(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 20_000;
    builder.max_duration = limit;
    // How often loom looks at the time.
    builder.checkpoint_interval = 500;
    let started = Instant::now();
    builder.check({
        let explored = Arc::clone(&explored);
        move || {
            explored.fetch_add(1, Ordering::Relaxed);
            crate::sync::atomic::restart();
            model();
        }
    });
    let took = started.elapsed();
    let count = explored.load(Ordering::Relaxed);
    let whole = limit.is_none_or(|limit| took < limit);
    let extent = if whole {
        "all"
    } else {
        "cut off by the time limit"
    };
    eprintln!(
        "loom model {name}: bound {bound}, {count} interleavings ({extent}), {:.1} s",
        took.as_secs_f64()
    );
    let floor = min_interleavings.max(MIN_INTERLEAVINGS);
    assert!(
        count >= floor,
        "model {name} explored {count} interleavings with bound {bound}; at least {floor} are needed, \
         else it is a unit test: give it more threads or operations"
    );
    whole
}
