//! The permissions of commands: rules, one by one and in batches.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;

use super::families::CommandRules;
use super::keys::{command_of, fallback, lineage, rule};
use super::rows::{CommandPermission, CommandRule};
use super::{PermissionCache, uncancelled, warm};
use crate::backend::{Key, KeyFamily, KeyRef, KeySet};
use crate::error::{Error, Result};
use crate::managers::GuildId;
use crate::typed::TypedCache;
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::stale::MaybeStale;
use crate::typed::stats::Event;

impl PermissionCache {
    /// The cached rule of a command itself. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error, never "unset".
    #[inline(always)]
    pub async fn get(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
    ) -> Result<Option<CommandRule>> {
        lookup!(self.commands, (guild.into(), command))
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
    ) -> Result<Option<MaybeStale<CommandRule>>> {
        self.commands.get_or_stale((guild.into(), command)).await
    }

    /// The cached rules of several commands, in their order; one round trip in Valkey.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<C: AsRef<str> + Sync>(
        &self,
        guild: impl Into<GuildId>,
        commands: &[C],
    ) -> Result<Vec<Option<CommandRule>>> {
        let GuildId(guild) = guild.into();
        let keys: Vec<KeyRef<'_>> = commands.iter().map(|c| rule(guild, c.as_ref())).collect();
        self.commands.get_many_at(&keys).await
    }

    /// The cached rule of a command, or what `load` returns (`Option<CommandPermission>` will do): one load
    /// per key in this process.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](crate::managers::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, P, E>(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
        load: F,
    ) -> Result<CommandRule>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<CommandRule>,
        E: StdError + Send + Sync + 'static,
    {
        let key = (guild.into(), command);
        lookup_or_load!(self.commands, key, load, Error::loader)
    }

    /// The rules of several commands, in their order: one round trip when all are cached; else one call of
    /// `load` with the names of those that are missing and that nobody loads yet. `load` returns the rows it
    /// finds; a name without a row is known to have none.
    ///
    /// # Errors
    /// As [`get_or_fetch`](Self::get_or_fetch). If another caller that led one of the loads went away, and
    /// this caller's `load` is spent already, kind `Loader`: ask again.
    ///
    /// # Panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub async fn get_or_fetch_many<C, F, Fut, R, E>(
        &self,
        guild: impl Into<GuildId>,
        commands: &[C],
        load: F,
    ) -> Result<Vec<CommandRule>>
    where
        C: AsRef<str> + Sync,
        F: FnOnce(Vec<String>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = CommandPermission>,
        E: StdError + Send + Sync + 'static,
    {
        let GuildId(guild) = guild.into();
        let keys: Vec<Key> = commands
            .iter()
            .map(|command| rule(guild, command.as_ref()).to_key())
            .collect();
        let load = Box::new(move |keys: Vec<Key>| {
            let names: Vec<String> = keys.iter().map(|key| command_of(key).to_owned()).collect();
            // The loader itself runs inside the future, in its task: a panic in it unwinds there.
            let future: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
                let rows = load(names.clone()).await.map_err(Error::loader)?;
                let mut rows: HashMap<String, CommandRule> = rows
                    .into_iter()
                    .map(|row| (row.command_name.clone(), row.into()))
                    .collect();
                let rules = names
                    .iter()
                    .map(|name| Some(rows.remove(name).unwrap_or(CommandRule::Unset)));
                Ok(rules.collect::<Vec<_>>())
            });
            future
        });
        let rules = self.commands.get_or_load_many(keys.clone(), load).await?;
        TypedCache::<CommandRules>::all_of(&keys, rules)
    }

    /// Writes a command's rule, and removes what depends on it: the fallbacks of the command and of its
    /// children. In Valkey it looks through all keys of the server: other processes, Python ones too, may have
    /// written children that nothing lists.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set) and
    /// [`delete_prefix`](crate::backend::Backend::delete_prefix). What depends on the rule is removed even if the write
    /// failed, and in Valkey what could not be removed is retried by itself.
    ///
    /// # Cancel safety
    /// Once begun it is carried out, whether or not its caller stays.
    pub async fn set(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
        permission: impl Into<CommandRule>,
    ) -> Result<()> {
        let (GuildId(guild), rule_now) = (guild.into(), permission.into());
        let (cache, command) = (self.clone(), command.to_owned());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            let written = cache.commands.put(rule(guild, &command), rule_now).await;
            let removed = cache.remove_fallbacks(guild, &command).await;
            written.and(removed)
        })
        .await
    }

    /// Removes all that is cached about a command, its parents and its children, rules and fallbacks, for
    /// every process. In Valkey it looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete`](crate::backend::Backend::delete); what can be removed is removed all the same,
    /// and in Valkey the rest is retried by itself.
    ///
    /// # Cancel safety
    /// Once begun it is carried out, whether or not its caller stays.
    pub async fn invalidate(&self, guild: impl Into<GuildId>, command: &str) -> Result<()> {
        let GuildId(guild) = guild.into();
        let (cache, command) = (self.clone(), command.to_owned());
        uncancelled(self.is_in_process(), async move {
            let _change = warm::change(cache.shared.cell.backend(), guild);
            cache.shared.counters.add(Event::Invalidation);
            let keys: Vec<KeyRef<'_>> = lineage(&command)
                .flat_map(|name| [rule(guild, name), fallback(guild, name)])
                .collect();
            let parent = command.as_str();
            let sets = [
                KeyFamily::CommandPermission,
                KeyFamily::CommandPermissionFallback,
            ]
            .map(|family| KeySet::Children {
                family,
                guild,
                parent,
            });
            cache.shared.remove_together(&keys, &sets).await.map(drop)
        })
        .await
    }
}
