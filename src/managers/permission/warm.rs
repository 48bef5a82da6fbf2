//! Filling the cache before the first message asks for it.
//!
//! Which commands a load brings is not known before it ends, so no lease can be taken on each of their keys
//! first. Instead a generation per store and guild (striped, for the whole process) is read before the load and again
//! after the leases of all keys are taken: whatever changed the guild's permissions through a
//! [`PermissionCache`] moved it (T2). Guild-wide removals by other ways void the leases on ranks and
//! assignments, which are taken before the load, and one on a key that pre-warming does not write. A text-face delete of
//! a single command's key during a load is not seen.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use super::types::GuildPermissions;
use super::{PermissionCache, commands};
use crate::backend::{Backend, Key, KeyRef, Lease, Roles, Value};
use crate::error::{Error, Result};
use crate::managers::common::is_local;
use crate::managers::fetch::runtime;
use crate::managers::stats::Event;

/// How often an entry that was not published is tried again, while nothing of its guild has changed: with very many
/// leases out at once some share a slot, and a write of one key voids the other's.
const ATTEMPTS: usize = 4;

/// Counters of changes, for every store of the process: of a guild, and of all its guilds. Striped; a clash leaves entries
/// out of a pre-warming. SeqCst throughout: bumps and reads stand beside writes of the backends' own generations.
static OF_GUILDS: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];
static OF_STORES: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

fn of_guild(store: u64, guild: u64) -> &'static AtomicU64 {
    // Snowflakes: the low 22 bits are a counter, the time stands above.
    let mixed = (guild ^ (guild >> 22)).wrapping_add(store.wrapping_mul(0x9e37_79b9));
    &OF_GUILDS[mixed as usize % OF_GUILDS.len()]
}

fn of_store(store: u64) -> &'static AtomicU64 {
    &OF_STORES[store as usize % OF_STORES.len()]
}

/// How often the permissions of a guild have changed, or all permissions of its store.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Generation(u64, u64);

impl Generation {
    fn now(backend: &Backend, guild: u64) -> Self {
        let store = backend.store_number();
        Self(
            of_store(store).load(Ordering::SeqCst),
            of_guild(store, guild).load(Ordering::SeqCst),
        )
    }
}

/// A key of the guild that no pre-warming writes; the lease on it is void once all of the guild was removed.
fn watched(guild: u64) -> KeyRef<'static> {
    KeyRef::UserPermissionRank {
        guild,
        user: 0,
        roles: Roles::of(&[]),
    }
}

/// Voids the pre-warming of a guild, or of all guilds of a store, now and once more when dropped.
pub(super) struct Void(&'static AtomicU64);

impl Void {
    pub(super) fn guild(backend: &Backend, guild: u64) -> Self {
        Self::now(of_guild(backend.store_number(), guild))
    }

    pub(super) fn all(backend: &Backend) -> Self {
        Self::now(of_store(backend.store_number()))
    }

    fn now(generation: &'static AtomicU64) -> Self {
        generation.fetch_add(1, Ordering::SeqCst);
        Self(generation)
    }
}

impl Drop for Void {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
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
        let before = Generation::now(&backend, guild);
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
                    self.shared.settings().load_timeout.unwrap_or_default()
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
        before: Generation,
        whole_guild: [Lease; 2],
        loaded: GuildPermissions,
    ) -> Result<Warmed> {
        let (commands, ranks, assignments) = (loaded.commands, loaded.ranks, loaded.assignments);
        let mut warmed = Warmed {
            loaded: commands.len()
                + usize::from(ranks.is_some())
                + usize::from(assignments.is_some()),
            stored: 0,
        };
        let mut left: Vec<(Key, Value)> = commands
            .into_iter()
            .map(|(name, rule)| (commands::rule(guild, &name).to_key(), Value::new(rule)))
            .collect();
        // In memory a write costs no round trip, so one lease at a time will do. Elsewhere all go in one.
        let batch = if is_local(backend) {
            1
        } else {
            left.len().max(1)
        };
        // Ranks and assignments go with the first batch, under the leases from before the load. From then on the
        // lease on a key that no pre-warming writes shows whether the whole guild was removed.
        let watch = backend.lease(watched(guild));
        let mut whole_guild = Some(whole_guild);
        for _ in 0..ATTEMPTS {
            let mut unpublished = Vec::new();
            let mut at = 0;
            while at < left.len() || whole_guild.is_some() {
                let entries = &left[at..left.len().min(at + batch)];
                at += entries.len();
                let mut leased: Vec<(Lease, KeyRef<'_>, Value)> = entries
                    .iter()
                    .map(|(key, value)| {
                        let key = key.as_key_ref();
                        (backend.lease(key), key, value.clone())
                    })
                    .collect();
                // Only now: a change before this moved it, a change after this voids the leases above.
                let unchanged = Generation::now(backend, guild) == before
                    && backend.lease_is_valid(&watch)
                    && whole_guild
                        .iter()
                        .flatten()
                        .all(|lease| backend.lease_is_valid(lease));
                if !unchanged {
                    let rest = warmed.loaded - warmed.stored;
                    self.shared.counters.add_many(Event::Overtaken, rest as u64);
                    return Ok(warmed);
                }
                if let Some([ranks_lease, assignments_lease]) = whole_guild.take() {
                    if let Some(ranks) = &ranks {
                        let key = KeyRef::PermissionRanks { guild };
                        leased.push((ranks_lease, key, Value::new(ranks.clone())));
                    }
                    if let Some(assignments) = &assignments {
                        let key = KeyRef::PermissionAssignments { guild };
                        leased.push((assignments_lease, key, Value::new(assignments.clone())));
                    }
                }
                let published = self.publish(backend, leased).await?;
                warmed.stored += published.iter().filter(|published| **published).count();
                for (entry, published) in entries.iter().zip(published) {
                    if !published {
                        unpublished.push(entry.clone());
                    }
                }
            }
            left = unpublished;
            if left.is_empty() {
                break;
            }
        }
        Ok(warmed)
    }

    async fn publish(
        &self,
        backend: &Backend,
        leased: Vec<(Lease, KeyRef<'_>, Value)>,
    ) -> Result<Vec<bool>> {
        let stored = backend.put_many_leased(leased, self.commands.ttl()).await;
        self.commands.published(stored.as_deref());
        stored
    }
}
