//! Reads and writes as the managers need them: typed, leased, compared.

use std::time::Duration;

use redis::{Cmd, Value as Reply};

use super::reply::bytes;
use super::retry::{Condition, RetryGuard, Target, is_owed};
use super::settings::Undecodable;
use super::{ValkeyBackend, script};
use crate::backend::key::KeyRef;
use crate::backend::value::json::wire::{self, Decoded};
use crate::backend::value::{CacheValue, Json, Value};
use crate::error::{Error, ErrorKind, Result};

/// The longest TTL sent: a thousand years. Far more overflows the server's clock.
const MAX_SECONDS: u64 = 1_000 * 365 * 24 * 3600;

/// The most keys in one round trip: with more, everybody else on the connection would wait.
const MAX_BATCH: usize = 8_192;

/// A TTL in the server's whole seconds: `None` no expiry, 0 delete; a positive TTL below a second is a
/// second (T27), a huge one saturates (T28).
pub(super) fn seconds(ttl: Option<Duration>) -> Option<u64> {
    ttl.map(|ttl| match (ttl.as_secs(), ttl.is_zero()) {
        (_, true) => 0,
        (seconds, false) => seconds.clamp(1, MAX_SECONDS),
    })
}

pub(super) fn set_command(key: &str, text: &[u8], ttl: Option<Duration>) -> Cmd {
    let mut cmd = Cmd::new();
    match seconds(ttl) {
        None => cmd.arg("SET").arg(key).arg(text),
        Some(0) => cmd.arg("UNLINK").arg(key),
        Some(seconds) => cmd.arg("SETEX").arg(key).arg(seconds).arg(text),
    };
    cmd
}

/// A write or removal that was not carried out leaves a value on the server that its caller knows to be
/// outdated: it is removed later.
pub(super) fn settle<T>(guard: RetryGuard<'_>, result: &Result<T>) {
    match result {
        Err(error) if is_owed(error) => drop(guard),
        _ => guard.disarm(),
    }
}

impl ValkeyBackend {
    /// The wire text of a value within the size limit.
    pub(super) fn encode(&self, value: &Json) -> Result<String> {
        wire::encode(value, self.core().link.settings.max_value_bytes)
    }

    /// What a text read means, and whether it is to be removed as undecodable.
    fn decode(&self, text: &[u8]) -> Option<Json> {
        self.decode_if(text, |_| true)
    }

    /// A text that is not JSON is a string only if it is `plain`.
    fn decode_if(&self, text: &[u8], plain: impl FnOnce(&str) -> bool) -> Option<Json> {
        let settings = &self.core().link.settings;
        if text.len() > settings.max_value_bytes {
            return None;
        }
        match wire::decode(text) {
            Decoded::Json(json) => Some(json),
            Decoded::Text(text) if settings.undecodable == Undecodable::AsText && plain(&text) => {
                Some(Json::String(text))
            }
            Decoded::Text(_) | Decoded::Bytes => None,
        }
    }

    /// JSON that is cut off or badly spelled is no value of any type, least of all a prefix with its quotes.
    pub(super) fn read<T: CacheValue>(&self, text: &[u8]) -> Option<T> {
        if text.len() > self.core().link.settings.max_value_bytes {
            return None;
        }
        T::from_text(text).or_else(|| {
            let json = self.decode_if(text, |text| !wire::begins_as_json(text))?;
            T::from_json(&json)
        })
    }

    /// Counts a value nobody can use; by option it is also removed, unless it has changed (T33).
    pub(super) async fn undecodable(&self, key: &str, text: &[u8]) {
        let core = self.core();
        core.link.counters.undecodable();
        if text.len() > core.link.settings.max_value_bytes {
            // Whoever has a higher limit can read it.
            tracing::debug!(
                key,
                bytes = text.len(),
                "a value above the limit is not decoded"
            );
            return;
        }
        if core.link.settings.undecodable != Undecodable::DeleteAndMiss {
            return;
        }
        if let Ok(mut live) = core.link.live()
            && let Err(error) = script::compare_and_delete(&core.link, &mut live, key, text).await
        {
            tracing::debug!(%error, "an undecodable value could not be removed");
        }
    }

    /// What stands under a key; nothing while its removal is owed.
    async fn get_text(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let core = self.core();
        let mut live = core.link.live()?;
        if core.retries.queue.owes(key) {
            return Ok(None);
        }
        let mut cmd = Cmd::new();
        cmd.arg("GET").arg(key);
        bytes(core.link.send(&mut live, &cmd).await?)
    }

    /// What stands under a key, which shall be built upon: first goes what is owed.
    pub(super) async fn get_base(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let mut live = self.core().link.live()?;
        self.remove_owed(&mut live, key).await?;
        let mut cmd = Cmd::new();
        cmd.arg("GET").arg(key);
        bytes(self.core().link.send(&mut live, &cmd).await?)
    }

    pub(super) async fn get_json(&self, key: String) -> Result<Option<Json>> {
        let Some(text) = self.get_text(&key).await? else {
            return Ok(None);
        };
        let json = self.decode(&text);
        if json.is_none() {
            self.undecodable(&key, &text).await;
        }
        Ok(json)
    }

    pub(in crate::backend) async fn get_as<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
    ) -> Result<Option<T>> {
        let key = key.to_wire();
        let Some(text) = self.get_text(&key).await? else {
            return Ok(None);
        };
        let value = self.read(&text);
        if value.is_none() {
            self.undecodable(&key, &text).await;
        }
        Ok(value)
    }

    async fn get_many_texts(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut texts = Vec::with_capacity(keys.len());
        for batch in keys.chunks(MAX_BATCH) {
            let mut cmd = Cmd::new();
            cmd.arg("MGET").arg(batch);
            match self.core().link.request(&cmd).await? {
                Reply::Array(replies) if replies.len() == batch.len() => {
                    for reply in replies {
                        texts.push(bytes(reply)?);
                    }
                }
                _ => {
                    return Err(Error::new(
                        ErrorKind::Protocol,
                        "MGET was answered in an unknown form",
                    ));
                }
            }
        }
        Ok(texts)
    }

    pub(super) async fn get_many_json(&self, keys: &[String]) -> Result<Vec<Option<Json>>> {
        self.get_many_by(keys, |text| self.decode(text)).await
    }

    pub(in crate::backend) async fn get_many_as<T: CacheValue>(
        &self,
        keys: &[KeyRef<'_>],
    ) -> Result<Vec<Option<T>>> {
        let keys: Vec<String> = keys.iter().map(KeyRef::to_wire).collect();
        self.get_many_by(&keys, |text| self.read(text)).await
    }

    async fn get_many_by<T>(
        &self,
        keys: &[String],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let queue = &self.core().retries.queue;
        let owed: Vec<bool> = match queue.len() {
            0 => Vec::new(),
            _ => keys.iter().map(|key| queue.owes(key)).collect(),
        };
        let texts = self.get_many_texts(keys).await?;
        let mut values = Vec::with_capacity(texts.len());
        for (at, (key, text)) in keys.iter().zip(texts).enumerate() {
            let text = text.filter(|_| !owed.get(at).is_some_and(|owed| *owed));
            let value = match &text {
                None => None,
                Some(text) => read(text),
            };
            if let (Some(text), None) = (&text, &value) {
                self.undecodable(key, text).await;
            }
            values.push(value);
        }
        Ok(values)
    }

    pub(super) async fn set_json(
        &self,
        key: &str,
        value: &Json,
        ttl: Option<Duration>,
    ) -> Result<()> {
        let text = self.encode(value)?;
        if ttl == Some(Duration::ZERO) {
            return self.remove_wire(key.to_owned()).await.map(drop);
        }
        let core = self.core();
        let _change = core.leases.change(key);
        let guard = RetryGuard::new(
            &core.retries,
            (Target::Key(key.to_owned()), Condition::Always),
        );
        let mark = core.retries.queue.mark();
        let result = async {
            let mut live = core.link.live_to_write()?;
            core.link
                .send(&mut live, &set_command(key, text.as_bytes(), ttl))
                .await
        }
        .await;
        settle(guard, &result);
        result?;
        core.retries.queue.forget(key, mark);
        Ok(())
    }

    pub(in crate::backend) async fn put(
        &self,
        key: KeyRef<'_>,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<()> {
        self.set_json(&key.to_wire(), &value.to_json(), ttl).await
    }

    pub(in crate::backend) async fn put_many(
        &self,
        entries: &[(KeyRef<'_>, Value)],
        ttl: Option<Duration>,
    ) -> Result<()> {
        let entries = entries
            .iter()
            .map(|(key, value)| Ok((key.to_wire(), self.encode(&value.to_json())?, ttl)))
            .collect::<Result<Vec<_>>>()?;
        self.set_many_texts(&entries).await
    }

    /// One pipeline, or one after the other where one would hold up the connection.
    pub(super) async fn set_many_texts(
        &self,
        entries: &[(String, String, Option<Duration>)],
    ) -> Result<()> {
        for batch in entries.chunks(MAX_BATCH) {
            self.set_batch(batch).await?;
        }
        Ok(())
    }

    /// The first error of a command is returned when all have been answered.
    async fn set_batch(&self, entries: &[(String, String, Option<Duration>)]) -> Result<()> {
        let core = self.core();
        let (mut changes, mut guards) = (Vec::new(), Vec::new());
        let mut pipeline = redis::pipe();
        for (key, text, ttl) in entries {
            changes.push(core.leases.change(key.as_str()));
            let target = Target::Key(key.clone());
            guards.push(RetryGuard::new(&core.retries, (target, Condition::Always)));
            pipeline.add_command(set_command(key, text.as_bytes(), *ttl));
        }
        // On an error here every guard queues its key.
        let mark = core.retries.queue.mark();
        let mut live = core.link.live_to_write()?;
        let replies = core.link.send_many(&mut live, &pipeline).await?;
        let mut first_error = None;
        for (((key, ..), reply), guard) in entries.iter().zip(replies).zip(guards) {
            settle(guard, &reply);
            match reply {
                Ok(_) => core.retries.queue.forget(key, mark),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t27_t28_seconds_are_whole_positive_and_bounded() {
        assert_eq!(seconds(None), None);
        assert_eq!(seconds(Some(Duration::ZERO)), Some(0));
        assert_eq!(seconds(Some(Duration::from_nanos(1))), Some(1));
        assert_eq!(seconds(Some(Duration::from_millis(999))), Some(1));
        assert_eq!(seconds(Some(Duration::from_millis(2_999))), Some(2));
        assert_eq!(seconds(Some(Duration::MAX)), Some(MAX_SECONDS));
    }
}
