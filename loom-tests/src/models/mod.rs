//! One file per primitive; [`check`] runs a model and refuses one that explores too little.
//!
//! Each model's doc comment names the invariants it checks and the fault that makes it fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

mod append;
mod engine;
mod load;
mod policy;
mod shim;

/// A model that explores fewer interleavings than this is a unit test and does not count.
pub(crate) const MIN_INTERLEAVINGS: u64 = 100;

/// How long one model may run in the quick form before loom stops exploring.
const QUICK_LIMIT: Duration = Duration::from_secs(8);

/// Explores `model` with 1, 2, … and up to `preemption_bound` preemptions and prints name, bound and counts.
///
/// Use 3 with two threads and 2 with three. Most faults need one or two, and loom goes depth first: so the small bounds
/// come first, and a bound whose time is up ends the model (its count is then not the whole space, and is marked so).
/// With `TUX_LOOM_DEEP=1` the bounds go one higher, and there is no limit of time. `TUX_LOOM_SECONDS` sets the limit for each
/// bound.
///
/// # Panics
/// When the model fails in some interleaving, or when fewer than `min_interleavings` were explored with the last bound
/// (at least [`MIN_INTERLEAVINGS`]).
pub(crate) fn check<F>(name: &str, preemption_bound: usize, min_interleavings: u64, model: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let deep = std::env::var_os("TUX_LOOM_DEEP").is_some_and(|value| value != "0");
    let (limit, bounds) = if deep {
        (None, 1..=preemption_bound + 1)
    } else {
        (Some(QUICK_LIMIT), 1..=preemption_bound)
    };
    let limit = given_limit().or(limit);
    let model = Arc::new(model);
    let started = Instant::now();
    let (mut last, mut last_bound, mut text) = (0, 0, Vec::new());
    for bound in bounds {
        let since = Instant::now();
        let (count, whole) = explore(bound, limit, &model);
        let mark = if whole { "" } else { "+ (time is up)" };
        let seconds = since.elapsed().as_secs_f64();
        text.push(format!(
            "bound {bound}, {count}{mark} interleavings in {seconds:.1} s"
        ));
        (last, last_bound) = (count, bound);
        if !whole {
            break;
        }
    }
    eprintln!(
        "loom model {name}: {}, {:.1} s",
        text.join("; "),
        started.elapsed().as_secs_f64()
    );
    let floor = min_interleavings.max(MIN_INTERLEAVINGS);
    assert!(
        last >= floor,
        "model {name} explored {last} interleavings with bound {last_bound}; at least {floor} are needed, \
         else it is a unit test: give it more threads or operations"
    );
}

/// # Panics
/// When `TUX_LOOM_SECONDS` is no number.
fn given_limit() -> Option<Duration> {
    let seconds = std::env::var("TUX_LOOM_SECONDS").ok()?;
    let seconds = seconds.parse();
    Some(Duration::from_secs(
        seconds.expect("TUX_LOOM_SECONDS must be a number of seconds"),
    ))
}

/// Returns how many interleavings were explored, and whether that were all.
fn explore<F>(bound: usize, limit: Option<Duration>, model: &Arc<F>) -> (u64, bool)
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
    let whole = limit.is_none_or(|limit| started.elapsed() < limit);
    (explored.load(Ordering::Relaxed), whole)
}
