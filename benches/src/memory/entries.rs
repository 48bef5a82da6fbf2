//! Heap bytes per entry beyond key and value.

use serde::Serialize;

use crate::{heap, peers::Contender, with_contender};

/// The project's bound on bytes per entry for `u64 → u64`.
pub(super) const BOUND: f64 = 72.0;
/// Just above a power of two as well: no doubling table behind it.
pub(super) const SIZES: [usize; 2] = [100_000, 131_073];

/// What one cache takes at each of the [`SIZES`]; `None` where it cannot tell its length.
#[derive(Debug, Serialize)]
pub(super) struct Entries {
    pub(super) cache: &'static str,
    pub(super) bytes_per_entry: [Option<f64>; SIZES.len()],
}

/// All caches, each full.
pub(super) fn all() -> Vec<Entries> {
    let of = |contender: Contender| Entries {
        cache: contender.name(),
        bytes_per_entry: SIZES.map(
            |size| with_contender!(contender, <u64, u64>, C => heap::bytes_per_entry::<C>(size)),
        ),
    };
    Contender::ALL.map(of).into()
}
