//! `cargo replay`: see `--help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tux_cache_bench::heap::Counting = tux_cache_bench::heap::Counting;

fn main() -> ExitCode {
    tux_cache_bench::replay::main(std::env::args_os())
}
