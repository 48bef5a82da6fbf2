//! Removals as callers ask for them: by key, by prefix, several together.

use super::connection::Live;
use super::reply::integer;
use super::retry::{Condition, RetryGuard, Target};
use super::store::settle;
use super::{ValkeyBackend, remove};
use crate::backend::key::{KeyRef, KeySet, Reach, WIRE_PREFIX};
use crate::error::Result;

impl ValkeyBackend {
    pub(in crate::backend) async fn remove(&self, key: KeyRef<'_>) -> Result<bool> {
        self.remove_wire(key.to_wire()).await
    }

    /// A removal; when it fails or its future is dropped it is retried later.
    pub(super) async fn remove_wire(&self, key: String) -> Result<bool> {
        let count = self.remove_wire_keys(vec![key]).await?;
        Ok(count > 0)
    }

    /// Keys in one write. What can be removed is removed; the first error is returned.
    async fn remove_wire_keys(&self, keys: Vec<String>) -> Result<usize> {
        if keys.is_empty() {
            return Ok(0);
        }
        let core = self.core();
        let _changes: Vec<_> = keys
            .iter()
            .map(|key| core.leases.change(key.as_str()))
            .collect();
        let guards: Vec<_> = keys
            .iter()
            .map(|key| {
                RetryGuard::new(&core.retries, (Target::Key(key.clone()), Condition::Always))
            })
            .collect();
        let mark = core.retries.queue.mark();
        let mut live = core.link.live_to_write()?;
        let mut pipeline = redis::pipe();
        for key in &keys {
            pipeline.add_command(remove::unlink(&[key]));
        }
        let replies = core.link.send_many(&mut live, &pipeline).await?;
        let (mut removed, mut first_error) = (0, None);
        for ((key, guard), reply) in keys.iter().zip(guards).zip(replies) {
            let count = reply.and_then(integer);
            settle(guard, &count);
            match count {
                Ok(count) => {
                    core.retries.queue.forget(key, mark);
                    removed += count;
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(removed), Err)
    }

    pub(super) async fn remove_wire_prefix(&self, prefix: String) -> Result<usize> {
        self.remove_wire_prefixes(vec![prefix], None).await
    }

    /// Prefixes in one pass over the server's keys. What can be removed is removed; the first error is returned.
    /// `guild`: whose keys they are, if they are one guild's.
    async fn remove_wire_prefixes(
        &self,
        prefixes: Vec<String>,
        guild: Option<u64>,
    ) -> Result<usize> {
        if prefixes.is_empty() {
            return Ok(0);
        }
        let core = self.core();
        let _change = core.leases.change_all(guild);
        let guards: Vec<_> = prefixes
            .iter()
            .map(|prefix| {
                RetryGuard::new(
                    &core.retries,
                    (Target::Prefix(prefix.clone()), Condition::Always),
                )
            })
            .collect();
        let mut live = core.link.live_to_write()?;
        let all = core.retries.remove_prefixes(&mut live, prefixes).await?;
        let (mut removed, mut first_error) = (0, None);
        for (guard, swept) in guards.into_iter().zip(all) {
            if swept.over {
                guard.disarm();
            }
            match swept.removed {
                Ok(count) => removed += count,
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(removed), Err)
    }

    pub(in crate::backend) async fn remove_set(&self, set: &KeySet<'_>) -> Result<usize> {
        self.remove_together(&[], std::slice::from_ref(set)).await
    }

    /// Keys in one write and sets in one pass, at the same time. What can be removed is removed; the first
    /// error is returned.
    pub(in crate::backend) async fn remove_together(
        &self,
        keys: &[KeyRef<'_>],
        sets: &[KeySet<'_>],
    ) -> Result<usize> {
        let mut wire_keys: Vec<String> = keys.iter().map(KeyRef::to_wire).collect();
        let mut prefixes = Vec::new();
        for set in sets {
            match set.reach() {
                Reach::Key(key) => wire_keys.push(key.to_wire()),
                Reach::Prefix(prefix) => prefixes.push(format!("{WIRE_PREFIX}{prefix}")),
            }
        }
        let (keys, sets) = tokio::join!(
            self.remove_wire_keys(wire_keys),
            self.remove_wire_prefixes(prefixes, KeySet::guild_of_all(sets))
        );
        Ok(keys? + sets?)
    }

    /// Removes a key at once if its removal is owed, so that what compares does not meet an outdated text.
    pub(super) async fn remove_owed(&self, live: &mut Live, key: &str) -> Result<()> {
        let core = self.core();
        if !core.retries.queue.owes(key) {
            return Ok(());
        }
        let mark = core.retries.queue.mark();
        core.link.send(live, &remove::unlink(&[key])).await?;
        core.retries.queue.forget(key, mark);
        Ok(())
    }
}
