//! Heap bytes per entry beyond key and value, and that churn does not add to them.

use std::process::ExitCode;

use tux_cache_bench::{
    heap::{self, Counting},
    peers::{Contender, Peer, Tux},
    with_contender,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The project's bound on bytes per entry for `u64 → u64`.
const BOUND: f64 = 72.0;
/// Just above a power of two as well: no doubling table behind it.
const SIZES: [usize; 2] = [100_000, 131_073];
/// Inserts of keys that never repeat after the cache is full, in steps between which memory is looked at.
const STEPS: u64 = 20;

fn main() -> ExitCode {
    println!(
        "bytes of heap per entry beyond key and value, u64 → u64, cache full (bound for tux-cache: {BOUND})\n"
    );
    let mut good = true;
    for contender in Contender::ALL {
        let found = SIZES.map(
            |size| with_contender!(contender, <u64, u64>, C => heap::bytes_per_entry::<C>(size)),
        );
        let text =
            found.map(|bytes| bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.1}")));
        println!(
            "{:<14} {:>8} at {}   {:>8} at {}",
            contender.name(),
            text[0],
            SIZES[0],
            text[1],
            SIZES[1]
        );
        if contender == Contender::TuxCache {
            good &= found
                .iter()
                .all(|bytes| bytes.is_some_and(|bytes| bytes <= BOUND));
        }
    }
    let (low, high) = churn(SIZES[0]);
    let flat = high - low <= 1.0;
    println!(
        "\nchurn, {STEPS} times as many inserts as entries: {low:.1} to {high:.1} bytes per entry, tables left out{}",
        if flat { "" } else { ", expected within 1" }
    );
    if good && flat {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The least and the most bytes per entry seen between the steps, the first left out: it fills pools.
fn churn(size: usize) -> (f64, f64) {
    let cache = heap::measured(|| <Tux<u64, u64> as Peer<u64, u64>>::new(size, None))
        .0
        .expect("a valid capacity");
    let (seen, _) = heap::sampled(|bytes| {
        let (mut next, mut seen) = (0, Vec::new());
        for _ in 0..=STEPS {
            (next..next + size as u64).for_each(|key| cache.set(key, key));
            next += size as u64;
            seen.push(bytes() as f64 / size as f64);
        }
        seen
    });
    let after = &seen[1..];
    (
        after.iter().copied().fold(f64::MAX, f64::min),
        after.iter().copied().fold(f64::MIN, f64::max),
    )
}
