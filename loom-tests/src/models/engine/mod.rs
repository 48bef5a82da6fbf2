//! The engine's primitives, alone and put together. Every model names the invariants (I…, G…, P…, R…) it checks; those
//! stand at the head of `src/engine/index/bounded/mod.rs`, `policy/queue.rs`, `capacity.rs`, `policy/small_queue/mod.rs`, `entry/slab/mod.rs` and `reclaim/mod.rs`.

mod support;

mod bag;
mod bucket;
mod capacity;
mod change_if;
mod clear;
mod counters;
mod era;
mod evict;
mod expiry;
mod held_permit;
mod insert;
mod lease;
mod levels;
mod overwrite;
mod queue;
mod queue_flags;
mod race;
mod reclaim;
mod remove;
mod slab;
mod small_queue;
mod stopped;
mod ticker;
