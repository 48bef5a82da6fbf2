//! The text face of the in-memory backend: on the same entries as the typed one.

use std::time::Duration;

use super::InMemoryBackend;
use crate::backend::key::{CustomFamily, Key, KeyRef, KeySet, MAX_FAMILIES, text};
use crate::backend::value::json::wire;
use crate::backend::value::{Json, Value};
use crate::backend::{Backend, CacheBackend};
use crate::error::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// The families for which a memory was looked through.
struct LookedThrough([AtomicBool; MAX_FAMILIES]);

impl InMemoryBackend {
    /// Removes what was written by its text before that text was known to be a key of `family` (N3). Once for each family
    /// and memory; O(entries).
    pub(in crate::backend) fn forget_texts_of(&self, family: CustomFamily) {
        let none = || LookedThrough([const { AtomicBool::new(false) }; MAX_FAMILIES]);
        let looked = self.shared.kept.of(none);
        // Relaxed: it guards nothing. Who comes second may go on while the first one still looks.
        match looked.0.get(family.number()) {
            Some(looked) if !looked.swap(true, Ordering::Relaxed) => {}
            _ => return,
        }
        let mut old = Vec::new();
        self.shared.cache.for_each(|key, _| {
            if let KeyRef::Other(text) = key.as_key_ref()
                && text.as_str().starts_with(family.prefix())
                && matches!(
                    Key::parse(text.as_str()).as_key_ref(),
                    KeyRef::Custom { .. }
                )
            {
                old.push(key.clone());
            }
        });
        for key in old {
            self.shared.cache.invalidate(&key);
        }
    }
}

impl CacheBackend for InMemoryBackend {
    async fn get(&self, key: &str) -> Result<Option<Json>> {
        let key = Self::parse(key)?;
        Ok(self.entry(key.as_key_ref(), Value::to_json))
    }

    async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<()> {
        let key = Self::parse(key)?;
        wire::check_depth(&value)?;
        self.set_value(key.as_key_ref(), Value::from_json(value), ttl)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.remove(Self::parse(key)?.as_key_ref()))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.has(Self::parse(key)?.as_key_ref()))
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<usize> {
        text::check_length(prefix)?;
        Ok(self.remove_set(&KeySet::Prefix(text::strip_wire_prefix(prefix))))
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Json>>> {
        keys.iter()
            .map(|key| Ok(self.entry(Self::parse(key)?.as_key_ref(), Value::to_json)))
            .collect()
    }

    /// All keys and values are checked before the first is written.
    async fn set_many(&self, entries: &[(&str, Json, Option<Duration>)]) -> Result<()> {
        let checked = entries
            .iter()
            .map(|(key, value, ttl)| {
                let value = Value::from_json(value.clone());
                self.check_size(&value)?;
                Ok((Self::parse(key)?, value, *ttl))
            })
            .collect::<Result<Vec<_>>>()?;
        for (_, value, _) in entries {
            wire::check_depth(value)?;
        }
        for (key, value, ttl) in checked {
            self.set_value(key.as_key_ref(), value, ttl)?;
        }
        Ok(())
    }

    async fn compare_and_delete(&self, key: &str, expected: &Json) -> Result<bool> {
        let key = Self::parse(key)?;
        let key = key.as_key_ref();
        let snapshot = self.snapshot(key);
        let (found, lease) = snapshot.into_memory_parts();
        if found.is_none_or(|found| found.to_json() != *expected) {
            return Ok(false);
        }
        match lease {
            Some(lease) => self.commit(
                key,
                lease,
                Value::from_json(Json::Null),
                Some(Duration::ZERO),
            ),
            None => Ok(false),
        }
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let key = Self::parse(key)?;
        wire::check_depth(&value)?;
        let key = key.as_key_ref();
        let (found, lease) = self.snapshot(key).into_memory_parts();
        if found.map(|found| found.to_json()).as_ref() != expected {
            return Ok(false);
        }
        match lease {
            Some(lease) => self.commit(key, lease, Value::from_json(value), ttl),
            None => Ok(false),
        }
    }

    fn name(&self) -> &str {
        "memory"
    }

    fn into_backend(self) -> Backend {
        Backend::Memory(self)
    }
}
