//! Pre-warming at the bot's start: bounded concurrency, progress, and one guild that fails alone.
//!
//! `cargo run --release --features valkey --example pre_warm -- 5000 60` warms 5,000 guilds of 60 commands each, on the server that
//! VALKEY_URL names if there is one.

use std::time::Instant;

use tux_cache::CacheSetup;
use tux_cache::managers::{CommandPermission, GuildPermissions};

async fn from_database(guild_id: u64, commands: u64) -> Result<GuildPermissions, std::io::Error> {
    if guild_id == 13 {
        return Err(std::io::Error::other("guild 13 has no rows"));
    }
    let rows = (0..commands).map(|command| CommandPermission {
        guild_id,
        command_name: format!("command{command}"),
        required_rank: 3,
        ..CommandPermission::default()
    });
    Ok(GuildPermissions::new().commands([] as [String; 0], rows))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| match arguments.next() {
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| format!("{text:?} is no number")),
        None => Ok(default),
    };
    let (guilds, commands) = (number(100)?, number(60)?);
    let setup = CacheSetup::from_env().await;
    let begun = Instant::now();
    let report = setup
        .managers()
        .permissions
        .pre_warm_all_caches(1..=guilds, move |guild| from_database(guild, commands), 16)
        .on_progress(|at| {
            if at.done % 500 == 0 {
                println!("{} of {}, {} failed", at.done, at.total, at.failed);
            }
        })
        .await;
    println!(
        "{}: {} guilds, {} entries in {:.2?}",
        setup.backend().name(),
        report.guilds,
        report.stored,
        begun.elapsed()
    );
    for failure in &report.failed {
        println!("guild {}: {}", failure.guild, failure.error);
    }
    setup.close().await;
    Ok(())
}
