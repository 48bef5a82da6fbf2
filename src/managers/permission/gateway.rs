//! What events of the gateway make wrong among permissions.

use super::{PermissionCache, uncancelled, warm};
use crate::backend::{KeyFamily, KeyRef, KeySet};
use crate::error::Result;
use crate::typed::stats::Event;

impl PermissionCache {
    /// Removes the ranks of all users of a guild: something changed that a loader of ranks looks at besides ranks, assignments
    /// and roles, such as the guild's owner. Says how many went. In Valkey it looks through all keys of the server.
    ///
    /// # Errors, cancel safety
    /// As [`invalidate_guild`](Self::invalidate_guild).
    pub async fn invalidate_user_ranks(&self, guild: impl Into<u64>) -> Result<usize> {
        self.remove_user_ranks_and(guild.into(), None).await
    }

    /// Removes the assignments that name a role which is gone, and the ranks that follow from them. Assignments that do not name it are
    /// right as they are.
    pub(in crate::managers) async fn role_deleted(&self, guild: u64, role: u64) -> Result<usize> {
        let key = KeyRef::PermissionAssignments { guild };
        let known = self.assignments.ask(self.assignments.backend(), key).await;
        if let Ok(Some(rows)) = known
            && rows.iter().all(|row| row.role_id != role)
        {
            return Ok(0);
        }
        self.remove_user_ranks_and(guild, Some(key)).await
    }

    async fn remove_user_ranks_and(
        &self,
        guild: u64,
        key: Option<KeyRef<'static>>,
    ) -> Result<usize> {
        let cache = self.clone();
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            cache.shared.counters.add(Event::Invalidation);
            let users = KeySet::Guild(KeyFamily::UserPermissionRank, guild);
            cache.shared.remove_together(key.as_slice(), &[users]).await
        })
        .await
    }
}
