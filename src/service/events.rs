//! Events of the gateway, for a whole set-up.

use super::CacheSetup;
use crate::error::Result;
use crate::managers::events::{GatewayEvent, GuildChange, Removed};

impl CacheSetup {
    /// [`Managers::on_event`](crate::managers::Managers::on_event) for all that this set-up holds, its cases too.
    ///
    /// # Errors, cancel safety
    /// As [`Managers::on_event`](crate::managers::Managers::on_event).
    pub async fn on_event<E>(&self, event: &E) -> Result<Removed>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        let left = matches!(event.change(), Some(GuildChange::GuildLeft(_)));
        if left {
            self.cases().forget();
        }
        let removed = self.managers().on_event(event).await;
        if left {
            self.cases().forget();
        }
        removed
    }
}
