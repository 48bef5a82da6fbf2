//! What backends and loads need of the caller's runtime.

use crate::error::{Error, Result};
use std::time::Duration;
use tokio::runtime::Handle;

/// The current tokio runtime.
///
/// # Errors
/// `Config` outside one, and on one whose timer is switched off.
pub(crate) fn with_timer() -> Result<Handle> {
    let handle = Handle::try_current().map_err(|_| {
        Error::config("this must be awaited inside a tokio runtime: loads and connections use its tasks and timer")
    })?;
    // tokio does not say whether there is a timer; without one it panics where a sleep is made.
    let timer = std::panic::catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO)));
    match timer {
        Ok(()) => Ok(handle),
        Err(_) => Err(Error::config(
            "this tokio runtime has no timer: build it with `enable_time()` or `enable_all()`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_runtime_that_cannot_do_is_an_error() {
        let kind = |result: Result<Handle>| result.map(drop).map_err(|error| error.kind());
        assert_eq!(kind(with_timer()), Err(ErrorKind::Config));
        let build = tokio::runtime::Builder::new_current_thread;
        let bare = build().build().unwrap();
        assert_eq!(
            bare.block_on(async { kind(with_timer()) }),
            Err(ErrorKind::Config)
        );
        let whole = build().enable_time().build().unwrap();
        assert_eq!(whole.block_on(async { kind(with_timer()) }), Ok(()));
    }
}
