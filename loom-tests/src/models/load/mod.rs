//! Models of `src/single_flight`: the real flight, group, guard and future over loom's mutexes. The invariants L1–L11
//! are those of `src/single_flight/mod.rs`. loom itself reports a deadlock when all threads wait (L3).

mod abandon;
mod cancel;
mod expire;
mod join;
mod nested;
mod overtaken;
mod panic;
mod support;
