//! Single-flight: of all callers that miss one key at the same time, one loads and the others wait for it.
//!
//! Runtime-free. Threads and futures wait for the same flights: a thread is a waiter whose waker unparks it.
//! The cache is known only as a [`LeaseSource`] (and a [`SyncStore`] for the synchronous form).
//!
//! ```text
//!             enter: no flight, or one that is over or overtaken
//!                                   │
//!                                   ▼          begin: takes the lease
//!                    ┌──────► Led, no lease ──────────────────────────► Led under a lease ─────┐
//!   the first waiter │              │                                          │               │
//!   with its loader, │              └──────────────────┬───────────────────────┘    complete,  │
//!   or a newcomer    │                                 │ leader panics, is dropped  expire     │
//!                    │     waiters with a loader       ▼ or aborted                            │
//!                    └──── Orphaned ◄───────────── (abandon)                                   │
//!                             │                        │ none with a loader                     │
//!                             │ the last one leaves    ▼                                       ▼
//!                             └────────────────────► Landed (value | error | expired | nothing)
//! ```
//!
//! A waiter still has its own loader, and can take over. Only the caller whose loader runs in a detached task has given
//! it away (`LoaderGiven`): it is never promoted, and *orphaned* once that task goes without a result. "Overtaken" is not a
//! stage: it is a lease that has become void, which every newcomer asks about.
//!
//! # Use
//! - A synchronous cache holds a [`Group`], is a [`SyncStore`], looks its key up itself, and on a miss calls
//!   [`Group::fetch`]; callers that are futures call [`Group::fetch_async`], which polls the loader in the leading caller itself. They
//!   meet in the same flights.
//! - An asynchronous one is a [`LeaseSource`] and calls [`Group::share`], whose `start` spawns a task that
//!   owns the [`LeaderGuard`]: it looks into its store again, runs the loader inside
//!   [`LeaderGuard::drive`] and a time limit, asks [`LeaderGuard::may_publish`] before and after its write,
//!   and ends with [`LeaderGuard::complete`] or [`LeaderGuard::expire`]. If the task panics or is aborted,
//!   the guard's drop does the rest.
//!
//! # Invariants
//! - **L1** At most one leadership or guard per flight is in force; a landed flight is never led again.
//! - **L2** One load: callers of a key that overlap share one flight, and a new leader looks into the cache
//!   again after taking its lease, so n callers of a value that is kept make one load.
//! - **L3** Nobody sleeps for nothing: a waiter whose waker is noted has a leader, and every change of stage
//!   that concerns waiters wakes them all.
//! - **L4** A leader that goes without landing hands over: exactly one waiter leads on with its own
//!   loader, the others keep waiting for that one, those who gave theirs away get `Abandoned`; without a waiter that has
//!   a loader the flight is over and the next caller starts afresh.
//! - **L5** An overtaken flight (its key was set, invalidated or cleared since the lease) takes no new
//!   waiters and publishes nothing; those who waited get its value, because their calls began before.
//! - **L6** An error goes to those who waited, with the type they expect, and is never kept.
//! - **L7** A waiter that goes takes only itself away.
//! - **L8** No wait closes a cycle: a caller inside a loader that (through any number of other loads) waits
//!   for it runs its own loader directly and keeps the result out of the cache. Not seen: a wait on a thread
//!   or task that a loader starts itself and waits for.
//! - **L9** Loaders, `V::clone`, `V::drop`, `E`, wakers and `K`'s operations never run under a lock of this
//!   module; papaya calls `K::eq` without one.
//! - **L10** The registry holds no flight that is over (only a panic in `K::hash` or `K::eq` can leave one
//!   behind, and the next caller of the key replaces it); what a flight held is dropped with its last waiter.
//! - **L11** An expired flight is over at once: its waiters get `Expired`, newcomers start afresh, and a
//!   load that returns later publishes nothing. (A publication already under way may finish: its lease holds,
//!   so it is no stale value.)
//! - **L12** In a child of `fork` no load of the parent's is waited for, and none of its locks is asked for: flights are entered in
//!   a registry of the child's own, so each load is led anew. Only the forking thread's own load goes on, if it forked in its
//!   loader: it publishes, and nobody waits.
//!
//! # Progress
//! | operation | waits for |
//! |---|---|
//! | `enter`, `begin`, `complete`, `expire`, polling, dropping | the flight's own mutex, held for a few instructions; papaya's map (lock-free but for growing) |
//! | `get_or_fetch`, `try_get_or_fetch`, `JoinFuture::wait` | the leader of the same key, by parking the thread |
//! | `share`, `fetch_async`, `JoinFuture` | the leader of the same key, without blocking; the leader of a `fetch_async` goes on when it is polled |
//! | joining inside a loader | besides, the edge lists of the loads linked to it, each for a few instructions |
//! | invalidating, setting, clearing | nothing here: `single_flight` is not told, it asks the lease |
//!
//! Loads of different keys never wait for each other, unless a loader itself asks for another key.
//!
//! `cfg!(tux_fault = "…")` marks a seeded fault: constant false but in `loom-tests`, which shows that its
//! models catch each of them (`loom-tests/faults.tsv`).

mod asynchronous;
mod flight;
mod group;
mod join;
mod loaded;
mod nesting;
#[cfg(not(tux_loom))]
mod registry;
#[cfg(tux_loom)]
#[path = "registry_loom.rs"]
mod registry;
mod source;
mod waiters;

pub(crate) use flight::FlightError;
pub(crate) use group::{FetchOutcome, FlightArrival, Group};
pub(crate) use join::{JoinFuture, Joined, LeaderGuard, Leadership};
pub(crate) use loaded::LoadedTtl;
pub use loaded::{IntoLoaded, Loaded};
pub(crate) use source::{FlightKey, LeaseSource, SyncStore};

#[cfg(all(test, not(tux_loom)))]
mod tests;
