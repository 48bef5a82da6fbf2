//! The chores of `tux-cache`.

mod valkey;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of tux-cache", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find a Valkey server, or unpack one under target/ without changing the system
    Valkey(valkey::Args),
}

fn main() -> std::process::ExitCode {
    let done = match Cli::parse().task {
        Task::Valkey(args) => valkey::run(&args),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
