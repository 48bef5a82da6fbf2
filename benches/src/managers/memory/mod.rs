//! Typed hits on the in-memory backend beside hits of the engine.

mod families;
mod guilds;
mod order;
mod permissions;

use std::{
    future::Future,
    hash::Hash,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tux_cache::{
    TtlCache,
    backend::{Backend, CacheValue, InMemoryBackend, Json, KeyRef, Peek},
    managers::Managers,
};

use super::{
    keys,
    timing::{Group, Subject},
};
use order::timing;

/// Operations of one timing: few enough that most timings pass without being preempted on a busy machine.
pub(super) const OPERATIONS: usize = if cfg!(test) { 2_000 } else { 100_000 };
/// Long enough that nothing expires during a run.
const TTL: Duration = Duration::from_secs(3_600);

/// As many entries, one word of key, one word of value. A typed hit is held against an engine hit of the same types; this
/// one is shown beside it.
const ENGINE: &str = "engine, u64 to u64";

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory never waits"),
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
    Managers::new(memory(size))
}

fn memory(size: usize) -> InMemoryBackend {
    InMemoryBackend::new(TTL, Some(size))
}

fn done<T>(result: Result<T, tux_cache::Error>) -> Result<T, String> {
    result.map_err(|error| format!("filling the cache: {error}"))
}

/// All subjects with `size` entries.
pub(super) fn group(size: usize) -> Result<Group, String> {
    let mut subjects = bases(size);
    subjects.extend(backend(size)?);
    subjects.extend(guilds::guild_config(size)?);
    subjects.extend(guilds::jail_status(size)?);
    subjects.extend(families::engine_loads(size));
    subjects.extend(families::like_jail_status(size)?);
    subjects.extend(guilds::prefix(size)?);
    subjects.extend(permissions::commands(size)?);
    subjects.extend(permissions::ranks(size)?);
    subjects.extend(permissions::user_ranks(size)?);
    Ok(Group {
        name: format!("memory, {size} entries"),
        operations: OPERATIONS as u64,
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
