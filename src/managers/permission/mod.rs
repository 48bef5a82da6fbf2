//! Permissions: which rank a command asks for, and which rank a user has.
//!
//! | what | depends on | removed when |
//! |---|---|---|
//! | a command's rule | its row | the command, a parent or a child is invalidated |
//! | a command's fallback | the rows of the command and its parents | as above, and when a rule of it or a parent is set |
//! | ranks, assignments | the guild's rows | they are invalidated |
//! | a user's rank | ranks, assignments, the user's roles | ranks or assignments are set or invalidated |
//!
//! Pre-warming writes rules and the fallbacks that follow from them.
//!
//! What depends on something is removed after it is written, whether or not the write was answered: a load begun before
//! that publishes nothing any more (the removal voids the leases of all its keys first), or has published before and is
//! removed with the rest; one begun afterwards sees the new value. Once would not do the other way round: a load begun
//! between a removal and the write it goes before publishes what was right until then.

mod commands;
mod fallbacks;
mod families;
mod gateway;
mod keys;
mod limits;
mod ranks;
mod roles;
mod row;
mod row_text;
mod rows;
mod warm;
mod warm_all;
mod wire;

use std::sync::Arc;

pub use rows::{
    CommandPermission, CommandRule, GuildPermissions, MAX_RANK, PermissionAssignment,
    PermissionRank, PermissionRows,
};
pub use warm::WarmedGuild;
pub use warm_all::{PreWarm, WarmFailure, WarmProgress, WarmReport};

use super::face::face;
use crate::backend::{CustomFamily, KeySet};
use crate::error::Result;
use crate::managers::GuildId;
use crate::typed::options::built_in;
use crate::typed::refresh_options::ManagerFacts;
use crate::typed::shared::{SharedState, is_in_process};
use crate::typed::{TypedCache, uncancelled};
use families::{CommandRules, PermissionAssignments, PermissionRanks, UserRanks};

pub(crate) use families::KEYS;

/// Command permissions, ranks, assignments and the ranks of users. Clones share everything.
///
/// "No permission is set" is remembered as [`CommandRule::Unset`]; a miss is `Ok(None)`; an unavailable store
/// is an error. None of them reads as one of the others.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use tux_cache::managers::{CommandPermission, CommandRule, PermissionCache};
/// # let guild = 1_u64;
/// let permissions = PermissionCache::in_memory();
/// let ban = CommandPermission { command_name: "ban".into(), required_rank: 3, ..Default::default() };
/// permissions.set(guild, "ban", ban).await?;
/// permissions.set(guild, "ping", CommandRule::Unset).await?;
/// let effective = permissions.get_fallback(guild, "ban list").await?;
/// assert_eq!(effective, None); // nobody has said yet whether "ban list" has a rule of its own
/// let known = permissions.get_many(guild, &["ban", "ping", "kick"]).await?;
/// assert_eq!(known[0].as_ref().and_then(CommandRule::required_rank), Some(3));
/// assert_eq!(known[1], Some(CommandRule::Unset));
/// assert_eq!(known[2], None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PermissionCache {
    shared: Arc<SharedState>,
    pub(super) commands: TypedCache<CommandRules>,
    ranks: TypedCache<PermissionRanks>,
    assignments: TypedCache<PermissionAssignments>,
    user_ranks: TypedCache<UserRanks>,
}

/// What it keeps, as far as options go by it.
pub(crate) const FACTS: ManagerFacts = ManagerFacts {
    name: "permissions",
    is_security: true,
    ttl: built_in::PERMISSIONS.ttl,
};

face!(PermissionCache, built_in::PERMISSIONS.own_size, FACTS);

impl PermissionCache {
    fn on(shared: Arc<SharedState>) -> Self {
        Self {
            commands: TypedCache::on(Arc::clone(&shared), CustomFamily::NONE),
            ranks: TypedCache::on(Arc::clone(&shared), CustomFamily::NONE),
            assignments: TypedCache::on(Arc::clone(&shared), CustomFamily::NONE),
            user_ranks: TypedCache::on(Arc::clone(&shared), CustomFamily::NONE),
            shared,
        }
    }

    fn state(&self) -> &SharedState {
        &self.shared
    }

    /// Removes everything about a guild, as far as the [`Scope`](super::Scope) reaches; says how many went.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix); what can be removed is removed all the same.
    ///
    /// # Cancel safety
    /// Once begun it is carried out, whether or not its caller stays.
    pub async fn invalidate_guild(&self, guild: impl Into<GuildId>) -> Result<usize> {
        let GuildId(guild) = guild.into();
        let change = warm::change(self.shared.cell.backend(), guild);
        self.remove_sets(change, KEYS.map(|family| KeySet::Guild(family, guild)))
            .await
    }

    /// Removes everything about every guild, as far as the [`Scope`](super::Scope) reaches.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix); what can be removed is removed all the same.
    pub async fn clear_all(&self) -> Result<usize> {
        let change = warm::change_all(self.shared.cell.backend());
        self.remove_sets(change, KEYS.map(KeySet::Family)).await
    }

    async fn remove_sets(
        &self,
        change: impl Drop + Send + 'static,
        sets: [KeySet<'static>; KEYS.len()],
    ) -> Result<usize> {
        let shared = Arc::clone(&self.shared);
        uncancelled(self.is_in_process(), async move {
            let _change = change;
            shared.remove_sets(&sets).await
        })
        .await
    }

    fn is_in_process(&self) -> bool {
        is_in_process(self.shared.cell.backend())
    }
}
