//! Pre-warming of many guilds: bounded concurrency, progress, failures one by one.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::{Id, JoinSet};

use super::PermissionCache;
use super::rows::GuildPermissions;
use crate::error::{Error, ErrorKind, Result};
use crate::managers::GuildId;

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
    pub fn pre_warm_all_caches<G, L, Fut, E>(
        &self,
        guilds: impl IntoIterator<Item = G>,
        load: L,
        concurrency: usize,
    ) -> PreWarm<L>
    where
        G: Into<GuildId>,
        // Asked for here already, so that the type of the closure's argument need not be written down.
        L: Fn(u64) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<GuildPermissions, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        PreWarm {
            cache: self.clone(),
            guilds: guilds.into_iter().map(|guild| guild.into().0).collect(),
            load,
            concurrency: concurrency.max(1),
            on_progress: None,
        }
    }
}

/// How often a guild is loaded once more because something changed while it was loaded, or seemed to: the counters of
/// changes are striped, and two guilds may share one.
const RELOADS: usize = 4;

type OnProgress = Box<dyn FnMut(WarmProgress) + Send>;

/// Pre-warming of many guilds, begun when it is awaited.
///
/// A guild of which something changed while it was loaded is loaded again, up to four times. One guild's failure (an
/// error, a time-out, a panic in its loader) is reported and stops no other. Awaiting is cancel safe: dropped, it starts no further guild and drops the loaders under way.
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
        // Guilds that are loaded once more, once for each time: something changed while they were loaded.
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
                Ok(warmed)
                    if warmed.stored < warmed.loaded
                        && again.iter().filter(|again| **again == guild).count() < RELOADS =>
                {
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
