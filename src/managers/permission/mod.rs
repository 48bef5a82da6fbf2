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

use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use rows::{
    CommandPermission, CommandRule, GuildPermissions, MAX_RANK, PermissionAssignment,
    PermissionRank, PermissionRows,
};
pub use warm::WarmedGuild;
pub use warm_all::{PreWarm, WarmFailure, WarmProgress, WarmReport};

use super::own_memory;
use crate::backend::{Backend, Family, KeySet};
use crate::error::Result;
use crate::typed::options::ManagerOptions;
use crate::typed::settings::Lifetime;
use crate::typed::shared::{SharedState, is_in_process};
use crate::typed::stats::ManagerStats;
use crate::typed::{TypedCache, uncancelled};
use rows::UserRank;

const TTL: Duration = Duration::from_secs(600);
const USER_RANK_TTL: Duration = Duration::from_secs(300);
/// Entries of a cache without a backend.
const OWN_SIZE: usize = 10_000;

/// Everything of this cache, family by family.
pub(crate) const FAMILIES: [Family; 5] = [
    Family::PermissionRanks,
    Family::PermissionAssignments,
    Family::UserPermissionRank,
    Family::CommandPermission,
    Family::CommandPermissionFallback,
];

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
    commands: Arc<TypedCache<CommandRule>>,
    ranks: Arc<TypedCache<PermissionRows<PermissionRank>>>,
    assignments: Arc<TypedCache<PermissionRows<PermissionAssignment>>>,
    user_ranks: Arc<TypedCache<UserRank>>,
}

impl PermissionCache {
    /// On `backend`, with the guide's settings (600 s, ranks of users 300 s).
    pub fn new(backend: impl Into<Backend>) -> Self {
        Self::with_options(backend, ManagerOptions::new())
    }

    /// On `backend`, with other settings.
    ///
    /// # Panics
    /// When [`keep_stale`](ManagerOptions::keep_stale) asks for absurdly many entries.
    pub fn with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Self {
        Self::make(backend.into(), false, &options)
    }

    /// On memory of its own, 10,000 entries.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::make(own_memory(OWN_SIZE), true, &ManagerOptions::new())
    }

    /// The one of this process; in memory until [`set_backend`](Self::set_backend).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PermissionCache> = OnceLock::new();
        SHARED.get_or_init(Self::in_memory)
    }

    fn make(backend: Backend, owned: bool, options: &ManagerOptions) -> Self {
        let shared = SharedState::new(backend, owned, options);
        let lifetime = Lifetime::OfManager(Some(TTL));
        Self {
            commands: TypedCache::new(&shared, lifetime),
            ranks: TypedCache::new(&shared, lifetime),
            assignments: TypedCache::new(&shared, lifetime),
            user_ranks: TypedCache::new(&shared, Lifetime::OfUserRanks(USER_RANK_TTL)),
            shared,
        }
    }

    /// Replaces the backend for every holder. What memory of its own held is dropped.
    pub fn set_backend(&self, backend: impl Into<Backend>) {
        self.shared.set_backend(backend.into(), None);
    }

    /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
    ///
    /// # Panics
    /// As [`with_options`](Self::with_options).
    pub fn set_backend_with(&self, backend: impl Into<Backend>, options: ManagerOptions) {
        self.shared.set_backend(backend.into(), Some(&options));
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.shared.cell.backend().clone()
    }

    /// Removes everything about a guild, as far as the [`Scope`](super::Scope) reaches; says how many went.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`]; what can be removed is removed all the same.
    ///
    /// # Cancel safety
    /// Once begun it is carried out, whether or not its caller stays.
    pub async fn invalidate_guild(&self, guild: impl Into<u64>) -> Result<usize> {
        let guild = guild.into();
        let void = warm::Void::guild(self.shared.cell.backend(), guild);
        self.remove_sets(void, FAMILIES.map(|family| KeySet::Guild(family, guild)))
            .await
    }

    /// Removes everything about every guild, as far as the [`Scope`](super::Scope) reaches.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`]; what can be removed is removed all the same.
    pub async fn clear_all(&self) -> Result<usize> {
        let void = warm::Void::all(self.shared.cell.backend());
        self.remove_sets(void, FAMILIES.map(KeySet::Family)).await
    }

    async fn remove_sets(
        &self,
        void: warm::Void,
        sets: [KeySet<'static>; FAMILIES.len()],
    ) -> Result<usize> {
        let shared = Arc::clone(&self.shared);
        uncancelled(self.is_in_process(), async move {
            let _void = void;
            shared.remove_sets(&sets).await
        })
        .await
    }

    fn is_in_process(&self) -> bool {
        is_in_process(self.shared.cell.backend())
    }

    /// What this cache counted.
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        self.shared.stats()
    }
}
