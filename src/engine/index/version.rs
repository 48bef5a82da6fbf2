//! Conditional changes: a key is looked at, and changed only if it still stands as it was seen.
//!
//! # Invariants
//!
//! - **V1** A conditional change is one step. It takes effect by an exchange of the very slot word (of the versioned value with the very
//!   stamp, in a cache without a bound) whose entry was seen and is current; or, where the key was absent, by an entry that goes live
//!   while no other one of its key lives (I2).
//! - **V2** Two entries of one key have two versions, for whoever has had a valid [watch](crate::lease::Watch) since before it
//!   saw the first one. In a cache without a bound versions are stamps, which do not come back. In a bounded one they are addresses: that of
//!   an entry that has left its slot may come back only after all guards of that moment have ended (R2), so in a guard that began later;
//!   and inside that guard, before it publishes, whoever uses the address again voids the watch (V3).
//! - **V3** Whoever changes a key voids the watches on it inside the guard in which the change takes effect, before it and after it: by
//!   voiding, or before it by the claim of a lease.
//! - **V4** A conditional insert has come through only if its own entry went live. Killed, it looks again. Nor does a `set` that a
//!   conditional insert killed count as done (I3): it comes after it.
//!
//! # Progress
//!
//! Lock-free on bounded caches: who fails has met an exchange of another thread on the same slot, or a void that this one made just before
//! its own exchange. A single caller may have to look again as often as others come through. No claim is taken, so a thread that stops
//! half-way holds nobody up.

/// Tells the entries of one key apart (V2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u64);

/// What a look saw of a current entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<R> {
    pub(crate) read: R,
    pub(crate) version: Version,
    pub(crate) deadline: crate::time::Deadline,
}
