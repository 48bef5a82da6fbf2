//! `cargo run --release -p tux-cache-bench --bin cost -- --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::cost::main(std::env::args_os())
}
