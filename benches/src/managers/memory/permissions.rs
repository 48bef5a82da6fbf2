//! Commands, ranks, assignments and the ranks of users.

use std::convert::Infallible;

use tux_cache::{
    backend::KeyRef,
    managers::{CommandRule, PermissionAssignment, PermissionRank},
};

use super::{ENGINE, done, engine, managers, now, off, order::timing};
use crate::managers::{keys, timing::Subject};

pub(super) fn commands(size: usize) -> Result<Vec<Subject>, String> {
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
        .beside(ENGINE),
        Subject::base(
            "command permission, get_or_fetch",
            timing!(fetching, &(guild, command, number) => {
                let none = async || Ok::<_, Infallible>(CommandRule::Unset);
                difference(fetched.get_or_fetch(guild, command, none).await.ok(), number)
            }),
        )
        .goal("engine, text to CommandRule", 2.5)
        .beside(ENGINE),
    ])
}

pub(super) fn ranks(size: usize) -> Result<Vec<Subject>, String> {
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
        items.iter().map(|&(guild, number)| {
            (
                guild,
                tux_cache::managers::PermissionRows::from(rank(number)),
            )
        }),
    );
    let (ranked, assigned) = (managers(size).permissions, managers(size).permissions);
    for &(guild, number) in &items {
        let rows = tux_cache::managers::PermissionRows::from(rank(number));
        let key = KeyRef::PermissionRanks { guild };
        done(now(ranked.backend().put(key, rows, None)))?;
        let rows = tux_cache::managers::PermissionRows::from(assignment(number));
        let key = KeyRef::PermissionAssignments { guild };
        done(now(assigned.backend().put(key, rows, None)))?;
    }
    let (fetched, fetching) = (ranked.clone(), items.clone());
    let (assign_fetched, assign_fetching) = (assigned.clone(), items.clone());
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
        .beside(ENGINE),
        Subject::base(
            "ranks, get_or_fetch",
            timing!(fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>(Vec::new());
                off(fetched.get_or_fetch_ranks(guild, none).await.ok().map(|rows| rows[0].id), number)
            }),
        )
        .goal("engine, u64 to Rows", 2.5)
        .beside(ENGINE),
        Subject::base(
            "assignments",
            timing!(also, &(guild, number) => {
                off(assigned.get_assignments(guild).await.ok().flatten().map(|rows| rows[0].id), number)
            }),
        )
        .goal("engine, u64 to Rows", 2.0)
        .beside(ENGINE),
        Subject::base(
            "assignments, get_or_fetch",
            timing!(assign_fetching, &(guild, number) => {
                let none = async || Ok::<_, Infallible>(Vec::new());
                let rows = assign_fetched.get_or_fetch_assignments(guild, none).await;
                off(rows.ok().map(|rows| rows[0].id), number)
            }),
        )
        .goal("engine, u64 to Rows", 2.5)
        .beside(ENGINE),
    ])
}

pub(super) fn user_ranks(size: usize) -> Result<Vec<Subject>, String> {
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
    let (fetched, fetching) = (permissions.clone(), items.clone());
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
        .beside(ENGINE),
        Subject::base(
            "user rank, get_or_fetch",
            timing!(fetching, (guild, user, roles, rank) => {
                let wrong = async || Ok::<_, Infallible>(10_u8);
                let found = fetched.get_or_fetch_user_rank(*guild, *user, roles, wrong).await;
                difference(found.ok(), *rank)
            }),
        )
        .goal("engine, five words to u8", 2.5)
        .beside(ENGINE),
    ])
}
