//! `cargo run --release -p tux-cache-bench --bin memory -- --help`.

use std::process::ExitCode;

use tux_cache_bench::heap::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    tux_cache_bench::memory::main(std::env::args_os())
}
