//! Ranks, the roles that give them, and the ranks of users.

use std::error::Error as StdError;
use std::future::Future;

use super::keys::user_rank;
use super::rows::{MAX_RANK, PermissionAssignment, PermissionRank, PermissionRows, UserRank};
use super::{PermissionCache, roles, uncancelled, warm};
use crate::backend::{KeyFamily, KeyRef, KeySet};
use crate::error::{Error, ErrorKind, Result};
use crate::managers::{GuildId, RoleId, UserId};
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::stale::MaybeStale;
use crate::typed::stats::Event;

impl PermissionCache {
    /// The cached ranks of a guild.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline(always)]
    pub async fn get_ranks(
        &self,
        guild: impl Into<GuildId>,
    ) -> Result<Option<PermissionRows<PermissionRank>>> {
        lookup!(self.ranks, guild.into())
    }

    /// The cached ranks, or what `load` returns.
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch_ranks<F, Fut, R, E>(
        &self,
        guild: impl Into<GuildId>,
        load: F,
    ) -> Result<PermissionRows<PermissionRank>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<PermissionRows<PermissionRank>>,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.ranks, guild.into(), load, Error::loader)
    }

    /// Writes the ranks of a guild and removes the ranks of its users. In Valkey it looks through all keys of the server.
    ///
    /// # Errors, cancel safety
    /// As [`set`](Self::set).
    pub async fn set_ranks(
        &self,
        guild: impl Into<GuildId>,
        ranks: impl Into<PermissionRows<PermissionRank>>,
    ) -> Result<()> {
        let (cache, GuildId(guild), ranks) = (self.clone(), guild.into(), ranks.into());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            let written = cache.ranks.set(GuildId(guild), ranks).await;
            let removed = cache.remove_user_ranks(guild).await;
            written.and(removed)
        })
        .await
    }

    /// Removes a guild's ranks, their assignments, and the ranks of its users.
    ///
    /// # Errors, cancel safety
    /// As [`invalidate`](Self::invalidate).
    pub async fn invalidate_ranks(&self, guild: impl Into<GuildId>) -> Result<()> {
        let (cache, GuildId(guild)) = (self.clone(), guild.into());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            cache.shared.counters.add_many(Event::Invalidation, 2);
            let keys = [
                KeyRef::PermissionRanks { guild },
                KeyRef::PermissionAssignments { guild },
            ];
            let users = KeySet::Guild(KeyFamily::UserPermissionRank, guild);
            cache
                .shared
                .remove_together(&keys, &[users])
                .await
                .map(drop)
        })
        .await
    }

    /// The cached assignments of a guild.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline(always)]
    pub async fn get_assignments(
        &self,
        guild: impl Into<GuildId>,
    ) -> Result<Option<PermissionRows<PermissionAssignment>>> {
        lookup!(self.assignments, guild.into())
    }

    /// The cached assignments, or what `load` returns.
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch_assignments<F, Fut, R, E>(
        &self,
        guild: impl Into<GuildId>,
        load: F,
    ) -> Result<PermissionRows<PermissionAssignment>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<PermissionRows<PermissionAssignment>>,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.assignments, guild.into(), load, Error::loader)
    }

    /// Writes the assignments of a guild and removes the ranks of its users. In Valkey it looks through all keys of the
    /// server.
    ///
    /// # Errors, cancel safety
    /// As [`set`](Self::set).
    pub async fn set_assignments(
        &self,
        guild: impl Into<GuildId>,
        assignments: impl Into<PermissionRows<PermissionAssignment>>,
    ) -> Result<()> {
        let (cache, GuildId(guild), assignments) = (self.clone(), guild.into(), assignments.into());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            let written = cache.assignments.set(GuildId(guild), assignments).await;
            let removed = cache.remove_user_ranks(guild).await;
            written.and(removed)
        })
        .await
    }

    /// Removes a guild's assignments and the ranks of its users: a role was given a rank, or lost it.
    ///
    /// # Errors, cancel safety
    /// As [`invalidate`](Self::invalidate).
    pub async fn invalidate_assignments(&self, guild: impl Into<GuildId>) -> Result<()> {
        let (cache, GuildId(guild)) = (self.clone(), guild.into());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            cache.shared.counters.add(Event::Invalidation);
            let key = KeyRef::PermissionAssignments { guild };
            let users = KeySet::Guild(KeyFamily::UserPermissionRank, guild);
            cache
                .shared
                .remove_together(&[key], &[users])
                .await
                .map(drop)
        })
        .await
    }

    /// The cached rank of a user who has these roles (in any order). In memory it allocates nothing for up
    /// to 64 roles.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline(always)]
    pub async fn get_user_rank<R: Copy + Into<RoleId>>(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        roles: &[R],
    ) -> Result<Option<u8>> {
        let (guild, user) = (guild.into(), user.into());
        let (answered, mut found) = self.user_rank_now(guild, user, roles);
        if !answered {
            let key = roles::with_sorted(roles, |roles| user_rank(guild, user, roles).to_key());
            found = (*self.user_ranks.get_boxed(key.as_key_ref()).await)?;
        }
        Ok(found.map(|UserRank(rank)| rank))
    }

    /// What memory says at once, and whether it could.
    #[inline(always)]
    fn user_rank_now<R: Copy + Into<RoleId>>(
        &self,
        guild: GuildId,
        user: UserId,
        roles: &[R],
    ) -> (bool, Option<UserRank>) {
        let mut room = roles::few();
        if let Some(few) = room.sort(roles)
            && let Some(lent) = self.user_ranks.try_get_ref(user_rank(guild, user, few))
        {
            return (true, Some(self.user_ranks.hit(&lent)));
        }
        // Out of line: whoever has more roles, and what is not at hand.
        roles::with_sorted(roles, |roles| {
            let mut found = None;
            let key = user_rank(guild, user, roles);
            (self.user_ranks.peek(key, &mut found), found)
        })
    }

    /// [`get_user_rank`](Self::get_user_rank), or, while the store is unavailable, what it said last,
    /// labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_user_rank_or_stale<R: Copy + Into<RoleId>>(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        roles: &[R],
    ) -> Result<Option<MaybeStale<u8>>> {
        let (guild, user) = (guild.into(), user.into());
        let key = roles::with_sorted(roles, |roles| user_rank(guild, user, roles).to_key());
        let found = self.user_ranks.get_or_stale_at(key.as_key_ref()).await?;
        Ok(found.map(|found| found.map(|UserRank(rank)| rank)))
    }

    /// The cached rank of a user who has these roles, or what `load` returns.
    ///
    /// # Errors
    /// As [`get_or_fetch`](Self::get_or_fetch); also kind `Loader` when `load` returns a rank above
    /// [`MAX_RANK`].
    ///
    /// # Panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch_user_rank<R, F, Fut, E>(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        roles: &[R],
        load: F,
    ) -> Result<u8>
    where
        R: Copy + Into<RoleId>,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<u8, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let (guild, user) = (guild.into(), user.into());
        let (answered, found) = self.user_rank_now(guild, user, roles);
        if let Some(UserRank(rank)) = found {
            return Ok(rank);
        }
        let key = roles::with_sorted(roles, |roles| user_rank(guild, user, roles).to_key());
        let load = move || async move {
            let rank = load().await.map_err(Error::loader)?;
            check(rank, ErrorKind::Loader)
        };
        let cache = &self.user_ranks;
        let loaded = cache.load_boxed(key.as_key_ref(), answered, load, |error| error);
        let UserRank(rank) = (*loaded.await)?;
        Ok(rank)
    }

    /// Writes the rank of a user who has these roles.
    ///
    /// # Errors
    /// Kind `Config` for a rank above [`MAX_RANK`]; as [`set`](Self::set).
    pub async fn set_user_rank<R: Copy + Into<RoleId>>(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        roles: &[R],
        rank: u8,
    ) -> Result<()> {
        let (guild, user) = (guild.into(), user.into());
        let rank = check(rank, ErrorKind::Config)?;
        let key = roles::with_sorted(roles, |roles| user_rank(guild, user, roles).to_key());
        self.user_ranks.put(key.as_key_ref(), rank).await
    }

    /// Removes the ranks of one user, under whatever roles; says how many went.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix).
    pub async fn invalidate_user(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
    ) -> Result<usize> {
        let (GuildId(guild), UserId(user)) = (guild.into(), user.into());
        let set = KeySet::UserRanks { guild, user };
        self.shared.remove_everywhere(set).await
    }

    async fn remove_user_ranks(&self, guild: u64) -> Result<()> {
        let set = KeySet::Guild(KeyFamily::UserPermissionRank, guild);
        self.shared.remove_everywhere(set).await.map(drop)
    }
}

fn check(rank: u8, kind: ErrorKind) -> Result<UserRank> {
    if rank <= MAX_RANK {
        return Ok(UserRank(rank));
    }
    let text = format!("the rank {rank} is too high; a user's rank is 0 to {MAX_RANK}");
    Err(Error::new(kind, text))
}
