//! The bot shard through the library's Valkey backend.

use crate::{cli::Args, replay::Failure};

/// Plays the shard against the server at `url`.
///
/// # Errors
/// [`Failure::Input`] when the server cannot be used.
pub(crate) fn run(_args: &Args, _url: &str) -> Result<(), Failure> {
    Err(Failure::Input("--valkey: this build has no Valkey backend; without --valkey the embedded engine is played".into()))
}
