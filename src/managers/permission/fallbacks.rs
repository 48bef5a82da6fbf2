//! The nearest permission among a command and its parents, one by one and in batches.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;

use super::PermissionCache;
use super::families::CommandRules;
use super::keys::{command_of, fallback, lineage, rule};
use super::rows::{CommandPermission, CommandRule};
use crate::backend::{Key, KeyFamily, KeyRef, KeySet};
use crate::error::{Error, Result};
use crate::managers::GuildId;
use crate::typed::TypedCache;
use crate::typed::fetch::Loader;

impl PermissionCache {
    /// The nearest permission among the command and its parents, if it is known: from the fallback's own
    /// entry, or from the rules of the whole line. One round trip.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_fallback(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
    ) -> Result<Option<CommandRule>> {
        self.look_for_fallback(guild.into().0, command).await
    }

    async fn look_for_fallback(&self, guild: u64, command: &str) -> Result<Option<CommandRule>> {
        let keys: Vec<KeyRef<'_>> = std::iter::once(fallback(guild, command))
            .chain(lineage(command).map(|command| rule(guild, command)))
            .collect();
        let cache = &self.commands;
        let found = cache.ask_many(cache.backend(), &keys).await;
        let known = found.map(|mut found| {
            let line = found.split_off(1);
            found.pop().flatten().or_else(|| nearest(line))
        });
        cache.count_found(&known, |known| usize::from(known.is_some()), 1);
        known
    }

    /// The nearest permission among the command and its parents: cached, as
    /// [`get_fallback`](Self::get_fallback) finds it, or what `load` returns. `load` gets
    /// the names nearest first (`"a b c"`, `"a b"`, `"a"`) and returns the first that has a row, or none.
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub async fn get_or_fetch_fallback<F, Fut, P, E>(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
        load: F,
    ) -> Result<CommandRule>
    where
        F: FnOnce(Vec<String>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<CommandRule>,
        E: StdError + Send + Sync + 'static,
    {
        let GuildId(guild) = guild.into();
        let (cache, key) = (&self.commands, fallback(guild, command));
        if let Some(lent) = cache.try_get_ref(key) {
            return Ok(cache.hit(&lent));
        }
        // (A hit stands elsewhere once in a while: no list is made for it.)
        if let Some(rule) = cache.hit_slow(key) {
            return Ok(rule);
        }
        match self.look_for_fallback(guild, command).await {
            Ok(Some(rule)) => return Ok(rule),
            Ok(None) => {}
            Err(error) => drop(cache.load_despite(error)?),
        }
        let names: Vec<String> = lineage(command).map(str::to_owned).collect();
        *cache
            .load_boxed(key, true, move || load(names), Error::loader)
            .await
    }

    /// The nearest permissions of several commands, in their order: one round trip when all are known, as
    /// [`get_fallback`](Self::get_fallback) finds them; else one call of `load` for all the others that nobody loads yet.
    /// `load` gets the names of those commands and of their parents, each once, and returns the rows it finds among
    /// them; a name without a row is known to have none. What a permission check of a whole menu asks for:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tux_cache::Error> {
    /// use tux_cache::managers::{CommandPermission, PermissionCache};
    /// # let (guild, permissions) = (1_u64, PermissionCache::in_memory());
    /// # async fn rows_of(_: u64, names: Vec<String>) -> Result<Vec<CommandPermission>, std::io::Error> {
    /// #     assert_eq!(names, ["ban add", "ban", "kick"]);
    /// #     Ok(vec![CommandPermission { command_name: "ban".into(), required_rank: 3, ..Default::default() }])
    /// # }
    /// let rules = permissions
    ///     .get_or_fetch_fallback_many(guild, &["ban add", "kick"], async move |missing| {
    ///         rows_of(guild, missing).await // WHERE command_name IN ('ban add', 'ban', 'kick')
    ///     })
    ///     .await?;
    /// assert_eq!(rules[0].required_rank(), Some(3)); // that of "ban"
    /// assert_eq!(rules[1].required_rank(), None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch_many`](Self::get_or_fetch_many).
    pub async fn get_or_fetch_fallback_many<C, F, Fut, R, E>(
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
        let (GuildId(guild), cache) = (guild.into(), &self.commands);
        let commands: Vec<&str> = commands.iter().map(AsRef::as_ref).collect();
        let found = match self.look_for_fallbacks(guild, &commands).await {
            Ok(found) => found,
            Err(error) => {
                cache.load_despite(error)?;
                vec![None; commands.len()]
            }
        };
        let keys: Vec<Key> = commands
            .iter()
            .map(|command| fallback(guild, command).to_key())
            .collect();
        let rules = cache
            .fill_in(keys.clone(), found, with_parents(load))
            .await?;
        TypedCache::<CommandRules>::all_of(&keys, rules)
    }

    async fn look_for_fallbacks(
        &self,
        guild: u64,
        commands: &[&str],
    ) -> Result<Vec<Option<CommandRule>>> {
        let names = lines(commands.iter().copied());
        let keys: Vec<KeyRef<'_>> = commands
            .iter()
            .map(|command| fallback(guild, command))
            .chain(names.iter().map(|name| rule(guild, name)))
            .collect();
        let cache = &self.commands;
        let found = cache.ask_many(cache.backend(), &keys).await;
        let known = found.map(|mut found| {
            let rules = found.split_off(commands.len());
            let rules: HashMap<&str, Option<CommandRule>> = names.into_iter().zip(rules).collect();
            let line = |command| lineage(command).map(|name| rules.get(name).cloned().flatten());
            let commands = commands.iter();
            let known = found.into_iter().zip(commands);
            known
                .map(|(own, command)| own.or_else(|| nearest(line(command))))
                .collect::<Vec<_>>()
        });
        let hits = |known: &Vec<Option<_>>| known.iter().flatten().count();
        cache.count_found(&known, hits, commands.len());
        known
    }

    /// Writes the nearest permission among a command and its parents.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set).
    pub async fn set_fallback(
        &self,
        guild: impl Into<GuildId>,
        command: &str,
        permission: impl Into<CommandRule>,
    ) -> Result<()> {
        let key = fallback(guild.into().0, command);
        self.commands.put(key, permission.into()).await
    }

    /// The fallbacks of a command and of all below it.
    pub(super) async fn remove_fallbacks(&self, guild: u64, command: &str) -> Result<()> {
        let children = KeySet::Children {
            family: KeyFamily::CommandPermissionFallback,
            guild,
            parent: command,
        };
        let own = fallback(guild, command);
        let removed = self.shared.remove_together(&[own], &[children]).await;
        removed.map(drop)
    }
}

/// A loader of fallbacks that has `load` look for rows of the commands and their parents.
fn with_parents<F, Fut, R, E>(load: F) -> Loader<CommandRule>
where
    F: FnOnce(Vec<String>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: IntoIterator<Item = CommandPermission>,
    E: StdError + Send + Sync + 'static,
{
    Box::new(|keys| {
        // The loader itself runs inside the future, in its task: a panic in it unwinds there.
        Box::pin(async move {
            let names = lines(keys.iter().map(command_of));
            let names = names.into_iter().map(str::to_owned).collect();
            let rows = load(names).await.map_err(Error::loader)?;
            let rows: HashMap<String, CommandRule> = rows
                .into_iter()
                .map(|row| (row.command_name.clone(), row.into()))
                .collect();
            let rule = |name| rows.get(name).cloned();
            Ok(keys
                .iter()
                .map(|key| {
                    let mut line = lineage(command_of(key));
                    Some(line.find_map(rule).unwrap_or(CommandRule::Unset))
                })
                .collect())
        })
    })
}

/// The commands and those above them, each once; what stands above comes after what stands below.
fn lines<'a>(commands: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    let names = commands.into_iter().flat_map(lineage);
    names.filter(|name| seen.insert(*name)).collect()
}

/// The nearest rule of a line, if nothing unknown stands before it.
pub(super) fn nearest(line: impl IntoIterator<Item = Option<CommandRule>>) -> Option<CommandRule> {
    for rule in line {
        match rule? {
            CommandRule::Unset => {}
            set => return Some(set),
        }
    }
    Some(CommandRule::Unset)
}

#[cfg(test)]
mod tests {
    use super::*;

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
