//! What happens before, at and after the end of a value's life: refreshing ahead, stale answers, time limits, jitter.
//!
//! | file | what |
//! |---|---|
//! | `state` | who may load a key now: the state machine, numbered invariants (W) |
//! | `known` | what was known last of each key, beside the store |
//! | `keepers` | all of a store's, so that a removal reaches every one |
//! | `rules` | what a call goes by, and which rules contradict each other |
//! | `fetch_options` | the rules of one call, for users |
//! | `fetched` | what a loader may answer |
//! | `plan` | what a load is given on its way, and the claim it holds |
//! | `jitter` | random extra time |
//!
//! Nothing in here knows a family, a flight or a runtime; the calls stand in [`refresh`](super::refresh).

pub(crate) mod fetch_options;
pub(crate) mod fetched;
mod jitter;
mod keepers;
pub(crate) mod known;
pub(crate) mod plan;
pub(crate) mod rules;
pub(crate) mod state;

pub(crate) use jitter::Jitter;
pub(crate) use keepers::{Forgotten, forget_beside};
