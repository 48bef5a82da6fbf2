//! `cargo run --release -p tux-cache-bench --bin latency -- --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::under_load::main(std::env::args_os())
}
