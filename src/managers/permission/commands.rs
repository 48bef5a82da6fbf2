//! The permissions of commands: rules, fallbacks to parent commands, batches.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;

use super::types::{CommandPermission, CommandRule};
use super::{PermissionCache, warm, whole};
use crate::backend::{Family, Key, KeyRef, KeySet};
use crate::error::{Error, Result};
use crate::managers::answer::{answer, answer_or_load};
use crate::managers::stale::Labelled;
use crate::managers::stats::Event;

/// The command and those above it, nearest first: `"a b c"`, `"a b"`, `"a"`.
pub(crate) fn lineage(command: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(command), |command| {
        command.rsplit_once(' ').map(|(parent, _)| parent)
    })
}

impl PermissionCache {
    /// The cached rule of a command itself. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error, never "unset".
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<u64>, command: &str) -> Result<Option<CommandRule>> {
        answer!(self.commands, rule(guild.into(), command))
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<u64>,
        command: &str,
    ) -> Result<Option<Labelled<CommandRule>>> {
        self.commands
            .get_or_stale(rule(guild.into(), command))
            .await
    }

    /// The cached rules of several commands, in their order; one round trip in Valkey.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<C: AsRef<str> + Sync>(
        &self,
        guild: impl Into<u64>,
        commands: &[C],
    ) -> Result<Vec<Option<CommandRule>>> {
        let guild = guild.into();
        let keys: Vec<KeyRef<'_>> = commands.iter().map(|c| rule(guild, c.as_ref())).collect();
        self.commands.get_many(&keys).await
    }

    /// The cached rule of a command, or what `load` returns (`Option<CommandPermission>` will do): one load
    /// per key in this process.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](crate::managers::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, P, E>(
        &self,
        guild: impl Into<u64>,
        command: &str,
        load: F,
    ) -> Result<CommandRule>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<CommandRule>,
        E: StdError + Send + Sync + 'static,
    {
        let key = rule(guild.into(), command);
        answer_or_load!(self.commands, key, load, Error::loader)
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
        guild: impl Into<u64>,
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
        let guild = guild.into();
        let keys = commands
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
                    .map(|name| rows.remove(name).unwrap_or(CommandRule::Unset));
                Ok(rules.collect::<Vec<_>>())
            });
            future
        });
        self.commands.get_or_fetch_many(keys, load).await
    }

    /// The nearest permission among the command and its parents, if it is known: from the fallback's own
    /// entry, or from the rules of the whole line. One round trip.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_fallback(
        &self,
        guild: impl Into<u64>,
        command: &str,
    ) -> Result<Option<CommandRule>> {
        let guild = guild.into();
        let keys: Vec<KeyRef<'_>> = std::iter::once(fallback(guild, command))
            .chain(lineage(command).map(|command| rule(guild, command)))
            .collect();
        let tier = &self.commands;
        let found = tier.ask_many(tier.backend(), &keys).await;
        let known = found.map(|mut found| {
            let line = found.split_off(1);
            found.pop().flatten().or_else(|| nearest(line))
        });
        tier.count_found(&known, |known| usize::from(known.is_some()), 1);
        known
    }

    /// The nearest permission among the command and its parents: cached, or what `load` returns. `load` gets
    /// the names nearest first (`"a b c"`, `"a b"`, `"a"`) and returns the first that has a row, or none.
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub async fn get_or_fetch_fallback<F, Fut, P, E>(
        &self,
        guild: impl Into<u64>,
        command: &str,
        load: F,
    ) -> Result<CommandRule>
    where
        F: FnOnce(Vec<String>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<CommandRule>,
        E: StdError + Send + Sync + 'static,
    {
        let key = fallback(guild.into(), command);
        let with_names = || {
            let names: Vec<String> = lineage(command).map(str::to_owned).collect();
            move || load(names)
        };
        answer_or_load!(self.commands, key, with_names(), Error::loader)
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
        guild: impl Into<u64>,
        command: &str,
        permission: impl Into<CommandRule>,
    ) -> Result<()> {
        let (guild, rule_now) = (guild.into(), permission.into());
        let (cache, command) = (self.clone(), command.to_owned());
        whole(self.is_local(), async move {
            let _void = warm::Void::guild(cache.shared.slot.backend(), guild);
            let written = cache.commands.put(rule(guild, &command), rule_now).await;
            let removed = cache.remove_fallbacks(guild, &command).await;
            written.and(removed)
        })
        .await
    }

    /// Writes the nearest permission among a command and its parents.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set).
    pub async fn set_fallback(
        &self,
        guild: impl Into<u64>,
        command: &str,
        permission: impl Into<CommandRule>,
    ) -> Result<()> {
        let key = fallback(guild.into(), command);
        self.commands.put(key, permission.into()).await
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
    pub async fn invalidate(&self, guild: impl Into<u64>, command: &str) -> Result<()> {
        let guild = guild.into();
        let (cache, command) = (self.clone(), command.to_owned());
        whole(self.is_local(), async move {
            let _void = warm::Void::guild(cache.shared.slot.backend(), guild);
            cache.shared.counters.add(Event::Invalidation);
            let keys: Vec<KeyRef<'_>> = lineage(&command)
                .flat_map(|name| [rule(guild, name), fallback(guild, name)])
                .collect();
            let parent = command.as_str();
            let sets =
                [Family::CommandPermission, Family::CommandPermissionFallback].map(|family| {
                    KeySet::Children {
                        family,
                        guild,
                        parent,
                    }
                });
            cache.shared.remove_together(&keys, &sets).await.map(drop)
        })
        .await
    }

    /// The fallbacks of a command and of all below it.
    async fn remove_fallbacks(&self, guild: u64, command: &str) -> Result<()> {
        let children = KeySet::Children {
            family: Family::CommandPermissionFallback,
            guild,
            parent: command,
        };
        let own = fallback(guild, command);
        let removed = self.shared.remove_together(&[own], &[children]).await;
        removed.map(drop)
    }
}

/// The nearest rule of a line, if nothing unknown stands before it.
fn nearest(line: Vec<Option<CommandRule>>) -> Option<CommandRule> {
    for rule in line {
        match rule? {
            CommandRule::Unset => {}
            set => return Some(set),
        }
    }
    Some(CommandRule::Unset)
}

pub(super) fn rule(guild: u64, command: &str) -> KeyRef<'_> {
    KeyRef::CommandPermission { guild, command }
}

pub(super) fn fallback(guild: u64, command: &str) -> KeyRef<'_> {
    KeyRef::CommandPermissionFallback { guild, command }
}

fn command_of(key: &Key) -> &str {
    match key.as_key_ref() {
        KeyRef::CommandPermission { command, .. } => command,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_the_command_to_its_root() {
        assert_eq!(lineage("a b c").collect::<Vec<_>>(), ["a b c", "a b", "a"]);
        assert_eq!(lineage("a").collect::<Vec<_>>(), ["a"]);
        assert_eq!(lineage("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn t36_what_is_unknown_on_the_way_hides_what_is_above() {
        let set = CommandRule::from(CommandPermission::default());
        assert_eq!(nearest(vec![None, Some(set.clone())]), None);
        assert_eq!(nearest(vec![Some(CommandRule::Unset), None]), None);
        let line = vec![Some(CommandRule::Unset), Some(set.clone()), None];
        assert_eq!(nearest(line), Some(set));
        assert_eq!(
            nearest(vec![Some(CommandRule::Unset)]),
            Some(CommandRule::Unset)
        );
    }
}
