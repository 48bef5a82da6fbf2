//! Guilds, users, commands and values as a bot has them.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use tux_cache::managers::{CommandPermission, GuildConfig};

/// Commands of one guild, some of them with subcommands.
pub(super) const COMMANDS: usize = 60;

/// Snowflakes: a time in milliseconds above 22 bits of worker and counter.
const fn snowflake(number: u64) -> u64 {
    let time = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 25) % (300_000_000_000);
    (time << 22) | (number & 0x3f_ffff)
}

pub(super) const fn guild(number: u64) -> u64 {
    snowflake(number * 2 + 1)
}

pub(super) const fn user(number: u64) -> u64 {
    snowflake(number * 2 + 2)
}

/// Three ascending roles of a user.
pub(super) const fn roles(number: u64) -> [u64; 3] {
    let low = snowflake(number % 97 + 3);
    [low, low + 5, low + 1_000_000]
}

/// The names of all commands.
pub(super) fn commands() -> Vec<String> {
    const GROUPS: [&str; 10] = [
        "ban", "config", "jail", "levels", "notes", "purge", "ranks", "snippet", "tempban", "warn",
    ];
    const PARTS: [&str; 6] = ["", " add", " list", " remove", " show all", " reset"];
    let names = GROUPS
        .iter()
        .flat_map(|group| PARTS.iter().map(move |part| format!("{group}{part}")));
    let names: Vec<String> = names.collect();
    debug_assert_eq!(names.len(), COMMANDS);
    names
}

/// A guild's configuration that names its number.
pub(super) fn config(number: u64) -> GuildConfig {
    GuildConfig {
        audit_log_id: Some(number),
        mod_log_id: Some(number + 1),
        jail_role_id: None,
        jail_channel_id: Some(number + 3),
        ..GuildConfig::default()
    }
}

/// A command's permission that names its number.
pub(super) fn permission(number: u64, guild: u64, command: &str) -> CommandPermission {
    CommandPermission {
        id: number,
        guild_id: guild,
        command_name: command.to_owned(),
        required_rank: (number % 11) as u8,
        ..CommandPermission::default()
    }
}

/// A prefix that names its number: two or three bytes.
pub(super) fn prefix(number: u64) -> String {
    let sign = ['!', '?', '$', '.', '-', '+', '%', '>'][(number % 8) as usize];
    format!("{sign}{}", (b'a' + (number / 8 % 26) as u8) as char)
}

/// Numbers up to `size` in a random order.
pub(super) fn shuffled(size: usize) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..size as u64).collect();
    numbers.shuffle(&mut StdRng::seed_from_u64(size as u64));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_tell_apart() {
        let ids: HashSet<u64> = (0..100_000)
            .flat_map(|number| [guild(number), user(number)])
            .collect();
        assert_eq!(ids.len(), 200_000);
        assert!((0..1_000).all(|number| roles(number).is_sorted()));
        assert_eq!(commands().iter().collect::<HashSet<_>>().len(), COMMANDS);
    }
}
