//! The outcomes of a flight on real threads and by hand-polled futures. The models are in `loom-tests`.

mod async_form;
mod async_waiters;
mod nested;
mod panicking_drops;
mod registry;
mod stress;
mod support;
mod sync_form;
