//! What the permission cache keeps.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The highest rank of a user.
pub const MAX_RANK: u8 = 10;

/// Which rank a command asks for in a guild.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPermission {
    /// The row's id.
    pub id: u64,
    /// The guild.
    pub guild_id: u64,
    /// The command's full name, `"a b c"` for a subcommand. 1 to 200 characters.
    pub command_name: String,
    /// The least rank that may use it.
    pub required_rank: u8,
    /// What an administrator wrote about it. At most 500 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub created_at: Option<String>,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// A rank of a guild.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRank {
    /// The row's id.
    pub id: u64,
    /// The guild.
    pub guild_id: u64,
    /// Its number.
    pub rank: u8,
    /// Its name. At most 100 characters.
    pub name: String,
    /// What an administrator wrote about it. At most 500 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub created_at: Option<String>,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// A role that gives a rank.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionAssignment {
    /// The row's id.
    pub id: u64,
    /// The guild.
    pub guild_id: u64,
    /// The row's id of the [`PermissionRank`].
    pub permission_rank_id: u64,
    /// The role.
    pub role_id: u64,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub created_at: Option<String>,
    /// ISO 8601 with offset, such as `2026-01-02T03:04:05.000678+00:00`.
    #[serde(default)]
    pub updated_at: Option<String>,
}

/// What is known about a command's permission. "Not known" is a miss or an error, never one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRule {
    /// The guild has none for this command.
    Unset,
    /// The guild has this one.
    Set(Arc<CommandPermission>),
}

impl CommandRule {
    /// The permission, if the guild has one.
    #[inline]
    #[must_use]
    pub fn permission(&self) -> Option<&CommandPermission> {
        match self {
            Self::Unset => None,
            Self::Set(permission) => Some(permission),
        }
    }

    /// The rank asked for, if the guild asks for one.
    #[inline]
    #[must_use]
    pub fn required_rank(&self) -> Option<u8> {
        self.permission().map(|permission| permission.required_rank)
    }
}

impl From<CommandPermission> for CommandRule {
    fn from(permission: CommandPermission) -> Self {
        Self::Set(Arc::new(permission))
    }
}

impl From<Arc<CommandPermission>> for CommandRule {
    fn from(permission: Arc<CommandPermission>) -> Self {
        Self::Set(permission)
    }
}

impl<P: Into<CommandRule>> From<Option<P>> for CommandRule {
    fn from(permission: Option<P>) -> Self {
        permission.map_or(Self::Unset, Into::into)
    }
}

/// Rows of one guild that are kept together. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionRows<R>(Arc<[R]>);

impl<R> Deref for PermissionRows<R> {
    type Target = [R];
    #[inline]
    fn deref(&self) -> &[R] {
        &self.0
    }
}

impl<R> From<Vec<R>> for PermissionRows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(rows.into())
    }
}

impl<R> FromIterator<R> for PermissionRows<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl<'a, R> IntoIterator for &'a PermissionRows<R> {
    type Item = &'a R;
    type IntoIter = std::slice::Iter<'a, R>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A user's rank, 0 to 10.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserRank(pub(crate) u8);

/// Everything about one guild's permissions, for [pre-warming](super::PermissionCache::pre_warm_guild_cache).
/// What is left out is not cached.
#[derive(Clone, Debug, Default)]
pub struct GuildPermissions {
    /// The guild's ranks.
    pub ranks: Option<PermissionRows<PermissionRank>>,
    /// The roles that give a rank.
    pub assignments: Option<PermissionRows<PermissionAssignment>>,
    /// Permissions of commands by name; [`CommandRule::Unset`] for those known to have none.
    pub commands: HashMap<String, CommandRule>,
}

impl GuildPermissions {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these ranks.
    #[must_use]
    pub fn ranks(mut self, ranks: Vec<PermissionRank>) -> Self {
        self.ranks = Some(ranks.into());
        self
    }

    /// With these assignments.
    #[must_use]
    pub fn assignments(mut self, assignments: Vec<PermissionAssignment>) -> Self {
        self.assignments = Some(assignments.into());
        self
    }

    /// With what the database has for `names`: whichever of them has no row is known to have none.
    #[must_use]
    pub fn commands<N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        rows: impl IntoIterator<Item = CommandPermission>,
    ) -> Self {
        for name in names {
            self.commands.insert(name.into(), CommandRule::Unset);
        }
        for row in rows {
            self.commands.insert(row.command_name.clone(), row.into());
        }
        self
    }
}
