//! Before, at and after the end of a value's life: refreshing ahead, stale answers, time limits, jitter.
//!
//! The invariants W1 to W5 are those of `src/typed/policy/state`. Ages go by a `ManualTicker`, limits by tokio's paused time.

#[path = "policy/absent.rs"]
mod absent;
#[path = "policy/ahead.rs"]
mod ahead;
#[path = "policy/common.rs"]
mod common;
#[path = "policy/endings.rs"]
mod endings;
#[path = "policy/errors.rs"]
mod errors;
#[path = "policy/jitter.rs"]
mod jitter;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/model.rs"]
mod model;
#[path = "policy/options.rs"]
mod options;
#[path = "policy/refreshing.rs"]
mod refreshing;
#[path = "policy/revalidate.rs"]
mod revalidate;
#[path = "policy/stampede.rs"]
mod stampede;
#[path = "policy/stores.rs"]
mod stores;
#[path = "policy/stress.rs"]
mod stress;
