//! The keys of commands, and the line of names from a command up to its root.

use crate::backend::{Key, KeyRef, Roles};
use crate::managers::{GuildId, UserId};

pub(super) fn rule(guild: u64, command: &str) -> KeyRef<'_> {
    KeyRef::CommandPermission { guild, command }
}

pub(super) fn fallback(guild: u64, command: &str) -> KeyRef<'_> {
    KeyRef::CommandPermissionFallback { guild, command }
}

#[inline(always)]
pub(super) fn user_rank<'k>(guild: GuildId, user: UserId, roles: Roles<'k>) -> KeyRef<'k> {
    let (GuildId(guild), UserId(user)) = (guild, user);
    KeyRef::UserPermissionRank { guild, user, roles }
}

pub(super) fn command_of(key: &Key) -> &str {
    match key.as_key_ref() {
        KeyRef::CommandPermission { command, .. }
        | KeyRef::CommandPermissionFallback { command, .. } => command,
        _ => "",
    }
}

/// The command and those above it, nearest first: `"a b c"`, `"a b"`, `"a"`.
pub(crate) fn lineage(command: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(command), |command| {
        command.rsplit_once(' ').map(|(parent, _)| parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_the_command_to_its_root() {
        assert_eq!(lineage("a b c").collect::<Vec<_>>(), ["a b c", "a b", "a"]);
        assert_eq!(lineage("a").collect::<Vec<_>>(), ["a"]);
        assert_eq!(lineage("").collect::<Vec<_>>(), [""]);
    }
}
