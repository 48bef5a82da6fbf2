//! Reads and writes as the managers need them: typed, leased, compared.

use std::time::Duration;

use redis::{Cmd, Value as Reply};
use tokio::sync::MutexGuard;

use super::guard::Voiding;
use super::{Condition, RetryGuard, Target, Undecodable, ValkeyBackend, remove, script};
use crate::backend::codec::{self, Decoded};
use crate::backend::generation::Ticket;
use crate::backend::key::{KeyRef, WIRE_PREFIX};
use crate::backend::key_set::{KeySet, Reach};
use crate::backend::lease::{Lease, Snapshot};
use crate::backend::value::{CacheValue, Json, Value};
use crate::error::{Error, ErrorKind, Result, RetryClass};

/// The longest TTL sent: a thousand years. Far more overflows the server's clock.
const MAX_SECONDS: u64 = 1_000 * 365 * 24 * 3600;

/// The most keys in one round trip: with more, everybody else on the connection would wait.
const MAX_BATCH: usize = 8_192;

/// A TTL in the server's whole seconds: `None` no expiry, 0 delete; a positive TTL below a second is a
/// second (T27), a huge one saturates (T28).
fn seconds(ttl: Option<Duration>) -> Option<u64> {
    ttl.map(|ttl| match (ttl.as_secs(), ttl.is_zero()) {
        (_, true) => 0,
        (seconds, false) => seconds.clamp(1, MAX_SECONDS),
    })
}

fn set_command(key: &str, text: &[u8], ttl: Option<Duration>) -> Cmd {
    let mut cmd = Cmd::new();
    match seconds(ttl) {
        None => cmd.arg("SET").arg(key).arg(text),
        Some(0) => cmd.arg("UNLINK").arg(key),
        Some(seconds) => cmd.arg("SETEX").arg(key).arg(seconds).arg(text),
    };
    cmd
}

/// A write or removal that an outage kept from the server leaves a value there that its caller knows to be
/// outdated: it is removed later. One that was answered, or refused for good, is over.
fn settle<T>(guard: RetryGuard<'_>, result: &Result<T>) {
    match result {
        Err(error) if error.retry_class() != RetryClass::Never => drop(guard),
        _ => guard.disarm(),
    }
}

fn bytes(reply: Reply) -> Result<Option<Vec<u8>>> {
    match reply {
        Reply::BulkString(bytes) => Ok(Some(bytes)),
        Reply::SimpleString(text) => Ok(Some(text.into_bytes())),
        Reply::Nil => Ok(None),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            "a text was expected from the server",
        )),
    }
}

impl ValkeyBackend {
    /// The wire text of a value within the size limit.
    pub(super) fn encode(&self, value: &Json) -> Result<String> {
        codec::encode(value, self.core().settings.max_value_bytes)
    }

    /// What a text read means, and whether it is to be removed as undecodable.
    fn decode(&self, text: &[u8]) -> Option<Json> {
        match codec::decode(text) {
            Decoded::Json(json) => Some(json),
            Decoded::Text(text) if self.core().settings.undecodable == Undecodable::AsText => {
                Some(Json::String(text))
            }
            Decoded::Text(_) | Decoded::Bytes => None,
        }
    }

    /// Counts a value nobody can use; by option it is also removed, unless it has changed (T33).
    async fn undecodable(&self, key: &str, text: &[u8]) {
        let core = self.core();
        core.counters.undecodable();
        if core.settings.undecodable != Undecodable::DeleteAndMiss {
            return;
        }
        if let Ok(mut live) = core.live()
            && let Err(error) = script::compare_and_delete(core, &mut live, key, text).await
        {
            tracing::debug!(%error, "an undecodable value could not be removed");
        }
    }

    async fn get_text(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let mut cmd = Cmd::new();
        cmd.arg("GET").arg(key);
        bytes(self.core().request(&cmd).await?)
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
        let value = self.decode(&text).as_ref().and_then(T::from_json);
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
            match self.core().request(&cmd).await? {
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
        self.get_many_by(keys, |json| Some(json.clone())).await
    }

    pub(in crate::backend) async fn get_many_as<T: CacheValue>(
        &self,
        keys: &[KeyRef<'_>],
    ) -> Result<Vec<Option<T>>> {
        let keys: Vec<String> = keys.iter().map(KeyRef::to_wire).collect();
        self.get_many_by(&keys, T::from_json).await
    }

    async fn get_many_by<T>(
        &self,
        keys: &[String],
        read: impl Fn(&Json) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let texts = self.get_many_texts(keys).await?;
        let mut values = Vec::with_capacity(texts.len());
        for (key, text) in keys.iter().zip(texts) {
            let value = match &text {
                None => None,
                Some(text) => self.decode(text).as_ref().and_then(&read),
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
        let _bump = Voiding::new(core, key);
        let guard = RetryGuard::new(core, (Target::Key(key.to_owned()), Condition::Always));
        let result = core.request(&set_command(key, text.as_bytes(), ttl)).await;
        settle(guard, &result);
        result?;
        core.queue.forget(key);
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
        let (mut voiding, mut guards) = (Vec::new(), Vec::new());
        let mut pipeline = redis::pipe();
        for (key, text, ttl) in entries {
            voiding.push(Voiding::new(core, key));
            let target = Target::Key(key.clone());
            guards.push(RetryGuard::new(core, (target, Condition::Always)));
            pipeline.add_command(set_command(key, text.as_bytes(), *ttl));
        }
        // On an error here every guard queues its key.
        let mut live = core.live()?;
        let replies = core.send_many(&mut live, &pipeline).await?;
        let mut first_error = None;
        for (((key, ..), reply), guard) in entries.iter().zip(replies).zip(guards) {
            settle(guard, &reply);
            match reply {
                Ok(_) => core.queue.forget(key),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    pub(in crate::backend) async fn remove(&self, key: KeyRef<'_>) -> Result<bool> {
        self.remove_wire(key.to_wire()).await
    }

    /// A removal; when it fails or its future is dropped it is retried later.
    pub(super) async fn remove_wire(&self, key: String) -> Result<bool> {
        let core = self.core();
        let _bump = Voiding::new(core, &key);
        let guard = RetryGuard::new(core, (Target::Key(key.clone()), Condition::Always));
        let result = async {
            let mut live = core.live()?;
            remove::unlink(core, &mut live, &[&key]).await
        }
        .await;
        settle(guard, &result);
        let count = result?;
        core.queue.forget(&key);
        Ok(count > 0)
    }

    pub(super) async fn remove_wire_prefix(&self, prefix: String) -> Result<usize> {
        let core = self.core();
        core.generations.bump_all();
        let _bump = crate::backend::custom::OnDrop(|| core.generations.bump_all());
        let guard = RetryGuard::new(core, (Target::Prefix(prefix.clone()), Condition::Always));
        let result = async {
            let mut live = core.live()?;
            remove::by_prefix(core, &mut live, &prefix).await
        }
        .await;
        settle(guard, &result);
        result
    }

    pub(in crate::backend) async fn remove_set(&self, set: &KeySet<'_>) -> Result<usize> {
        match set.reach() {
            Reach::Key(key) => Ok(self.remove(key).await?.into()),
            Reach::Prefix(prefix) => {
                self.remove_wire_prefix(format!("{WIRE_PREFIX}{prefix}"))
                    .await
            }
        }
    }

    pub(in crate::backend) fn lease(&self, key: KeyRef<'_>) -> Lease {
        Lease::ticket(self.core().generations.ticket(key.to_wire().as_str()))
    }

    pub(in crate::backend) fn is_current(&self, ticket: &Ticket) -> bool {
        self.core().generations.is_current(ticket)
    }

    pub(in crate::backend) async fn put_leased(
        &self,
        lease: Lease,
        key: KeyRef<'_>,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let published = self
            .put_many_leased(vec![(lease, key, value.clone())], ttl)
            .await?;
        Ok(published.first().copied().unwrap_or(false))
    }

    /// One pipeline. After its replies every lease is checked again, and what has become void meanwhile
    /// is taken back (T1, T2); also when the outcome is unknown or the future is dropped.
    pub(in crate::backend) async fn put_many_leased(
        &self,
        entries: Vec<(Lease, KeyRef<'_>, Value)>,
        ttl: Option<Duration>,
    ) -> Result<Vec<bool>> {
        let core = self.core();
        let encoded = entries
            .into_iter()
            .map(|(lease, key, value)| {
                Ok((
                    lease.as_ticket(),
                    key.to_wire(),
                    self.encode(&value.to_json())?,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut live = core.live()?;
        // `None`: void already.
        let claims: Vec<Option<Ticket>> = core
            .generations
            .claim_all(encoded.iter().map(|(ticket, ..)| *ticket));
        let mut pipeline = redis::pipe();
        let mut sent = Vec::new();
        for ((_, key, text), claim) in encoded.iter().zip(&claims) {
            if claim.is_some() {
                pipeline.add_command(set_command(key, text.as_bytes(), ttl));
                let held = Condition::Holds(text.clone().into_bytes());
                sent.push(RetryGuard::new(core, (Target::Key(key.clone()), held)));
            }
        }
        if sent.is_empty() {
            return Ok(vec![false; claims.len()]);
        }
        // On an error the guards take back what may have been written.
        let mut replies = core.send_many(&mut live, &pipeline).await?.into_iter();
        let mut guards = sent.into_iter();
        let mut published = Vec::with_capacity(claims.len());
        let mut first_error = None;
        for ((_, key, text), claim) in encoded.iter().zip(claims) {
            let Some(claim) = claim else {
                published.push(false);
                continue;
            };
            let (Some(reply), Some(guard)) = (replies.next(), guards.next()) else {
                break;
            };
            if let Err(error) = reply {
                // Refused by the server: nothing was written.
                guard.disarm();
                first_error.get_or_insert(error);
                continue;
            }
            let current = core.generations.is_current(&claim);
            if current
                || script::compare_and_delete(core, &mut live, key, text.as_bytes())
                    .await
                    .is_ok()
            {
                guard.disarm();
            }
            published.push(current);
        }
        match first_error {
            None => Ok(published),
            Some(error) => Err(error),
        }
    }

    pub(in crate::backend) async fn snapshot(&self, key: KeyRef<'_>) -> Result<Snapshot> {
        let text = self.get_text(&key.to_wire()).await?;
        let value = text.as_deref().map(|text| match codec::decode(text) {
            Decoded::Json(json) => Value::from_json(json),
            Decoded::Text(text) => Value::from_json(Json::String(text)),
            Decoded::Bytes => Value::from_json(Json::Null),
        });
        Ok(Snapshot::text(value, self.core().generations.id(), text))
    }

    pub(in crate::backend) async fn commit(
        &self,
        key: KeyRef<'_>,
        store: u64,
        old: Option<&[u8]>,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        if store != self.core().generations.id() {
            return Ok(false);
        }
        self.compare_and_set_text(&key.to_wire(), old, &value.to_json(), ttl)
            .await
    }

    pub(super) async fn compare_and_set_text(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: &Json,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let text = self.encode(new)?;
        let core = self.core();
        let _bump = Voiding::new(core, key);
        let guard = RetryGuard::new(core, (Target::Key(key.to_owned()), Condition::Always));
        let seconds = seconds(ttl).map(|s| s.to_string()).unwrap_or_default();
        let result = async {
            let mut live = core.live()?;
            script::compare_and_set(core, &mut live, key, old, text.as_bytes(), &seconds).await
        }
        .await;
        settle(guard, &result);
        let written = result?;
        if written {
            core.queue.forget(key);
        }
        Ok(written)
    }

    /// One updater of a key at a time in this process, so that many of them do not overtake one another
    /// on the server. Striped; correctness does not rest on it.
    pub(in crate::backend) async fn update_turn(&self, key: KeyRef<'_>) -> MutexGuard<'_, ()> {
        let guild = key.guild().unwrap_or_default();
        let turns = &self.core().turns;
        let stripe = (guild ^ (guild >> 22)) as usize % turns.len();
        turns[stripe].lock().await
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
