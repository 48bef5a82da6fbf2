//! Real servers, real faults: what callers see while the server is away, refuses or lies, and after.
//!
//! Every test starts its own server and fails when none is found.

#[path = "faults/common.rs"]
mod common;
#[path = "faults/connecting.rs"]
mod connecting;
#[path = "faults/leases.rs"]
mod leases;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/passes.rs"]
mod passes;
#[path = "faults/refusals.rs"]
mod refusals;
#[path = "faults/removals.rs"]
mod removals;
#[path = "faults/retry.rs"]
mod retry;
#[path = "faults/roles.rs"]
mod roles;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/setup.rs"]
mod setup;
