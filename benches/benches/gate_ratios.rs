//! `cargo xtask bench --gate`: the ratios that have a committed limit.

use std::process::ExitCode;

fn main() -> ExitCode {
    // What cargo adds, `--bench`, the program knows.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    arguments.insert(1, "ratios".into());
    arguments.push("--gate".into());
    tux_cache_bench::main(arguments)
}
