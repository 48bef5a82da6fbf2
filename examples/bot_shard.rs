//! A bot shard without Discord: a day of messages from the workload generator, served through the managers.
//!
//! ```sh
//! cargo run --release --features valkey --example bot_shard                         # in memory
//! VALKEY_URL=valkey://127.0.0.1:6379/0 cargo run --release --features valkey --example bot_shard -- 20000
//! ```
//! The number is how many messages are served (default: 300,000 in memory, 20,000 on Valkey).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tux_cache::CacheSetup;
use tux_cache::managers::{
    CommandPermission, GuildConfig, GuildConfigUpdate, GuildPermissions, ManagerStats, Managers,
};
use tux_cache_workload::{Event, Key, Message, Plan, Population, PopulationConfig, Stream};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the bot's database would answer. Every answer is a function of the key, so that the bot can check it.
mod database {
    use super::*;

    pub(crate) async fn config(guild: u64) -> Result<GuildConfig, Infallible> {
        Ok(GuildConfig {
            audit_log_id: Some(guild + 1),
            ..GuildConfig::default()
        })
    }

    pub(crate) async fn prefix(guild: u64) -> Result<String, Infallible> {
        Ok(if guild.is_multiple_of(7) { "?" } else { "!" }.to_owned())
    }

    pub(crate) async fn is_jailed(guild: u64, user: u64) -> Result<bool, Infallible> {
        Ok(Key::Jail(guild, user).answer().is_multiple_of(100))
    }

    pub(crate) fn required_rank(guild: u64, command: u16) -> u8 {
        (Key::Permission(guild, command).answer() % 11) as u8
    }

    pub(crate) fn permission(guild_id: u64, command: u16) -> CommandPermission {
        CommandPermission {
            guild_id,
            command_name: command_name(command),
            required_rank: required_rank(guild_id, command),
            ..CommandPermission::default()
        }
    }

    pub(crate) async fn permissions(
        guild: u64,
        commands: u16,
    ) -> Result<GuildPermissions, Infallible> {
        let rows = (0..commands).map(|command| permission(guild, command));
        Ok(GuildPermissions::new().commands([] as [String; 0], rows))
    }
}

fn command_name(number: u16) -> String {
    format!("command{number}")
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let asked = std::env::args().nth(1).map(|text| {
        text.parse::<u64>()
            .map_err(|_| format!("{text:?} is no number of messages; expected for example 300000"))
    });
    let asked = asked.transpose()?;

    // One call at the start: Valkey if VALKEY_URL names a server that answers, else memory.
    let setup = CacheSetup::from_env().await;
    let managers = setup.managers().clone();
    let on_server = setup.is_connected();
    println!("backend: {}", setup.backend().name());

    let shape = PopulationConfig {
        guilds: 500,
        ..PopulationConfig::default()
    };
    let commands = shape.commands;
    let population = Arc::new(Population::new(shape, 1));
    pre_warm(&managers, &population, commands).await;

    let plan = Plan {
        seed: 1,
        messages: asked.unwrap_or(if on_server { 20_000 } else { 300_000 }),
        part: 0,
        parts: 1,
    };
    let names: Vec<String> = (0..commands).map(command_name).collect();
    let mut hits = Vec::with_capacity(plan.messages as usize);
    let mut answered = 0_u64;
    let begun = Instant::now();
    for event in Stream::new(Arc::clone(&population), plan) {
        match event {
            Event::Message(message) => {
                let before = Instant::now();
                answered += u64::from(serve(&managers, &names, &message).await?);
                hits.push(before.elapsed());
            }
            Event::Change(key) => change(&managers, &names, key).await?,
        }
    }
    let took = begun.elapsed();

    print_hit_path(&managers, population.guilds()[0].id, on_server).await?;
    // The bot leaves a guild.
    let removed = setup.invalidate_guild(population.guilds()[0].id).await?;
    println!("left the busiest guild: {removed} entries removed");
    println!(
        "{} messages in {took:.2?} ({:.0} per second), {answered} of them may run their command",
        hits.len(),
        hits.len() as f64 / took.as_secs_f64(),
    );
    print_latency(&mut hits);
    for (name, stats) in [
        ("guild config", managers.guild_config.stats()),
        ("jail status", managers.jail_status.stats()),
        ("prefix", managers.prefix.stats()),
        ("permissions", managers.permissions.stats()),
    ] {
        print_stats(name, &stats);
    }
    setup.close().await;
    Ok(())
}

/// Fills the permission cache before the first message, 16 guilds at a time.
async fn pre_warm(managers: &Managers, population: &Population, commands: u16) {
    // The busiest guilds come first: as many as fit beside what else the cache has to hold.
    let guilds = population.guilds().iter().take(100).map(|guild| guild.id);
    let begun = Instant::now();
    let report = managers
        .permissions
        .pre_warm_all_caches(
            guilds,
            move |guild| database::permissions(guild, commands),
            16,
        )
        .on_progress(|at| {
            if at.done % 50 == 0 {
                println!("pre-warming: {} of {} guilds", at.done, at.total);
            }
        })
        .await;
    println!(
        "pre-warmed {} guilds ({} entries, {} failed) in {:.2?}",
        report.guilds,
        report.stored,
        report.failed.len(),
        begun.elapsed()
    );
}

/// Four look-ups, as for every message a bot sees. Says whether the author may run the command.
async fn serve(managers: &Managers, names: &[String], message: &Message) -> Result<bool, Error> {
    let [_, _, Key::Permission(guild, command), Key::Jail(_, user)] = message.lookups else {
        return Err("a message asks for prefix, configuration, permission and jail status".into());
    };
    let prefix = managers
        .prefix
        .get_or_fetch(guild, move || database::prefix(guild))
        .await?;
    let config = managers
        .guild_config
        .get_or_fetch(guild, move || database::config(guild))
        .await?;
    let jailed = managers
        .jail_status
        .get_or_fetch(guild, user, move || database::is_jailed(guild, user))
        .await?;
    let load = async move || Ok::<_, Infallible>(Some(database::permission(guild, command)));
    let rule = managers
        .permissions
        .get_or_fetch(guild, &names[usize::from(command)], load)
        .await?;
    // A cache that gave another key's answer would show here.
    assert_eq!(&*prefix, if guild.is_multiple_of(7) { "?" } else { "!" });
    assert_eq!(config.audit_log_id, Some(guild + 1));
    assert_eq!(
        rule.required_rank(),
        Some(database::required_rank(guild, command))
    );
    Ok(!jailed && rule.required_rank().is_none_or(|required| required <= 3))
}

/// Something changed in the database: write it there first, then tell the cache.
async fn change(managers: &Managers, names: &[String], key: Key) -> Result<(), Error> {
    match key {
        Key::Prefix(guild) => drop(managers.prefix.invalidate(guild).await?),
        Key::Config(guild) => {
            let update = GuildConfigUpdate::new().jail_role_id(Some(guild + 2));
            managers.guild_config.set(guild, update).await?;
        }
        Key::Permission(guild, command) => {
            let permission = database::permission(guild, command);
            managers
                .permissions
                .set(guild, &names[usize::from(command)], permission)
                .await?;
        }
        Key::Jail(guild, user) => {
            let jailed = database::is_jailed(guild, user).await?;
            managers.jail_status.set(guild, user, jailed).await?;
        }
    }
    Ok(())
}

/// The look-ups alone, of a guild whose entries are there.
async fn print_hit_path(managers: &Managers, guild: u64, on_server: bool) -> Result<(), Error> {
    let rounds = if on_server { 1_000 } else { 1_000_000_u32 };
    managers.jail_status.set(guild, 1_u64, false).await?;
    managers.prefix.set(guild, "!").await?;
    let begun = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(managers.jail_status.get(guild, 1_u64).await?);
    }
    let jail = begun.elapsed() / rounds;
    let begun = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(managers.prefix.get(guild).await?);
    }
    println!(
        "one hit: jail status {jail:?}, prefix {:?}",
        begun.elapsed() / rounds
    );
    Ok(())
}

fn print_latency(messages: &mut [Duration]) {
    messages.sort_unstable();
    let at = |part: f64| {
        let index = (messages.len().saturating_sub(1) as f64 * part) as usize;
        messages.get(index).copied().unwrap_or_default()
    };
    println!(
        "one message (four look-ups): median {:?}, 99 % {:?}, 99.9 % {:?}",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

fn print_stats(name: &str, stats: &ManagerStats) {
    println!(
        "{name:>12}: {:5.1} % of {} look-ups hit; {} loads, {} stored, {} overtaken, {} undecodable",
        stats.hit_ratio() * 100.0,
        stats.hits + stats.misses,
        stats.loads,
        stats.published,
        stats.overtaken,
        stats.undecodable
    );
}
