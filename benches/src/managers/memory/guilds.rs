//! Guild configurations, prefixes and jail status.

use std::convert::Infallible;

use tux_cache::managers::{GuildConfig, Prefix};

use super::{ENGINE, done, engine, managers, now, off, order::timing};
use crate::managers::{keys, timing::Subject};

pub(super) fn guild_config(size: usize) -> Result<Vec<Subject>, String> {
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
        .beside(ENGINE),
        Subject::base(
            "guild config, get_or_fetch",
            timing!(fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>(GuildConfig::default());
                difference(fetched.get_or_fetch(guild, none).await.ok(), number)
            }),
        )
        .goal("engine, u64 to GuildConfig", 2.5)
        .beside(ENGINE),
    ])
}

pub(super) fn jail_status(size: usize) -> Result<Vec<Subject>, String> {
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
        .beside(ENGINE),
        Subject::base(
            "jail status, get_or_fetch",
            timing!(fetching, &(guild, user, jailed) => {
                let wrong = async move || Ok::<_, Infallible>(!jailed);
                difference(fetched.get_or_fetch(guild, user, wrong).await.ok(), jailed)
            }),
        )
        .goal("engine, (u64, u64) to bool", 2.5)
        .beside(ENGINE),
    ])
}

pub(super) fn prefix(size: usize) -> Result<Vec<Subject>, String> {
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
                let found = prefixes.get(guild).await;
                difference(found.as_ref().ok().and_then(Option::as_ref), &more_texts, number)
            }),
        )
        .goal("engine, u64 to Prefix", 2.0)
        .beside(ENGINE),
        Subject::base(
            "prefix, get_or_fetch",
            timing!(fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>("none");
                let found = fetched.get_or_fetch(guild, none).await;
                difference(found.as_ref().ok(), &yet_more, number)
            }),
        )
        .goal("engine, u64 to Prefix", 2.5)
        .beside(ENGINE),
    ])
}
