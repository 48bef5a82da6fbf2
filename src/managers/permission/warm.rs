//! Filling the cache before the first message asks for it.
//!
//! Which commands a load brings is not known before it ends, so no lease can be taken on each of their keys
//! first. Instead a generation per guild (striped, for the whole process) is read before the load and again
//! after the leases of all keys are taken: whatever changed the guild's permissions through a
//! [`PermissionCache`] moved it (T2). Guild-wide removals by other ways void the leases on ranks and
//! assignments, which are taken before the load. A text-face delete of a single command's key during a load
//! is not seen.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use super::types::GuildPermissions;
use super::{PermissionCache, commands};
use crate::backend::{Backend, Key, KeyRef, Lease, Value};
use crate::error::{Error, Result};
use crate::managers::common::is_local;
use crate::managers::fetch::runtime;
use crate::managers::stats::Event;

const STRIPES: usize = 256;

/// How often an entry that was not published is tried again, while nothing of its guild has changed: leases are
/// striped, and a neighbour's write may void one without touching its key.
const ATTEMPTS: usize = 4;

/// SeqCst throughout: bumps and reads stand beside writes of the backends' own generations.
static GENERATIONS: [AtomicU64; STRIPES] = [const { AtomicU64::new(0) }; STRIPES];

fn generation(guild: u64) -> &'static AtomicU64 {
    // Snowflakes: the low 22 bits are a counter, the time stands above.
    &GENERATIONS[(guild ^ (guild >> 22)) as usize % STRIPES]
}

/// Voids the pre-warming of a guild, or of all, now and once more when dropped.
pub(super) struct Void(Option<u64>);

impl Void {
    pub(super) fn guild(guild: u64) -> Self {
        Self(Some(guild)).now()
    }

    pub(super) fn all() -> Self {
        Self(None).now()
    }

    fn now(self) -> Self {
        match self.0 {
            Some(guild) => {
                generation(guild).fetch_add(1, Ordering::SeqCst);
            }
            None => {
                for generation in &GENERATIONS {
                    generation.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        self
    }
}

impl Drop for Void {
    fn drop(&mut self) {
        std::mem::forget(Self(self.0).now());
    }
}

/// What pre-warming one guild came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warmed {
    /// Entries that the loader returned.
    pub loaded: usize,
    /// Entries stored. The others were changed while they were loaded: what is newer stays.
    pub stored: usize,
}

impl PermissionCache {
    /// Loads everything about a guild's permissions and stores it, in two round trips on Valkey.
    ///
    /// # Errors
    /// Kind `Loader` with the loader's error as source, `Timeout` when it took too long, else the store's
    /// error. Nothing is stored then.
    ///
    /// # Cancel safety
    /// A dropped call drops the loader; what is being stored by then is stored.
    pub async fn pre_warm_guild_cache<F, Fut, E>(
        &self,
        guild: impl Into<u64>,
        load: F,
    ) -> Result<Warmed>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<GuildPermissions, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let guild = guild.into();
        let runtime = runtime()?;
        let backend = self.shared.slot.backend().clone();
        let before = generation(guild).load(Ordering::SeqCst);
        let whole_guild = [
            KeyRef::PermissionRanks { guild },
            KeyRef::PermissionAssignments { guild },
        ]
        .map(|key| backend.lease(key));
        let loading = async { load().await.map_err(Error::loader) };
        let loaded = match self.commands.timed(loading).await {
            Some(loaded) => loaded?,
            None => {
                return Err(Error::timeout(format!(
                    "pre-warming guild {guild} took longer than {:?}",
                    self.shared.load_timeout.unwrap_or_default()
                )));
            }
        };
        let cache = self.clone();
        // In a task: a caller that goes away does not stop a store half-way.
        let storing = runtime.spawn(async move {
            cache
                .store(&backend, guild, before, whole_guild, loaded)
                .await
        });
        match storing.await {
            Ok(stored) => stored,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err(Error::unavailable(format!(
                "pre-warming guild {guild} was ended because its tokio runtime shut down"
            ))),
        }
    }

    async fn store(
        &self,
        backend: &Backend,
        guild: u64,
        before: u64,
        whole_guild: [Lease; 2],
        loaded: GuildPermissions,
    ) -> Result<Warmed> {
        let entries: Vec<(Key, Value)> = loaded
            .commands
            .into_iter()
            .map(|(name, rule)| (commands::rule(guild, &name).to_key(), Value::new(rule)))
            .collect();
        let mut warmed = Warmed {
            loaded: entries.len()
                + usize::from(loaded.ranks.is_some())
                + usize::from(loaded.assignments.is_some()),
            stored: 0,
        };
        // In memory a write costs no round trip: one lease at a time voids no neighbours. Elsewhere all
        // go in one.
        let batch = if is_local(backend) {
            1
        } else {
            entries.len().max(1)
        };
        let mut left = entries;
        for _ in 0..ATTEMPTS {
            let mut unpublished = Vec::new();
            for entries in left.chunks(batch) {
                let leased: Vec<(Lease, KeyRef<'_>, Value)> = entries
                    .iter()
                    .map(|(key, value)| {
                        let key = key.as_key_ref();
                        (backend.lease(key), key, value.clone())
                    })
                    .collect();
                // Only now: a change before this moved it, a change after this voids the leases above.
                let unchanged = generation(guild).load(Ordering::SeqCst) == before
                    && whole_guild
                        .iter()
                        .all(|lease| backend.lease_is_valid(lease));
                if !unchanged {
                    let rest = warmed.loaded - warmed.stored;
                    self.shared.counters.add_many(Event::Overtaken, rest as u64);
                    return Ok(warmed);
                }
                let published = self.publish(backend, leased).await?;
                for (entry, published) in entries.iter().zip(published) {
                    if published {
                        warmed.stored += 1;
                    } else {
                        unpublished.push(entry.clone());
                    }
                }
            }
            left = unpublished;
            if left.is_empty() {
                break;
            }
        }
        let [ranks_lease, assignments_lease] = whole_guild;
        let mut leased = Vec::with_capacity(2);
        if let Some(ranks) = loaded.ranks {
            leased.push((
                ranks_lease,
                KeyRef::PermissionRanks { guild },
                Value::new(ranks),
            ));
        }
        if let Some(assignments) = loaded.assignments {
            let key = KeyRef::PermissionAssignments { guild };
            leased.push((assignments_lease, key, Value::new(assignments)));
        }
        let published = self.publish(backend, leased).await?;
        warmed.stored += published.into_iter().filter(|published| *published).count();
        Ok(warmed)
    }

    async fn publish(
        &self,
        backend: &Backend,
        leased: Vec<(Lease, KeyRef<'_>, Value)>,
    ) -> Result<Vec<bool>> {
        let stored = backend.put_many_leased(leased, self.commands.ttl).await;
        self.commands.published(stored.as_deref());
        stored
    }
}
