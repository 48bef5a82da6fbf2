//! `replay-input TARGET FILE…`: runs inputs on stable, one after the other, to look at what a fuzzer found.

use std::process::ExitCode;

use tux_cache_fuzz_runner::TARGETS;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("no target `{name}`; there are {}", known.join(", "));
        return ExitCode::FAILURE;
    };
    for file in words {
        match std::fs::read(&file) {
            Ok(data) => target(&data),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
        println!("{file}: no divergence");
    }
    ExitCode::SUCCESS
}
