//! Which seeded fault is on: that named by the environment variable `TUX_FAULT` (see `faults.tsv`), or none.

use std::sync::OnceLock;

pub(crate) fn is_on(name: &str) -> bool {
    static FAULT: OnceLock<Option<String>> = OnceLock::new();
    let fault = FAULT.get_or_init(|| std::env::var("TUX_FAULT").ok());
    fault.as_deref() == Some(name)
}
