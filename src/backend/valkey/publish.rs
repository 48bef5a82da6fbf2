//! Leased and compared writes: what loads and partial updates end with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::retry::{Condition, RetryGuard, Target};
use super::store::{seconds, set_command, settle};
use super::{ValkeyBackend, script};
use crate::backend::kept::Kept;
use crate::backend::key::KeyRef;
use crate::backend::lease::{Snapshot, StoreLease};
use crate::backend::ttl::Ttl;
use crate::backend::value::json::wire::{self, Decoded};
use crate::backend::value::{Json, Value};
use crate::error::Result;
use crate::lease::LeaseTable;

impl ValkeyBackend {
    pub(in crate::backend) fn lease_table(&self) -> &Arc<LeaseTable> {
        self.core().leases.table()
    }

    pub(in crate::backend) fn kept(&self) -> &Kept {
        &self.core().kept
    }

    pub(in crate::backend) fn lease(&self, key: KeyRef<'_>) -> StoreLease {
        let leases = &self.core().leases;
        leases.lease(key.to_wire().as_str(), key.guild())
    }

    pub(in crate::backend) fn void(&self, key: KeyRef<'_>) {
        drop(self.core().leases.change(key.to_wire().as_str()));
    }

    pub(in crate::backend) fn lease_is_valid(&self, lease: &StoreLease) -> bool {
        self.core().leases.is_valid(lease)
    }

    pub(in crate::backend) async fn put_leased(
        &self,
        lease: StoreLease,
        key: KeyRef<'_>,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let published = self
            .put_many_leased(vec![(lease, key, value.clone(), ttl.into())])
            .await?;
        Ok(published.first().copied().unwrap_or(false))
    }

    /// One pipeline. After its replies every lease is checked again, and what has become void meanwhile
    /// is taken back (T1, T2); also when the outcome is unknown or the future is dropped.
    pub(in crate::backend) async fn put_many_leased(
        &self,
        entries: Vec<(StoreLease, KeyRef<'_>, Value, Ttl)>,
    ) -> Result<Vec<bool>> {
        let core = self.core();
        let encoded = entries
            .into_iter()
            .map(|(lease, key, value, ttl)| {
                let text = self.encode(&value.to_json())?;
                Ok((lease, (key.to_wire(), text, ttl.time())))
            })
            .collect::<Result<Vec<_>>>()?;
        let (leases, encoded): (Vec<_>, Vec<_>) = encoded.into_iter().unzip();
        let mut live = core.link.live_to_write()?;
        // `None`: void already.
        let claims: Vec<Option<StoreLease>> = leases
            .into_iter()
            .zip(&encoded)
            .map(|(lease, (key, ..))| {
                // What is owed would take the value along, or be taken for it.
                let owed = core.retries.queue.owes(key);
                if owed { None } else { core.leases.claim(lease) }
            })
            .collect();
        let mut pipeline = redis::pipe();
        let mut sent = Vec::new();
        for ((key, text, ttl), claim) in encoded.iter().zip(&claims) {
            if claim.is_some() {
                pipeline.add_command(set_command(key, text.as_bytes(), *ttl));
                let held = Condition::Holds(text.clone().into_bytes());
                sent.push(RetryGuard::new(
                    &core.retries,
                    (Target::Key(key.clone()), held),
                ));
            }
        }
        if sent.is_empty() {
            return Ok(vec![false; claims.len()]);
        }
        // On an error the guards take back what may have been written.
        let mut replies = core.link.send_many(&mut live, &pipeline).await?.into_iter();
        let mut guards = sent.into_iter();
        let mut published = Vec::with_capacity(claims.len());
        let mut first_error = None;
        for ((key, text, _), claim) in encoded.iter().zip(claims) {
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
            let current = core.leases.is_valid(&claim);
            if current
                || script::compare_and_delete(&core.link, &mut live, key, text.as_bytes())
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
        let text = self.get_base(&key.to_wire()).await?;
        let limit = self.core().link.settings.max_value_bytes;
        let value = text.as_deref().map(|text| {
            if text.len() > limit {
                return Value::from_json(Json::Null);
            }
            match wire::decode(text) {
                Decoded::Json(json) => Value::from_json(json),
                Decoded::Text(text) => Value::from_json(Json::String(text)),
                Decoded::Bytes => Value::from_json(Json::Null),
            }
        });
        Ok(Snapshot::text(value, self.core().leases.store(), text))
    }

    pub(in crate::backend) async fn commit(
        &self,
        key: KeyRef<'_>,
        store: u64,
        old: Option<&[u8]>,
        value: &Value,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        if store != self.core().leases.store() {
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
        let _change = core.leases.change(key);
        let guard = RetryGuard::new(
            &core.retries,
            (Target::Key(key.to_owned()), Condition::Always),
        );
        let mark = core.retries.queue.mark();
        let seconds = seconds(ttl).map(|s| s.to_string()).unwrap_or_default();
        let result = async {
            let mut live = core.link.live_to_write()?;
            script::compare_and_set(&core.link, &mut live, key, old, text.as_bytes(), &seconds)
                .await
        }
        .await;
        settle(guard, &result);
        let written = result?;
        if written {
            core.retries.queue.forget(key, mark);
        }
        Ok(written)
    }

    /// One updater of a key at a time in this process, so that many of them do not overtake one another
    /// on the server. Correctness does not rest on it.
    pub(in crate::backend) async fn update_lock(&self, key: KeyRef<'_>) -> MutexGuard<'_, ()> {
        self.core().update_locks.of(&key).lock().await
    }
}
