//! Whether a user is jailed in a guild.

use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use super::face::face;
use super::{GuildId, UserId};
use crate::backend::value::vtable::one_vtable;
use crate::backend::{CacheValue, Json, KeyFamily, KeyRef, KeySet};
use crate::error::{Error, Result};
use crate::typed::TypedCache;
use crate::typed::family::{BuiltInFamily, Declared, Family};
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::built_in;
use crate::typed::stale::MaybeStale;

/// A jail status as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jailed(pub(super) bool);

impl From<bool> for Jailed {
    fn from(jailed: bool) -> Self {
        Self(jailed)
    }
}

impl CacheValue for Jailed {
    fn to_json(&self) -> Json {
        Json::Bool(self.0)
    }

    /// JSON booleans, numbers (true unless zero) and the six texts that Python programs write for them. Here we deviate
    /// from the original on purpose, which reads every other text as "not jailed": it says nothing about the user.
    fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Bool(jailed) => Some(Self(*jailed)),
            Json::String(text) => match text.as_str() {
                "1" | "true" | "True" => Some(Self(true)),
                "0" | "false" | "False" => Some(Self(false)),
                _ => None,
            },
            // By the digits: a number too large, or too small, for a float is not zero.
            Json::Number(number) => Some(Self(!number.is_zero())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    one_vtable!(Jailed);
}

/// Jail status by guild and user.
pub(crate) struct JailStatus;

impl Family for JailStatus {
    type Key<'k> = (GuildId, UserId);
    type Value = Jailed;

    const NAME: &'static str = "jail status";
    const IS_SECURITY: bool = true;
    const TTL: Option<Duration> = built_in::JAIL_STATUS.ttl;
    const OWN_SIZE: usize = built_in::JAIL_STATUS.own_size;
    const PREFIX: &'static str = "jail_status";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::JailStatus));

    #[inline(always)]
    fn key_ref((guild, user): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        let (GuildId(guild), UserId(user)) = (guild, user);
        KeyRef::JailStatus { guild, user }
    }
}

/// Jail status per guild and user. Clones share everything.
///
/// `Ok(None)` means "not cached", never "not jailed"; an unavailable store is an error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use tux_cache::managers::JailStatusCache;
/// # let (guild, user) = (1_u64, 2_u64);
/// # async fn is_jailed_in_database(_: u64, _: u64) -> Result<bool, std::io::Error> { Ok(true) }
/// let jails = JailStatusCache::in_memory();
/// let jailed = jails
///     .get_or_fetch(guild, user, async move || is_jailed_in_database(guild, user).await)
///     .await?;
/// assert!(jailed);
/// jails.invalidate(guild, user).await?;
/// assert_eq!(jails.get(guild, user).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct JailStatusCache {
    pub(super) cache: TypedCache<JailStatus>,
}

face!(JailStatusCache: JailStatus);

impl JailStatusCache {
    /// The cached status; `None` when there is none. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error.
    #[inline(always)]
    pub async fn get(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
    ) -> Result<Option<bool>> {
        let found = lookup!(self.cache, (guild.into(), user.into()))?;
        Ok(found.map(|Jailed(jailed)| jailed))
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known; always during an outage without
    /// [`keep_stale`](crate::managers::ManagerOptions::keep_stale).
    pub async fn get_or_stale(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
    ) -> Result<Option<MaybeStale<bool>>> {
        let key = (guild.into(), user.into());
        let found = self.cache.get_or_stale(key).await?;
        Ok(found.map(|found| found.map(|Jailed(jailed)| jailed)))
    }

    /// The cached status, or what `load` returns: one load per key in this process, however many tasks ask.
    ///
    /// # Errors
    /// Kind `Loader` with the loader's error as source, shared by all who waited and never cached; `Timeout`
    /// when the load took too long. An unavailable store is none, unless asked for
    /// ([`OnOutage`](super::OnOutage)).
    ///
    /// # Panics
    /// When `load` panics, this caller unwinds; one of the others goes on with its own loader.
    ///
    /// # Cancel safety
    /// A caller that is dropped cancels nobody; its load goes on.
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, E>(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        load: F,
    ) -> Result<bool>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<bool, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let key = (guild.into(), user.into());
        let Jailed(jailed) = lookup_or_load!(self.cache, key, load, Error::loader)?;
        Ok(jailed)
    }

    /// Writes the status. Loads of it under way do not overwrite it.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set).
    pub async fn set(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        jailed: bool,
    ) -> Result<()> {
        let key = (guild.into(), user.into());
        self.cache.set(key, Jailed(jailed)).await
    }

    /// The same as [`set`](Self::set), which is as safe here.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn async_set(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
        jailed: bool,
    ) -> Result<()> {
        self.set(guild, user, jailed).await
    }

    /// Removes one status, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`](crate::backend::Backend::delete); in Valkey it is then also retried by itself.
    pub async fn invalidate(
        &self,
        guild: impl Into<GuildId>,
        user: impl Into<UserId>,
    ) -> Result<bool> {
        self.cache.invalidate((guild.into(), user.into())).await
    }

    /// Removes every status of a guild, as far as the [`Scope`](super::Scope) reaches; says how many went.
    /// In Valkey it looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix).
    pub async fn invalidate_guild(&self, guild: impl Into<GuildId>) -> Result<usize> {
        self.cache.invalidate_group(guild).await
    }

    /// Removes keys of another family from the same store, as far as the scope reaches.
    pub(super) async fn remove_beside(&self, set: KeySet<'_>) -> Result<usize> {
        self.cache.shared.remove_in_scope(&[set]).await
    }
}
