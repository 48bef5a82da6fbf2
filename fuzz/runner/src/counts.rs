//! What the inputs of a fuzzing run are worth: with `TUX_FUZZ_COUNTS=file` in the environment, the file says after every few
//! thousand inputs how many there were, how many operations they held, and how many made the cache evict.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static INPUTS: AtomicU64 = AtomicU64::new(0);
static OPERATIONS: AtomicU64 = AtomicU64::new(0);
static EVICTING: AtomicU64 = AtomicU64::new(0);

/// Inputs between two writes of the file.
const INPUTS_PER_NOTE: u64 = 4_096;

/// One input has been run.
pub(crate) fn note(operations: u64, evicted: bool) {
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var("TUX_FUZZ_COUNTS").ok()) else {
        return;
    };
    let operations = OPERATIONS.fetch_add(operations, Ordering::Relaxed) + operations;
    let evicting = EVICTING.fetch_add(u64::from(evicted), Ordering::Relaxed) + u64::from(evicted);
    let inputs = INPUTS.fetch_add(1, Ordering::Relaxed) + 1;
    if inputs.is_multiple_of(INPUTS_PER_NOTE) {
        let text = format!(
            "{inputs} inputs, {} operations an input, evictions in {} %\n",
            operations / inputs,
            evicting * 100 / inputs
        );
        std::fs::write(file, text).expect("TUX_FUZZ_COUNTS must name a file that can be written");
    }
}
