//! The Valkey backend beside the raw client, on a private server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde::Serialize;
use tokio::runtime::Runtime;
use tux_cache::{
    Family, TypedCache,
    backend::{Backend, Json, KeyRef, ValkeyBackend, ValkeySettings},
    managers::{CommandRule, GuildId, GuildPermissions, PermissionCache},
};
use tux_cache_test_support::ValkeyServer;

use super::{
    keys,
    timing::{Group, Subject, Timing},
};

/// Keys that the gets choose among.
const KEYS: u64 = 1_000;
/// Round trips of one timing.
const TRIPS: u64 = if cfg!(test) { 50 } else { 2_000 };
/// Tasks of the concurrent gets, and round trips of each.
const TASKS: u64 = 64;
const TRIPS_EACH: u64 = if cfg!(test) { 5 } else { 100 };
/// Guilds whose permissions are read, and reads of one timing.
const GUILDS: u64 = 50;
const READS: u64 = if cfg!(test) { 10 } else { 300 };
/// Guilds loaded at the same time while pre-warming.
const CONCURRENCY: usize = 32;

/// A family of one's own: a number for each command of a guild.
struct Limits;

impl Family for Limits {
    type Key<'k> = (GuildId, &'k str);
    type Value = u64;
    const NAME: &'static str = "limits";
    const PREFIX: &'static str = "bench_limits";
}

/// A server, the backend on it, and the raw client beside it.
pub(super) struct Bench {
    runtime: Arc<Runtime>,
    server: ValkeyServer,
    valkey: ValkeyBackend,
    raw: MultiplexedConnection,
}

/// What pre-warming took.
#[derive(Debug, Serialize)]
pub(super) struct Warm {
    pub(super) guilds: u64,
    pub(super) commands: usize,
    pub(super) concurrency: usize,
    pub(super) stored: usize,
    pub(super) seconds: f64,
    /// Answers that were read back and compared.
    pub(super) checked: usize,
    pub(super) server_rss_mib: f64,
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("Valkey: {error}")
}

fn name(number: u64) -> String {
    format!("bench:{}", keys::guild(number))
}

impl Bench {
    pub(super) fn start() -> Result<Self, String> {
        // One thread for the client, so that one core is left to the server, and both sides wake alike.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let server = ValkeyServer::start().map_err(|error| error.to_string())?;
        let (valkey, raw) = runtime.block_on(async {
            let settings = ValkeySettings::from_url(&server.url()).map_err(failed)?;
            let valkey = ValkeyBackend::connect(settings).await.map_err(failed)?;
            let url = server.url().replacen("valkey:", "redis:", 1) + "?protocol=resp3";
            let client = redis::Client::open(url).map_err(failed)?;
            let raw = client
                .get_multiplexed_async_connection()
                .await
                .map_err(failed)?;
            Ok::<_, String>((valkey, raw))
        })?;
        let bench = Self {
            runtime: Arc::new(runtime),
            server,
            valkey,
            raw,
        };
        bench.runtime.block_on(async {
            let backend = bench.backend();
            for number in 0..KEYS {
                let value = Json::from(number);
                backend
                    .set(&name(number), value, None)
                    .await
                    .map_err(failed)?;
            }
            let permissions = PermissionCache::new(backend);
            let loaded = async |guild: u64| permissions_of(guild);
            let warmed = permissions
                .pre_warm_all_caches(0..GUILDS, loaded, CONCURRENCY)
                .await;
            match warmed.failed.first() {
                Some(failure) => Err(failed(&failure.error)),
                None if warmed.stored as u64 == GUILDS * keys::COMMANDS as u64 => Ok(()),
                None => Err(format!("not all entries were stored: {warmed:?}")),
            }
        })?;
        Ok(bench)
    }

    fn backend(&self) -> Backend {
        Backend::Valkey(self.valkey.clone())
    }

    /// One task, one get at a time.
    pub(super) fn one_get(&self) -> Result<Group, String> {
        let (runtime, backend) = (Arc::clone(&self.runtime), self.backend());
        let names: Vec<String> = (0..KEYS).map(name).collect();
        let mut from = 0;
        let ours: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for number in from..from + TRIPS {
                    let key = number % KEYS;
                    let found = backend.get(&names[key as usize]).await.map_err(failed)?;
                    if found.and_then(|json| json.as_u64()) != Some(key) {
                        return Err("another key's value".into());
                    }
                }
                from += TRIPS;
                Ok(start.elapsed().as_nanos() as f64 / TRIPS as f64)
            })
        });
        let (runtime, mut raw) = (Arc::clone(&self.runtime), self.raw.clone());
        let names: Vec<String> = (0..KEYS)
            .map(|number| format!("tux:{}", name(number)))
            .collect();
        let mut from = 0;
        let theirs: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for number in from..from + TRIPS {
                    let key = number % KEYS;
                    let found: Option<u64> = raw.get(&names[key as usize]).await.map_err(failed)?;
                    if found != Some(key) {
                        return Err("another key's value".into());
                    }
                }
                from += TRIPS;
                Ok(start.elapsed().as_nanos() as f64 / TRIPS as f64)
            })
        });
        Ok(Group {
            name: "Valkey, one get at a time".into(),
            operations: TRIPS,
            subjects: vec![
                Subject::base("raw GET", theirs),
                Subject::base("get", ours).goal("raw GET", 1.05),
            ],
        })
    }

    /// Many tasks, each one get at a time.
    pub(super) fn concurrent_gets(&self) -> Result<Group, String> {
        let (runtime, backend) = (Arc::clone(&self.runtime), self.backend());
        let ours: Timing = Box::new(move || {
            let backend = backend.clone();
            tasks(&runtime, move |task| {
                let backend = backend.clone();
                async move {
                    for turn in 0..TRIPS_EACH {
                        let key = (task * 31 + turn) % KEYS;
                        let found = backend.get(&name(key)).await.map_err(failed)?;
                        if found.and_then(|json| json.as_u64()) != Some(key) {
                            return Err("another key's value".into());
                        }
                    }
                    Ok(())
                }
            })
        });
        let (runtime, raw) = (Arc::clone(&self.runtime), self.raw.clone());
        let theirs: Timing = Box::new(move || {
            let raw = raw.clone();
            tasks(&runtime, move |task| {
                let mut raw = raw.clone();
                async move {
                    for turn in 0..TRIPS_EACH {
                        let key = (task * 31 + turn) % KEYS;
                        let key_text = format!("tux:{}", name(key));
                        let found: Option<u64> = raw.get(key_text).await.map_err(failed)?;
                        if found != Some(key) {
                            return Err("another key's value".into());
                        }
                    }
                    Ok(())
                }
            })
        });
        Ok(Group {
            name: format!("Valkey, {TASKS} tasks on one connection"),
            operations: TASKS * TRIPS_EACH,
            subjects: vec![
                Subject::base("raw GET", theirs),
                // Here the client's processor is the bottleneck, and JSON costs it more than a number does.
                Subject::base("get", ours).beside("raw GET"),
            ],
        })
    }

    /// The permissions of one guild.
    pub(super) fn sixty_permissions(&self) -> Result<Group, String> {
        let (runtime, permissions) = (
            Arc::clone(&self.runtime),
            PermissionCache::new(self.backend()),
        );
        let commands = keys::commands();
        let mut from = 0;
        let ours: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for read in from..from + READS {
                    let guild = read % GUILDS;
                    let found = permissions
                        .get_many(guild, &commands)
                        .await
                        .map_err(failed)?;
                    right(guild, &found)?;
                }
                from += READS;
                Ok(start.elapsed().as_nanos() as f64 / READS as f64)
            })
        });
        let (runtime, mut raw) = (Arc::clone(&self.runtime), self.raw.clone());
        let texts: Vec<Vec<String>> = (0..GUILDS)
            .map(|guild| {
                let commands = keys::commands();
                let key = |command: &String| KeyRef::CommandPermission { guild, command }.to_wire();
                commands.iter().map(key).collect()
            })
            .collect();
        let mut from = 0;
        let theirs: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for read in from..from + READS {
                    let keys = &texts[(read % GUILDS) as usize];
                    let found: Vec<Option<Vec<u8>>> = raw.mget(keys).await.map_err(failed)?;
                    let there = found.iter().flatten().count();
                    if there != keys.len() {
                        return Err(format!("{there} of {} keys are there", keys.len()));
                    }
                }
                from += READS;
                Ok(start.elapsed().as_nanos() as f64 / READS as f64)
            })
        });
        Ok(Group {
            name: format!("Valkey, {} permissions of a guild", keys::COMMANDS),
            operations: READS,
            subjects: vec![
                Subject::base("raw MGET", theirs),
                Subject::base("get_many", ours).goal("raw MGET", 1.3),
            ],
        })
    }

    /// Sixty values of a family of one's own, by `get_or_fetch_many`, all cached.
    pub(super) fn sixty_of_a_family(&self) -> Result<Group, String> {
        let commands = keys::commands();
        let family = TypedCache::<Limits>::new(self.backend());
        self.runtime.block_on(async {
            for guild in 0..GUILDS {
                let entries = commands
                    .iter()
                    .enumerate()
                    .map(|(at, command)| ((GuildId(guild), command.as_str()), number(guild, at)));
                family.set_many(entries).await.map_err(failed)?;
            }
            Ok::<_, String>(())
        })?;
        let runtime = Arc::clone(&self.runtime);
        let names = commands.clone();
        let mut from = 0;
        let ours: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for read in from..from + READS {
                    let guild = read % GUILDS;
                    let asked: Vec<(GuildId, &str)> = names
                        .iter()
                        .map(|name| (GuildId(guild), name.as_str()))
                        .collect();
                    let none = async |_| Ok::<_, std::io::Error>([]);
                    let found = family
                        .get_or_fetch_many(&asked, none)
                        .await
                        .map_err(failed)?;
                    let right = found
                        .iter()
                        .enumerate()
                        .all(|(at, found)| *found == Some(number(guild, at)));
                    if !right || found.len() != keys::COMMANDS {
                        return Err(format!("guild {guild}: a miss, or another command's value"));
                    }
                }
                from += READS;
                Ok(start.elapsed().as_nanos() as f64 / READS as f64)
            })
        });
        let (runtime, mut raw) = (Arc::clone(&self.runtime), self.raw.clone());
        let texts: Vec<Vec<String>> = (0..GUILDS)
            .map(|guild| {
                let key = |command: &String| format!("tux:{}:{guild}:{command}", Limits::PREFIX);
                commands.iter().map(key).collect()
            })
            .collect();
        let mut from = 0;
        let theirs: Timing = Box::new(move || {
            runtime.block_on(async {
                let start = Instant::now();
                for read in from..from + READS {
                    let guild = read % GUILDS;
                    let found: Vec<Option<u64>> =
                        raw.mget(&texts[guild as usize]).await.map_err(failed)?;
                    let right = found
                        .iter()
                        .enumerate()
                        .all(|(at, found)| *found == Some(number(guild, at)));
                    if !right || found.len() != keys::COMMANDS {
                        return Err(format!("guild {guild}: a miss, or another command's value"));
                    }
                }
                from += READS;
                Ok(start.elapsed().as_nanos() as f64 / READS as f64)
            })
        });
        Ok(Group {
            name: format!("Valkey, {} values of a family", keys::COMMANDS),
            operations: READS,
            subjects: vec![
                Subject::base("raw MGET", theirs),
                Subject::base("get_or_fetch_many", ours).goal("raw MGET", 1.3),
            ],
        })
    }

    /// Pre-warms `guilds` guilds with all their commands, and reads some of them back.
    pub(super) fn pre_warm(&self, guilds: u64) -> Result<Warm, String> {
        let commands = keys::commands();
        self.runtime.block_on(async {
            let permissions = PermissionCache::new(self.backend());
            permissions.clear_all().await.map_err(failed)?;
            let start = Instant::now();
            let loaded = async |guild: u64| permissions_of(guild);
            let warmed = permissions
                .pre_warm_all_caches(0..guilds, loaded, CONCURRENCY)
                .await;
            let seconds = start.elapsed().as_secs_f64();
            if let Some(failure) = warmed.failed.first() {
                return Err(failed(&failure.error));
            }
            if (warmed.guilds as u64, warmed.stored as u64)
                != (guilds, guilds * keys::COMMANDS as u64)
            {
                return Err(format!(
                    "{warmed:?} instead of all entries of {guilds} guilds"
                ));
            }
            let mut checked = 0;
            for guild in (0..guilds).step_by(10) {
                let found = permissions
                    .get_many(guild, &commands)
                    .await
                    .map_err(failed)?;
                right(guild, &found)?;
                checked += found.len();
            }
            Ok(Warm {
                guilds,
                commands: keys::COMMANDS,
                concurrency: CONCURRENCY,
                stored: warmed.stored,
                seconds,
                checked,
                server_rss_mib: self.server.rss_bytes().unwrap_or(0) as f64 / 1_048_576.0,
            })
        })
    }
}

fn number(guild: u64, command: usize) -> u64 {
    guild * keys::COMMANDS as u64 + command as u64
}

/// What the database has: loading it takes no time, so that the store is what is timed.
fn permissions_of(guild: u64) -> Result<GuildPermissions, std::io::Error> {
    let rows = keys::commands()
        .into_iter()
        .enumerate()
        .map(|(at, command)| keys::permission(number(guild, at), guild, &command));
    Ok(GuildPermissions::new().commands([] as [String; 0], rows))
}

fn right(guild: u64, found: &[Option<CommandRule>]) -> Result<(), String> {
    let right = found.iter().enumerate().all(|(at, rule)| {
        let permission = rule.as_ref().and_then(CommandRule::permission);
        permission.is_some_and(|permission| {
            permission.id == number(guild, at) && permission.guild_id == guild
        })
    });
    if right && found.len() == keys::COMMANDS {
        Ok(())
    } else {
        Err(format!(
            "guild {guild}: a miss, or another command's permission"
        ))
    }
}

/// Runs `body` in tasks at the same time: wall nanoseconds per round trip.
fn tasks<F>(runtime: &Runtime, body: impl Fn(u64) -> F) -> Result<f64, String>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(body(task))).collect();
        for task in tasks {
            let limit = Duration::from_secs(60);
            let done = tokio::time::timeout(limit, task).await;
            done.map_err(|_| "a task hangs".to_owned())?
                .map_err(|error| error.to_string())??;
        }
        Ok(start.elapsed().as_nanos() as f64 / (TASKS * TRIPS_EACH) as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managers::timing;

    #[test]
    fn everything_answers_rightly() {
        let bench = Bench::start().unwrap();
        for group in [
            bench.one_get(),
            bench.concurrent_gets(),
            bench.sixty_permissions(),
            bench.sixty_of_a_family(),
        ] {
            timing::rounds(group.unwrap(), 1).unwrap();
        }
        let warm = bench.pre_warm(20).unwrap();
        assert_eq!((warm.stored, warm.checked), (1_200, 120));
    }
}
