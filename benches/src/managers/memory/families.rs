//! Families of an application's own beside the managers and the engine.

use std::convert::Infallible;
use std::time::Duration;

use tux_cache::managers::{GuildId, UserId};
use tux_cache::{Family, TypedCache};

use super::{ENGINE, TTL, done, engine, memory, now, off, order::timing};
use crate::managers::{keys, timing::Subject};

/// As jail status, but an application's own.
struct Jailed;

impl Family for Jailed {
    type Key<'k> = (GuildId, UserId);
    type Value = bool;
    const NAME: &'static str = "jailed";
    const PREFIX: &'static str = "bench_jailed";
    const TTL: Option<Duration> = Some(TTL);
}

/// The same types as a manager's, held against that manager.
pub(super) fn like_jail_status(size: usize) -> Result<Vec<Subject>, String> {
    let items: Vec<((GuildId, UserId), bool)> = keys::shuffled(size)
        .into_iter()
        .map(|number| {
            let (guild, user) = (keys::guild(number / 7), keys::user(number));
            ((GuildId(guild), UserId(user)), number % 3 == 0)
        })
        .collect();
    let family = TypedCache::<Jailed>::new(memory(size));
    for &(key, jailed) in &items {
        done(now(family.set(key, jailed)))?;
    }
    let difference =
        |found: Option<bool>, jailed: bool| found.map_or(2, |found| u64::from(found != jailed));
    let (fetched, fetching) = (family.clone(), items.clone());
    Ok(vec![
        Subject::base(
            "family of one's own",
            timing!(items, &(key, jailed) => {
                difference(family.get(key).await.ok().flatten(), jailed)
            }),
        )
        .goal("jail status", 1.1)
        .goal("engine, (u64, u64) to bool", 2.0)
        .beside(ENGINE),
        Subject::base(
            "family of one's own, get_or_fetch",
            timing!(fetching, &(key, jailed) => {
                let wrong = async move || Ok::<_, Infallible>(!jailed);
                difference(fetched.get_or_fetch(key, wrong).await.ok(), jailed)
            }),
        )
        .goal("jail status, get_or_fetch", 1.1)
        .goal("engine, (u64, u64) to bool", 2.5)
        .beside(ENGINE),
    ])
}
/// Loads of the engine on a hit: of futures beside `get`.
pub(super) fn engine_loads(size: usize) -> Vec<Subject> {
    let items: Vec<(u64, u64)> = keys::shuffled(size)
        .into_iter()
        .map(|number| (keys::guild(number), number))
        .collect();
    let cache = engine(size, items.iter().copied());
    let by_ref = engine(size, items.iter().copied());
    let also = items.clone();
    vec![
        Subject::base(
            "engine, get_or_fetch_async",
            timing!(items, &(key, number) => {
                off(Some(cache.get_or_fetch_async(key, async || u64::MAX).await), number)
            }),
        )
        .goal(ENGINE, 1.15),
        Subject::base(
            "engine, get_or_fetch_by_ref_async",
            timing!(also, (key, number) => {
                off(Some(by_ref.get_or_fetch_by_ref_async(key, async || u64::MAX).await), *number)
            }),
        )
        .goal(ENGINE, 1.15),
    ]
}
