//! The kinds of values of the permission cache.

use std::time::Duration;

use super::keys::rule;
use super::limits::{self, Checked};
use super::row::Row;
use super::rows::{CommandRule, PermissionAssignment, PermissionRank, PermissionRows, UserRank};
use crate::backend::{KeyFamily, KeyRef, Roles, Ttl};
use crate::typed::family::Family;
use crate::typed::options::built_in;
use crate::typed::settings::Settings;

/// Everything of this cache, family by family.
pub(crate) const KEYS: [KeyFamily; 5] = [
    KeyFamily::PermissionRanks,
    KeyFamily::PermissionAssignments,
    KeyFamily::UserPermissionRank,
    KeyFamily::CommandPermission,
    KeyFamily::CommandPermissionFallback,
];

/// Rules of commands by guild and name. Fallbacks are of this kind too, under keys of their own.
pub(crate) struct CommandRules;

impl Family for CommandRules {
    type Key<'k> = (u64, &'k str);
    type Value = CommandRule;

    const NAME: &'static str = "command permissions";
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const KEYS: KeyFamily = KeyFamily::CommandPermission;

    #[inline(always)]
    fn key((guild, command): Self::Key<'_>) -> KeyRef<'_> {
        rule(guild, command)
    }

    fn check(value: &CommandRule) -> Checked {
        value.permission().map_or(Ok(()), limits::command)
    }
}

/// The ranks of guilds.
pub(crate) struct PermissionRanks;

impl Family for PermissionRanks {
    type Key<'k> = u64;
    type Value = PermissionRows<PermissionRank>;

    const NAME: &'static str = "permission ranks";
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const KEYS: KeyFamily = KeyFamily::PermissionRanks;

    #[inline(always)]
    fn key(guild: Self::Key<'_>) -> KeyRef<'_> {
        KeyRef::PermissionRanks { guild }
    }

    fn check(value: &Self::Value) -> Checked {
        value.iter().try_for_each(Row::check)
    }
}

/// The roles of guilds that give a rank.
pub(crate) struct PermissionAssignments;

impl Family for PermissionAssignments {
    type Key<'k> = u64;
    type Value = PermissionRows<PermissionAssignment>;

    const NAME: &'static str = "permission assignments";
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const KEYS: KeyFamily = KeyFamily::PermissionAssignments;

    #[inline(always)]
    fn key(guild: Self::Key<'_>) -> KeyRef<'_> {
        KeyRef::PermissionAssignments { guild }
    }

    fn check(value: &Self::Value) -> Checked {
        value.iter().try_for_each(Row::check)
    }
}

/// Ranks of users by guild, user and the user's roles.
pub(crate) struct UserRanks;

impl Family for UserRanks {
    type Key<'k> = (u64, u64, Roles<'k>);
    type Value = UserRank;

    const NAME: &'static str = "ranks of users";
    const TTL: Option<Duration> = built_in::USER_RANKS.ttl;
    const OWN_SIZE: usize = built_in::USER_RANKS.own_size;
    const KEYS: KeyFamily = KeyFamily::UserPermissionRank;

    #[inline(always)]
    fn key((guild, user, roles): Self::Key<'_>) -> KeyRef<'_> {
        KeyRef::UserPermissionRank { guild, user, roles }
    }

    fn ttl_asked(settings: &Settings) -> Option<Ttl> {
        settings.user_rank_ttl
    }
}
