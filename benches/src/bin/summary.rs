//! Writes the page over the newest records of this machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    tux_cache_bench::summary::main()
}
