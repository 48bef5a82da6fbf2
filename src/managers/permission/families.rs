//! The kinds of values of the permission cache.

use std::time::Duration;

use super::keys::{rule, user_rank};
use super::limits::{self, Checked};
use super::row::Row;
use super::rows::{CommandRule, PermissionAssignment, PermissionRank, PermissionRows, UserRank};
use crate::backend::{KeyFamily, KeyRef, Roles, Ttl};
use crate::managers::{GuildId, UserId};
use crate::typed::family::{BuiltInFamily, Declared, Family};
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
    type Key<'k> = (GuildId, &'k str);
    type Value = CommandRule;

    const NAME: &'static str = "command permissions";
    const IS_SECURITY: bool = true;
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const PREFIX: &'static str = "perm:command_permission";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::CommandPermission));

    #[inline(always)]
    fn key_ref((GuildId(guild), command): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        rule(guild, command)
    }

    fn is_absent(value: &CommandRule) -> bool {
        matches!(value, CommandRule::Unset)
    }

    fn check(value: &CommandRule) -> Checked {
        value.permission().map_or(Ok(()), limits::command)
    }
}

/// The ranks of guilds.
pub(crate) struct PermissionRanks;

impl Family for PermissionRanks {
    type Key<'k> = GuildId;
    type Value = PermissionRows<PermissionRank>;

    const NAME: &'static str = "permission ranks";
    const IS_SECURITY: bool = true;
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const PREFIX: &'static str = "perm:permission_ranks";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::PermissionRanks));

    #[inline(always)]
    fn key_ref(GuildId(guild): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        KeyRef::PermissionRanks { guild }
    }

    fn check(value: &Self::Value) -> Checked {
        value.iter().try_for_each(Row::check)
    }
}

/// The roles of guilds that give a rank.
pub(crate) struct PermissionAssignments;

impl Family for PermissionAssignments {
    type Key<'k> = GuildId;
    type Value = PermissionRows<PermissionAssignment>;

    const NAME: &'static str = "permission assignments";
    const IS_SECURITY: bool = true;
    const TTL: Option<Duration> = built_in::PERMISSIONS.ttl;
    const OWN_SIZE: usize = built_in::PERMISSIONS.own_size;
    const PREFIX: &'static str = "perm:permission_assignments";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::PermissionAssignments));

    #[inline(always)]
    fn key_ref(GuildId(guild): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        KeyRef::PermissionAssignments { guild }
    }

    fn check(value: &Self::Value) -> Checked {
        value.iter().try_for_each(Row::check)
    }
}

/// Ranks of users by guild, user and the user's roles ([`keys::user_rank`](super::keys::user_rank)). By guild and user
/// alone: of one who has no roles.
pub(crate) struct UserRanks;

impl Family for UserRanks {
    type Key<'k> = (GuildId, UserId);
    type Value = UserRank;

    const NAME: &'static str = "ranks of users";
    const IS_SECURITY: bool = true;
    const TTL: Option<Duration> = built_in::USER_RANKS.ttl;
    const OWN_SIZE: usize = built_in::USER_RANKS.own_size;
    const PREFIX: &'static str = "perm:user_permission_rank";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::UserPermissionRank));

    #[inline(always)]
    fn key_ref((guild, user): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        user_rank(guild, user, Roles::of(&[]))
    }

    fn ttl_asked(settings: &Settings) -> Option<Ttl> {
        settings.user_rank_ttl
    }
}
