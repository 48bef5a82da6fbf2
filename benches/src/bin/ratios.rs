//! `cargo run --release -p tux-cache-bench --bin ratios -- --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::ratios::main(std::env::args_os())
}
