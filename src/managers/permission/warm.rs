//! Filling the cache before the first message asks for it.
//!
//! Which commands a load brings is not known before it ends, so no lease can be taken on each of their keys
//! first. Instead a lease on the guild's permissions as a whole is taken before the load and looked at
//! after the leases of all keys are taken: whatever changed the guild's permissions through a
//! [`PermissionCache`] voids it (T2). Guild-wide removals by other ways void the leases on ranks and
//! assignments, which are taken before the load, and one on a key that pre-warming does not write. A text-face delete of
//! a single command's key during a load is not seen.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;

use super::families::CommandRules;
use super::rows::{CommandRule, GuildPermissions};
use super::{PermissionCache, fallbacks, keys};
use crate::backend::{Backend, Key, KeyRef, Roles, StoreLease, Value};
use crate::error::{Error, Result};
use crate::lease::{ChangeGuard, Lease, named};
use crate::managers::GuildId;
use crate::typed::family::Family;
use crate::typed::fetch::runtime;
use crate::typed::shared::is_in_process;
use crate::typed::stats::Event;

/// How often an entry that was not published is tried again, while nothing of its guild has changed: with very many
/// leases out at once some share a cell, and a write of one key voids the other's.
const ATTEMPTS: usize = 4;

/// What the permissions of a guild have as a whole, and those of all guilds: cells of the store's leases.
fn cell_of(guild: u64) -> u64 {
    named("permissions of guild", guild)
}

fn cell_of_all() -> u64 {
    named("permissions of every guild", 0)
}

/// Leases on a guild's permissions as a whole: void as soon as any of them is changed.
struct WholeGuild([Lease; 2]);

impl WholeGuild {
    fn lease(backend: &Backend, guild: u64) -> Self {
        let table = backend.lease_table();
        Self([cell_of(guild), cell_of_all()].map(|cell| table.lease_in(cell, Some(guild), || 0)))
    }

    /// Whether nothing was changed since, on the store that serves now.
    fn holds(&self, backend: &Backend) -> bool {
        let table = backend.lease_table();
        self.0
            .iter()
            .all(|lease| lease.is_of(table) && lease.is_valid(0))
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

/// A change of a guild's permissions: voids the pre-warming of that guild.
pub(super) fn change(backend: &Backend, guild: u64) -> ChangeGuard<impl Fn() + Send + use<>> {
    change_of(backend, cell_of(guild))
}

/// A change of every guild's permissions.
pub(super) fn change_all(backend: &Backend) -> ChangeGuard<impl Fn() + Send + use<>> {
    change_of(backend, cell_of_all())
}

fn change_of(backend: &Backend, cell: u64) -> ChangeGuard<impl Fn() + Send + use<>> {
    let table = Arc::clone(backend.lease_table());
    ChangeGuard::new(move || table.void(cell))
}

/// What pre-warming one guild came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmedGuild {
    /// Entries that the loader returned.
    pub loaded: usize,
    /// Entries stored. The others were changed while they were loaded: what is newer stays. Or they hold a row that other
    /// readers would refuse; the log says so.
    pub stored: usize,
    /// Entries stored beside them: the nearest permission of each command whose parents are known, which is all that the
    /// Python side reads of some commands. In this process's memory only those of commands with parents.
    pub fallbacks: usize,
}

/// What is to be stored.
#[derive(Clone)]
struct WarmEntry {
    key: Key,
    value: Value,
    /// A fallback, which the loader did not return.
    derived: bool,
}

impl PermissionCache {
    /// Loads everything about a guild's permissions and stores it, with the nearest permission of each command (its
    /// fallback) whose parents are among what was loaded; in two round trips on Valkey.
    ///
    /// # Errors
    /// Kind `Loader` with the loader's error as source, `Timeout` when it took too long, else the store's
    /// error. Nothing is stored then.
    ///
    /// # Cancel safety
    /// A dropped call drops the loader; what is being stored by then is stored.
    pub async fn pre_warm_guild_cache<F, Fut, E>(
        &self,
        guild: impl Into<GuildId>,
        load: F,
    ) -> Result<WarmedGuild>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<GuildPermissions, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let GuildId(guild) = guild.into();
        let runtime = runtime()?;
        let backend = self.shared.cell.backend().clone();
        let before = WholeGuild::lease(&backend, guild);
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
        before: WholeGuild,
        whole_guild: [StoreLease; 2],
        loaded: GuildPermissions,
    ) -> Result<WarmedGuild> {
        let (commands, ranks, assignments) = (loaded.commands, loaded.ranks, loaded.assignments);
        let mut warmed = WarmedGuild {
            loaded: commands.len()
                + usize::from(ranks.is_some())
                + usize::from(assignments.is_some()),
            ..WarmedGuild::default()
        };
        let mut left = self.entries(guild, &commands, is_in_process(backend));
        let ranks = ranks.filter(|ranks| {
            let key = KeyRef::PermissionRanks { guild };
            self.ranks.may_store(key, ranks)
        });
        let assignments = assignments.filter(|assignments| {
            let key = KeyRef::PermissionAssignments { guild };
            self.assignments.may_store(key, assignments)
        });
        let rules = left.iter().filter(|entry| !entry.derived).count();
        let to_store = rules + usize::from(ranks.is_some()) + usize::from(assignments.is_some());
        // In memory a write costs no round trip, so one lease at a time will do. Elsewhere all go in one.
        let batch = if is_in_process(backend) {
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
                let mut leased: Vec<(StoreLease, KeyRef<'_>, Value)> = entries
                    .iter()
                    .map(|entry| {
                        let key = entry.key.as_key_ref();
                        (backend.lease(key), key, entry.value.clone())
                    })
                    .collect();
                // Only now: a change before this voided it, a change after this voids the leases above.
                let unchanged = before.holds(backend)
                    && backend.lease_is_valid(&watch)
                    && whole_guild
                        .iter()
                        .flatten()
                        .all(|lease| backend.lease_is_valid(lease));
                if !unchanged {
                    let rest = to_store - warmed.stored;
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
                // Ranks and assignments come after the entries.
                let all = published.iter().filter(|published| **published).count();
                let mut derived = 0;
                for (entry, published) in entries.iter().zip(published) {
                    match published {
                        true => derived += usize::from(entry.derived),
                        false => unpublished.push(entry.clone()),
                    }
                }
                warmed.fallbacks += derived;
                warmed.stored += all - derived;
            }
            left = unpublished;
            if left.is_empty() {
                break;
            }
        }
        Ok(warmed)
    }

    /// The rules, and the fallbacks that follow from them. Memory has no reader that knows of fallbacks alone, and those
    /// of commands without parents say there what the rules say.
    fn entries(
        &self,
        guild: u64,
        rules: &HashMap<String, CommandRule>,
        local: bool,
    ) -> Vec<WarmEntry> {
        let mut entries = Vec::with_capacity(2 * rules.len());
        let mut add = |key: KeyRef<'_>, rule: CommandRule, derived| {
            let key = key.to_key();
            let value = Value::new(rule);
            entries.push(WarmEntry {
                key,
                value,
                derived,
            });
        };
        for (name, rule) in rules {
            let key = keys::rule(guild, name);
            if self.commands.may_store(key, rule) {
                add(key, rule.clone(), false);
            }
            if local && !name.contains(' ') {
                continue;
            }
            let line = keys::lineage(name).map(|name| rules.get(name).cloned());
            // One that is not whole is not among the rules either.
            if let Some(nearest) =
                fallbacks::nearest(line).filter(|rule| CommandRules::check(rule).is_ok())
            {
                add(keys::fallback(guild, name), nearest, true);
            }
        }
        entries
    }

    async fn publish(
        &self,
        backend: &Backend,
        leased: Vec<(StoreLease, KeyRef<'_>, Value)>,
    ) -> Result<Vec<bool>> {
        let stored = backend.put_many_leased(leased, self.commands.ttl()).await;
        self.commands.published(stored.as_deref());
        stored
    }
}
