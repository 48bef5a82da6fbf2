//! `cargo run --release -p tux-cache-bench --bin hit-ratio -- --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::hit_ratio::main(std::env::args_os())
}
