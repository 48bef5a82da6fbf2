//! The text face of a [`Backend`]: the interface of the guide.

use std::time::Duration;

use super::key::{WIRE_PREFIX, text as key_text};
use super::value::Json;
use super::value::json::wire::check_depth;
use super::{Backend, CacheBackend, ServingStore};
use crate::error::Result;

impl Backend {
    /// The value under `key`, or `None` when there is none. In Valkey a text that is not JSON comes back
    /// as a string, as it stands.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout` when the store cannot be asked, `WrongType` when the key holds a list or
    /// the like, `InvalidKey` when the key is too long.
    pub async fn get(&self, key: &str) -> Result<Option<Json>> {
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::get(memory, key).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::get(valkey, key).await,
            ServingStore::Custom(custom) => custom.get(custom_key(key)?).await,
        }
    }

    /// Writes `value`. A `ttl` is honoured by every backend, zero deletes; `None` means the backend's own rule (memory: its
    /// default TTL, or no expiry with [`per_entry_ttl`](super::InMemoryBackend::per_entry_ttl); Valkey: no expiry).
    ///
    /// # Errors
    /// As [`get`](Self::get); also `TooLarge`, `ReadOnly`, `OutOfMemory`. No write is ever repeated. In Valkey the
    /// key of one that was sent and failed, or could not be sent, is removed later: what stood there before is
    /// outdated. (Not after `WrongType`, `InvalidKey`, `Codec`, `TooLarge` and `Closed`.)
    pub async fn set(
        &self,
        key: &str,
        value: impl Into<Json>,
        ttl: Option<Duration>,
    ) -> Result<()> {
        let value = value.into();
        self.shadow_key(|| wire(key));
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::set(memory, key, value, ttl).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::set(valkey, key, value, ttl).await,
            ServingStore::Custom(custom) => {
                check_depth(&value)?;
                custom.set(custom_key(key)?, value, ttl).await
            }
        }
    }

    /// Removes `key`; `true` if it was there. A missing key is no error.
    ///
    /// # Errors
    /// As [`get`](Self::get). In Valkey a failed delete is also retried later by itself, whether the server was
    /// away or refused it; not after `InvalidKey` and `Closed`.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        self.shadow_key(|| wire(key));
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::delete(memory, key).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::delete(valkey, key).await,
            ServingStore::Custom(custom) => custom.delete(custom_key(key)?).await,
        }
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn exists(&self, key: &str) -> Result<bool> {
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::exists(memory, key).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::exists(valkey, key).await,
            ServingStore::Custom(custom) => custom.exists(custom_key(key)?).await,
        }
    }

    /// Several values in the order of `keys`; one round trip in Valkey.
    ///
    /// # Errors
    /// As [`get`](Self::get). A key that holds a list or the like reads as `None` here.
    pub async fn get_many<K: AsRef<str> + Sync>(&self, keys: &[K]) -> Result<Vec<Option<Json>>> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::get_many(memory, &keys).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::get_many(valkey, &keys).await,
            ServingStore::Custom(custom) => {
                let keys = keys
                    .into_iter()
                    .map(custom_key)
                    .collect::<Result<Vec<_>>>()?;
                custom.get_many(&keys).await
            }
        }
    }

    /// Writes several `(key, value, ttl)`; one round trip in Valkey. All are checked before the first is
    /// sent; if the store fails on the way, some may have been written.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn set_many<K: AsRef<str> + Sync>(
        &self,
        entries: &[(K, Json, Option<Duration>)],
    ) -> Result<()> {
        let entries: Vec<(&str, Json, Option<Duration>)> = entries
            .iter()
            .map(|(key, value, ttl)| (key.as_ref(), value.clone(), *ttl))
            .collect();
        for (key, ..) in &entries {
            self.shadow_key(|| wire(key));
        }
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::set_many(memory, &entries).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::set_many(valkey, &entries).await,
            ServingStore::Custom(custom) => {
                let entries = entries
                    .into_iter()
                    .map(|(key, value, ttl)| {
                        check_depth(&value)?;
                        Ok((custom_key(key)?, value, ttl))
                    })
                    .collect::<Result<Vec<_>>>()?;
                custom.set_many(&entries).await
            }
        }
    }

    /// Removes every key that starts with `prefix`, taken literally, and says how many went.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn delete_prefix(&self, prefix: &str) -> Result<usize> {
        self.shadow_prefix(|| wire(prefix));
        match self.store() {
            ServingStore::Memory(memory) => CacheBackend::delete_prefix(memory, prefix).await,
            #[cfg(feature = "valkey")]
            ServingStore::Valkey(valkey) => CacheBackend::delete_prefix(valkey, prefix).await,
            ServingStore::Custom(custom) => custom.delete_prefix(custom_key(prefix)?, None).await,
        }
    }
}

/// The key as a user's store sees it: checked, without `tux:`.
fn custom_key(key: &str) -> Result<&str> {
    key_text::check_length(key)?;
    Ok(key_text::strip_wire_prefix(key))
}

fn wire(key: &str) -> String {
    format!("{WIRE_PREFIX}{}", key_text::strip_wire_prefix(key))
}
