//! Filling the cache before the first message asks for it.
//!
//! Which commands a load brings is not known before it ends, so no lease can be taken on each of their keys
//! first. Instead a generation per guild (striped, for the whole process) is read before the load and again
//! after the leases of all keys are taken: whatever changed the guild's permissions through a
//! [`PermissionCache`] moved it (T2). Guild-wide removals by other ways void the leases on ranks and
//! assignments, which are taken before the load. A text-face delete of a single command's key during a load
//! is not seen.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{Id, JoinSet};

use super::types::GuildPermissions;
use super::{PermissionCache, commands, is_local};
use crate::backend::{Backend, Key, KeyRef, Lease, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::managers::fetch::runtime;
use crate::managers::stats::Event;

const STRIPES: usize = 256;

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

/// What pre-warming many guilds came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct WarmReport {
    /// Guilds that went well.
    pub guilds: usize,
    /// Entries stored for them.
    pub stored: usize,
    /// Guilds that did not, and why.
    pub failed: Vec<WarmFailure>,
}

/// A guild that could not be pre-warmed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WarmFailure {
    /// The guild.
    pub guild: u64,
    /// Why.
    pub error: Error,
}

/// How far pre-warming has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmProgress {
    /// The guild that was finished just now.
    pub guild: u64,
    /// Guilds finished, well or not.
    pub done: usize,
    /// Of these, how many failed.
    pub failed: usize,
    /// Guilds asked for.
    pub total: usize,
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
        for entries in entries.chunks(batch) {
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
                let left = warmed.loaded - warmed.stored;
                self.shared.counters.add_many(Event::Overtaken, left as u64);
                return Ok(warmed);
            }
            warmed.stored += self.publish(backend, leased).await?;
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
        warmed.stored += self.publish(backend, leased).await?;
        Ok(warmed)
    }

    async fn publish(
        &self,
        backend: &Backend,
        leased: Vec<(Lease, KeyRef<'_>, Value)>,
    ) -> Result<usize> {
        let stored = backend.put_many_leased(leased, self.commands.ttl).await;
        self.commands.published(stored.as_deref());
        Ok(stored?.into_iter().filter(|stored| *stored).count())
    }

    /// Pre-warms many guilds, at most `concurrency` at a time (0 counts as 1). Await the result; before that,
    /// [`on_progress`](PreWarm::on_progress) may be set.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use tux_cache::managers::{GuildPermissions, PermissionCache};
    /// # async fn load(guild: u64) -> Result<GuildPermissions, std::io::Error> {
    /// #     if guild == 3 { Err(std::io::Error::other("no such guild")) } else { Ok(GuildPermissions::new()) }
    /// # }
    /// let permissions = PermissionCache::in_memory();
    /// let report = permissions
    ///     .pre_warm_all_caches([1_u64, 2, 3], |guild| load(guild), 2)
    ///     .on_progress(|at| println!("{} of {}", at.done, at.total))
    ///     .await;
    /// assert_eq!((report.guilds, report.failed[0].guild), (2, 3));
    /// # }
    /// ```
    pub fn pre_warm_all_caches<G, L>(
        &self,
        guilds: impl IntoIterator<Item = G>,
        load: L,
        concurrency: usize,
    ) -> PreWarm<L>
    where
        G: Into<u64>,
    {
        PreWarm {
            cache: self.clone(),
            guilds: guilds.into_iter().map(Into::into).collect(),
            load,
            concurrency: concurrency.max(1),
            on_progress: None,
        }
    }
}

type OnProgress = Box<dyn FnMut(WarmProgress) + Send>;

/// Pre-warming of many guilds, begun when it is awaited.
///
/// A guild of which something changed while it was loaded is loaded once more. One guild's failure (an error, a time-out, a panic in its loader) is reported and stops no other. Awaiting
/// is cancel safe: dropped, it starts no further guild and drops the loaders under way.
#[must_use = "nothing is loaded until it is awaited"]
pub struct PreWarm<L> {
    cache: PermissionCache,
    guilds: VecDeque<u64>,
    load: L,
    concurrency: usize,
    on_progress: Option<OnProgress>,
}

impl<L> PreWarm<L> {
    /// Calls `f` after each guild, in the awaiting task.
    pub fn on_progress(mut self, f: impl FnMut(WarmProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(f));
        self
    }
}

impl<L> fmt::Debug for PreWarm<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreWarm")
            .field("guilds", &self.guilds.len())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl<L, Fut, E> IntoFuture for PreWarm<L>
where
    L: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<GuildPermissions, E>> + Send + 'static,
    E: StdError + Send + Sync + 'static,
{
    type Output = WarmReport;
    type IntoFuture = Pin<Box<dyn Future<Output = WarmReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<L, Fut, E> PreWarm<L>
where
    L: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<GuildPermissions, E>> + Send + 'static,
    E: StdError + Send + Sync + 'static,
{
    async fn run(self) -> WarmReport {
        let Self {
            cache,
            mut guilds,
            load,
            concurrency,
            mut on_progress,
        } = self;
        let load = Arc::new(load);
        // Guilds that something changed while they were loaded, and that have not had a second try.
        let mut again: Vec<u64> = Vec::new();
        let total = guilds.len();
        let mut report = WarmReport::default();
        // Dropped with this future: what is under way is aborted.
        let mut tasks = JoinSet::new();
        let mut under_way: Vec<(Id, u64)> = Vec::with_capacity(concurrency.min(total));
        loop {
            while tasks.len() < concurrency
                && let Some(guild) = guilds.pop_front()
            {
                let (cache, load) = (cache.clone(), Arc::clone(&load));
                let task = tasks.spawn(async move {
                    let load = move || async move { load(guild).await };
                    cache.pre_warm_guild_cache(guild, load).await
                });
                under_way.push((task.id(), guild));
            }
            let Some(finished) = tasks.join_next_with_id().await else {
                return report;
            };
            let (id, result) = match finished {
                Ok((id, result)) => (id, result),
                Err(failed) => (
                    failed.id(),
                    Err(Error::new(
                        ErrorKind::Loader,
                        "the loader panicked, or its tokio runtime shut down",
                    )),
                ),
            };
            let Some(at) = under_way.iter().position(|(task, _)| *task == id) else {
                continue;
            };
            let (_, guild) = under_way.swap_remove(at);
            match result {
                Ok(warmed) if warmed.stored < warmed.loaded && !again.contains(&guild) => {
                    again.push(guild);
                    guilds.push_back(guild);
                    continue;
                }
                Ok(warmed) => {
                    report.guilds += 1;
                    report.stored += warmed.stored;
                }
                Err(error) => report.failed.push(WarmFailure { guild, error }),
            }
            if let Some(on_progress) = &mut on_progress {
                on_progress(WarmProgress {
                    guild,
                    done: report.guilds + report.failed.len(),
                    failed: report.failed.len(),
                    total,
                });
            }
        }
    }
}
