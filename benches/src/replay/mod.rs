//! The program `replay`: arguments in, table, record and plots out.

mod args;
mod output;
mod rounds;
mod shard;
mod trace;
#[cfg(feature = "valkey")]
mod valkey;

pub(crate) use args::Args;

use crate::{
    out::Failure,
    peers::{Peer, Tux},
};

/// Plays what the arguments ask for.
///
/// # Errors
/// [`Failure::Input`] for what was asked for or given, [`Failure::Run`] for what goes wrong later.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    for &capacity in &args.capacity {
        <Tux<u64, u64> as Peer<u64, u64>>::new(capacity, None)
            .map_err(|error| Failure::Input(format!("--capacity {capacity}: {error}")))?;
    }
    match (&args.trace, &args.valkey) {
        (Some(path), _) => trace::run(args, path),
        #[cfg(feature = "valkey")]
        (None, Some(url)) => valkey::run(args, url),
        #[cfg(not(feature = "valkey"))]
        (None, Some(_)) => Err(Failure::Input(
            "--valkey: built without the feature `valkey`".into(),
        )),
        (None, None) => shard::run(args),
    }
}
