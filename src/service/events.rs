//! Events of the gateway, for a whole set-up.

use super::CacheSetup;
use crate::error::Result;
use crate::managers::events::{GatewayEvent, Removed};

impl CacheSetup {
    /// [`Managers::on_event`](crate::managers::Managers::on_event) for all that this set-up holds, its cases too.
    ///
    /// # Errors, cancel safety
    /// As [`Managers::on_event`](crate::managers::Managers::on_event).
    pub async fn on_event<E>(&self, event: &E) -> Result<Removed>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        self.managers().on_event(event).await
    }
}
