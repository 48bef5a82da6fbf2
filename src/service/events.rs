//! Events of the gateway, for a whole set-up.

use super::CacheSetup;
use crate::error::Result;
use crate::managers::GuildId;
use crate::managers::events::{GatewayEvent, GuildChange, Removed};

impl CacheSetup {
    /// [`Managers::on_event`](crate::managers::Managers::on_event) for all that this set-up holds: its cases too, and of a guild that the
    /// bot has left the [families](Self::family) whose keys begin with a guild.
    ///
    /// # Errors, cancel safety
    /// As [`Managers::on_event`](crate::managers::Managers::on_event). When one fails the others are still asked.
    pub async fn on_event<E>(&self, event: &E) -> Result<Removed>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        let removing = self.managers().on_event(event);
        let Some(GuildChange::GuildLeft(GuildId(guild))) = event.change() else {
            return removing.await;
        };
        let families = self.families.invalidate_guild(guild);
        let (removed, of_families) = tokio::join!(removing, families);
        let mut removed = removed?;
        removed.entries += of_families?;
        Ok(removed)
    }
}
