//! Leased writes of several values with a TTL for each, and the end of leases without a write.

use super::key::KeyRef;
use super::lease::StoreLease;
use super::ttl::Ttl;
use super::value::Value;
use super::{Backend, ServingStore};
use crate::error::Result;

impl Backend {
    /// Voids the leases that this process has out on a key: what is being loaded is not published. Nothing is sent.
    pub(crate) fn void(&self, key: KeyRef<'_>) {
        match self.store() {
            // There is nothing to send, so the entry may go as well.
            ServingStore::Memory(memory) => {
                memory.remove(key);
            }
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => valkey.void(key),
            ServingStore::Custom(custom) => custom.void(key),
        }
    }

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
