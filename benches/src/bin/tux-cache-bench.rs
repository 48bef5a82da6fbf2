//! `cargo run --release -p tux-cache-bench -- --help`.

use std::process::ExitCode;

/// Counts nothing until it is told to.
#[global_allocator]
static ALLOCATOR: tux_cache_bench::heap::Counting = tux_cache_bench::heap::Counting;

fn main() -> ExitCode {
    tux_cache_bench::main(std::env::args_os())
}
