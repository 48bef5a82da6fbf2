//! `cargo xtask bench --gate`: the ratios that have a committed limit.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::ratios::main(std::env::args_os().chain(["--gate".into()]))
}
