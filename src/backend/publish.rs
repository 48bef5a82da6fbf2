//! Leased writes of several values with a TTL for each.

use super::key::KeyRef;
use super::lease::StoreLease;
use super::ttl::Ttl;
use super::value::Value;
use super::{Backend, ServingStore};
use crate::error::Result;

impl Backend {
    /// [`put_many_leased`](Self::put_many_leased) with a TTL for each.
    pub(crate) async fn publish(
        &self,
        entries: Vec<(StoreLease, KeyRef<'_>, Value, Ttl)>,
    ) -> Result<Vec<bool>> {
        #[cfg(feature = "valkey")]
        if let ServingStore::Valkey(valkey) = self.store() {
            return valkey.put_many_leased(entries).await;
        }
        if let ServingStore::Custom(custom) = self.store() {
            let entries = entries
                .into_iter()
                .map(|(lease, key, value, ttl)| (lease, key.to_string(), value, ttl.time()))
                .collect();
            return custom.set_many_leased(entries).await;
        }
        let mut published = Vec::with_capacity(entries.len());
        for (lease, key, value, ttl) in entries {
            published.push(self.put_leased(lease, key, value, ttl).await?);
        }
        Ok(published)
    }
}
