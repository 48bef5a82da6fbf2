//! Typed hits on the in-memory backend beside hits of the engine.

use std::{
    convert::Infallible,
    future::Future,
    hash::Hash,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tux_cache::{
    TtlCache,
    backend::{Backend, CacheValue, InMemoryBackend, Json, KeyRef, Peek},
    managers::{CommandRule, GuildConfig, Managers, PermissionAssignment, PermissionRank, Prefix},
};

use super::{
    keys,
    timing::{Group, Subject, Timing},
};

/// Operations of one timing: few enough that most timings pass without being preempted on a busy machine.
const OPERATIONS: usize = if cfg!(test) { 2_000 } else { 100_000 };
/// Long enough that nothing expires during a run.
const TTL: Duration = Duration::from_secs(3_600);

/// What every hit is held against: as many entries, one word of key, one word of value.
const ENGINE: &str = "engine, u64 to u64";

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// Goes through the items again and again, a part of them each time it is called.
struct Order<T> {
    items: Vec<T>,
    from: usize,
}

impl<T> Order<T> {
    /// Calls `body` with stretches of the order until `OPERATIONS` items have come, and times that: ns per item.
    fn timed(&mut self, mut body: impl FnMut(&[T])) -> f64 {
        let start = Instant::now();
        let mut left = OPERATIONS;
        while left > 0 {
            let to = (self.from + left).min(self.items.len());
            body(&self.items[self.from..to]);
            left -= to - self.from;
            self.from = if to == self.items.len() { 0 } else { to };
        }
        start.elapsed().as_nanos() as f64 / OPERATIONS as f64
    }
}

/// A timing of `$difference` (bits that should not be set) for each item; it may await what is ready at once.
macro_rules! timing {
    ($items:expr, $item:pat => $difference:expr) => {{
        let mut order = Order {
            items: $items,
            from: 0,
        };
        Box::new(move || {
            let mut wrong: u64 = 0;
            let ns = order.timed(|items| {
                now(async {
                    for $item in items {
                        wrong |= $difference;
                    }
                });
            });
            right(wrong, ns)
        }) as Timing
    }};
}

fn right(wrong: u64, ns: f64) -> Result<f64, String> {
    if wrong == 0 {
        Ok(ns)
    } else {
        Err("a look-up missed or returned another key's value".into())
    }
}

/// The bits in which an answer differs from the number it should carry.
#[inline(always)]
fn off(found: Option<u64>, number: u64) -> u64 {
    found.map_or(u64::MAX, |found| found ^ number)
}

/// A value of the user's own that fits in an entry.
#[derive(Clone)]
struct Number(i64);

impl CacheValue for Number {
    fn to_json(&self) -> Json {
        Json::from(self.0)
    }
    fn from_json(json: &Json) -> Option<Self> {
        json.as_i64().map(Self)
    }
}

/// A cache of the engine, filled.
fn engine<K, V>(size: usize, entries: impl Iterator<Item = (K, V)>) -> TtlCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let cache = TtlCache::new(TTL, size);
    entries.for_each(|(key, value)| cache.set(key, value));
    cache
}

/// Managers on memory of their own with room for `size` entries.
fn managers(size: usize) -> Managers {
    Managers::new(InMemoryBackend::new(TTL, Some(size)))
}

fn done<T>(result: Result<T, tux_cache::Error>) -> Result<T, String> {
    result.map_err(|error| format!("filling the cache: {error}"))
}

/// All subjects with `size` entries.
pub(super) fn group(size: usize) -> Result<Group, String> {
    let mut subjects = bases(size);
    subjects.extend(backend(size)?);
    subjects.extend(guild_config(size)?);
    subjects.extend(jail_status(size)?);
    subjects.extend(prefix(size)?);
    subjects.extend(commands(size)?);
    subjects.extend(ranks(size)?);
    subjects.extend(user_ranks(size)?);
    Ok(Group {
        name: format!("memory, {size} entries"),
        subjects,
    })
}

fn bases(size: usize) -> Vec<Subject> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let cache = engine(size, items.iter().copied());
    vec![Subject::base(
        ENGINE,
        timing!(items, (key, number) => off(cache.get(key), *number)),
    )]
}

fn backend(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let backend = Backend::from(InMemoryBackend::new(TTL, Some(size)));
    for &(guild, number) in &items {
        let key = KeyRef::Prefix { guild };
        done(now(backend.put(key, Number(number as i64), None)))?;
    }
    let peek = timing!(items, &(guild, number) => {
        match backend.peek::<Number>(KeyRef::Prefix { guild }) {
            Peek::Hit(Number(found)) => found as u64 ^ number,
            _ => u64::MAX,
        }
    });
    Ok(vec![Subject::base("typed peek", peek).goal(ENGINE, 2.0)])
}

fn guild_config(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let cache = engine(
        size,
        items.iter().map(|&(guild, n)| (guild, keys::config(n))),
    );
    let configs = managers(size).guild_config;
    for &(guild, number) in &items {
        done(now(configs.set(guild, keys::config(number).into())))?;
    }
    let difference = |found: Option<GuildConfig>, number| {
        found.map_or(u64::MAX, |config| {
            off(config.audit_log_id, number) | off(config.jail_channel_id, number + 3)
        })
    };
    let (fetched, fetching) = (configs.clone(), items.clone());
    Ok(vec![
        Subject::base(
            "engine, u64 to GuildConfig",
            timing!(items.clone(), &(guild, number) => difference(cache.get(&guild), number)),
        )
        .beside(ENGINE),
        Subject::base(
            "guild config",
            timing!(items, &(guild, number) => {
                difference(configs.get(guild).await.ok().flatten(), number)
            }),
        )
        .goal("engine, u64 to GuildConfig", 2.0)
        .goal(ENGINE, 2.0),
        Subject::base(
            "guild config, get_or_fetch",
            timing!(fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>(GuildConfig::default());
                difference(fetched.get_or_fetch(guild, none).await.ok(), number)
            }),
        )
        .goal("engine, u64 to GuildConfig", 2.5)
        .goal(ENGINE, 2.5),
    ])
}

fn jail_status(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<(u64, u64, bool)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number / 7), keys::user(number), number % 3 == 0))
        .collect();
    let cache = engine(size, items.iter().map(|&(g, u, jailed)| ((g, u), jailed)));
    let jails = managers(size).jail_status;
    for &(guild, user, jailed) in &items {
        done(now(jails.set(guild, user, jailed)))?;
    }
    let difference =
        |found: Option<bool>, jailed: bool| found.map_or(2, |found| u64::from(found != jailed));
    let (fetched, fetching) = (jails.clone(), items.clone());
    Ok(vec![
        Subject::base(
            "engine, (u64, u64) to bool",
            timing!(items.clone(), &(guild, user, jailed) => difference(cache.get(&(guild, user)), jailed)),
        )
        .beside(ENGINE),
        Subject::base(
            "jail status",
            timing!(items, &(guild, user, jailed) => {
                difference(jails.get(guild, user).await.ok().flatten(), jailed)
            }),
        )
        .goal("engine, (u64, u64) to bool", 2.0)
        .goal(ENGINE, 2.0),
        Subject::base(
            "jail status, get_or_fetch",
            timing!(fetching, &(guild, user, jailed) => {
                let wrong = async move || Ok::<_, Infallible>(!jailed);
                difference(fetched.get_or_fetch(guild, user, wrong).await.ok(), jailed)
            }),
        )
        .goal("engine, (u64, u64) to bool", 2.5)
        .goal(ENGINE, 2.5),
    ])
}

fn prefix(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let texts: Vec<Vec<u8>> = (0..208).map(|n| keys::prefix(n).into_bytes()).collect();
    let cache = engine(
        size,
        items
            .iter()
            .map(|&(guild, n)| (guild, Prefix::from(keys::prefix(n)))),
    );
    let prefixes = managers(size).prefix;
    for &(guild, number) in &items {
        done(now(prefixes.set(guild, keys::prefix(number))))?;
    }
    /// Compares two bytes without a call.
    #[inline(always)]
    fn difference(found: Option<&Prefix>, texts: &[Vec<u8>], number: u64) -> u64 {
        let right = &texts[(number % 208) as usize];
        match found.map(|found| found.as_str().as_bytes()) {
            Some([a, b]) => u64::from(*a ^ right[0]) | u64::from(*b ^ right[1]),
            _ => u64::MAX,
        }
    }
    let (fetched, fetching, more_texts, yet_more) = (
        prefixes.clone(),
        items.clone(),
        texts.clone(),
        texts.clone(),
    );
    Ok(vec![
        Subject::base(
            "engine, u64 to Prefix",
            timing!(items.clone(), &(guild, number) => {
                difference(cache.get(&guild).as_ref(), &texts, number)
            }),
        )
        .beside(ENGINE),
        Subject::base(
            "prefix",
            timing!(items, &(guild, number) => {
                difference(prefixes.get(guild).await.ok().flatten().as_ref(), &more_texts, number)
            }),
        )
        .goal("engine, u64 to Prefix", 2.0)
        .goal(ENGINE, 2.0),
        Subject::base(
            "prefix, get_or_fetch",
            timing!(fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>("none");
                difference(fetched.get_or_fetch(guild, none).await.ok().as_ref(), &yet_more, number)
            }),
        )
        .goal("engine, u64 to Prefix", 2.5)
        .goal(ENGINE, 2.5),
    ])
}

fn commands(size: usize) -> Result<Vec<Subject>, String> {
    let names: Vec<&'static str> = keys::commands()
        .into_iter()
        .map(|name| &*name.leak())
        .collect();
    let items: Vec<(u64, &'static str, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| {
            let command = names[number as usize % names.len()];
            (keys::guild(number / names.len() as u64), command, number)
        })
        .collect();
    let texts: Vec<(String, u64)> = items
        .iter()
        .map(|(guild, command, number)| (format!("{guild}:{command}"), *number))
        .collect();
    let rule = |&(guild, command, number): &(u64, &str, u64)| {
        CommandRule::from(keys::permission(number, guild, command))
    };
    let cache = engine(
        size,
        texts
            .iter()
            .zip(&items)
            .map(|((text, _), item)| (text.clone(), rule(item))),
    );
    let permissions = managers(size).permissions;
    let backend = permissions.backend();
    for item in &items {
        let (guild, command, _) = *item;
        let key = KeyRef::CommandPermission { guild, command };
        done(now(backend.put(key, rule(item), None)))?;
    }
    #[inline(always)]
    fn difference(found: Option<CommandRule>, number: u64) -> u64 {
        off(
            found
                .as_ref()
                .and_then(CommandRule::permission)
                .map(|permission| permission.id),
            number,
        )
    }
    let (fetched, fetching) = (permissions.clone(), items.clone());
    Ok(vec![
        Subject::base(
            "engine, text to CommandRule",
            timing!(texts, (text, number) => difference(cache.get(text.as_str()), *number)),
        )
        .beside(ENGINE),
        Subject::base(
            "command permission",
            timing!(items, &(guild, command, number) => {
                difference(permissions.get(guild, command).await.ok().flatten(), number)
            }),
        )
        .goal("engine, text to CommandRule", 2.0)
        .goal(ENGINE, 2.0),
        Subject::base(
            "command permission, get_or_fetch",
            timing!(fetching, &(guild, command, number) => {
                let none = async || Ok::<_, Infallible>(CommandRule::Unset);
                difference(fetched.get_or_fetch(guild, command, none).await.ok(), number)
            }),
        )
        .goal("engine, text to CommandRule", 2.5)
        .goal(ENGINE, 2.5),
    ])
}

fn ranks(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let rank = |number| {
        vec![PermissionRank {
            id: number,
            ..PermissionRank::default()
        }]
    };
    let assignment = |number| {
        vec![PermissionAssignment {
            id: number,
            ..PermissionAssignment::default()
        }]
    };
    let cache = engine(
        size,
        items
            .iter()
            .map(|&(guild, number)| (guild, tux_cache::managers::Rows::from(rank(number)))),
    );
    let (ranked, assigned) = (managers(size).permissions, managers(size).permissions);
    for &(guild, number) in &items {
        let rows = tux_cache::managers::Rows::from(rank(number));
        let key = KeyRef::PermissionRanks { guild };
        done(now(ranked.backend().put(key, rows, None)))?;
        let rows = tux_cache::managers::Rows::from(assignment(number));
        let key = KeyRef::PermissionAssignments { guild };
        done(now(assigned.backend().put(key, rows, None)))?;
    }
    let also = items.clone();
    Ok(vec![
        Subject::base(
            "engine, u64 to Rows",
            timing!(items.clone(), &(guild, number) => {
                off(cache.get(&guild).map(|rows| rows[0].id), number)
            }),
        )
        .beside(ENGINE),
        Subject::base(
            "ranks",
            timing!(items, &(guild, number) => {
                off(ranked.get_ranks(guild).await.ok().flatten().map(|rows| rows[0].id), number)
            }),
        )
        .goal("engine, u64 to Rows", 2.0)
        .goal(ENGINE, 2.0),
        Subject::base(
            "assignments",
            timing!(also, &(guild, number) => {
                off(assigned.get_assignments(guild).await.ok().flatten().map(|rows| rows[0].id), number)
            }),
        )
        .goal("engine, u64 to Rows", 2.0)
        .goal(ENGINE, 2.0),
    ])
}

fn user_ranks(size: usize) -> Result<Vec<Subject>, String> {
    type Item = (u64, u64, [u64; 3], u8);
    let items: Vec<Item> = keys::shuffled(size)
        .into_iter()
        .map(|number| {
            (
                keys::guild(number / 7),
                keys::user(number),
                keys::roles(number),
                (number % 11) as u8,
            )
        })
        .collect();
    let words: Vec<(Vec<u64>, u8)> = items
        .iter()
        .map(|(guild, user, roles, rank)| {
            let words = [*guild, *user].into_iter().chain(*roles).collect();
            (words, *rank)
        })
        .collect();
    let cache = engine(size, words.iter().cloned());
    let permissions = managers(size).permissions;
    for (guild, user, roles, rank) in &items {
        done(now(permissions.set_user_rank(*guild, *user, roles, *rank)))?;
    }
    let difference = |found: Option<u8>, rank: u8| off(found.map(u64::from), rank.into());
    Ok(vec![
        Subject::base(
            "engine, five words to u8",
            timing!(words, (words, rank) => difference(cache.get(words.as_slice()), *rank)),
        )
        .beside(ENGINE),
        Subject::base(
            "user rank",
            timing!(items, (guild, user, roles, rank) => {
                difference(permissions.get_user_rank(*guild, *user, roles).await.ok().flatten(), *rank)
            }),
        )
        .goal("engine, five words to u8", 2.0)
        .goal(ENGINE, 2.0),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managers::timing;

    #[test]
    fn every_subject_answers_rightly() {
        let group = group(500).unwrap();
        let subjects = group.subjects.len();
        let found = timing::rounds(group, 2).unwrap();
        assert_eq!(found.cells.len(), subjects);
        for cell in &found.cells {
            assert!(
                cell.name == ENGINE || !cell.ratios.is_empty(),
                "{}",
                cell.name
            );
        }
    }
}
