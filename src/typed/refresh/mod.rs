//! The calls that go by the [rules](super::policy::rules): refreshing ahead, stale answers, time limits.
//!
//! | file | what |
//! |---|---|
//! | `learn` | what is learned from the store and from loads |
//! | `call` | one call: look, answer, load, wait |
//! | `background` | loads that nobody waits for |
//! | `face` | the calls as users make them |
//!
//! # One call
//!
//! ```text
//!  live value ── due and free to claim? ──► background load
//!      │ yes: Fresh
//!      no
//!      │
//!  known value, over for a while yet within a bound?
//!      │ no ──► load, and wait as ever
//!     yes
//!      │ claim ── throttled, or late ─────────────────────────► Stale
//!      │
//!      ├─ within stale_while_revalidating ──► background load, Stale
//!      │
//!      └─ load, and wait ──┬─ value ──────────────────────────► Fresh
//!                          ├─ soft timeout: the load goes on ─► Stale
//!                          └─ error, hard timeout ────────────► Stale
//! ```
//!
//! What is known is looked up again whenever it becomes an answer: what was removed meanwhile is none.

mod background;
mod call;
mod face;
mod learn;
#[cfg(test)]
mod tests;
