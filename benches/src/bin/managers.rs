//! `cargo run --release -p tux-cache-bench --bin managers -- --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::managers::main(std::env::args_os())
}
