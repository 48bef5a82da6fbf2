//! Whether a user is jailed in a guild.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::own_memory;
use crate::backend::value::vtable::one_table;
use crate::backend::{Backend, CacheValue, Family, Json, KeyRef, KeySet};
use crate::error::{Error, Result};
use crate::typed::decode;
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::ManagerOptions;
use crate::typed::settings::Lifetime;
use crate::typed::shared::SharedState;
use crate::typed::stale::MaybeStale;
use crate::typed::stats::ManagerStats;
use crate::typed::{Cached, TypedCache};

const TTL: Duration = Duration::from_secs(300);
/// Entries of a manager without a backend.
const OWN_SIZE: usize = 5_000;

/// A jail status as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jailed(bool);

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
        decode::record_mismatch(match json {
            Json::Bool(jailed) => Some(Self(*jailed)),
            Json::String(text) => match text.as_str() {
                "1" | "true" | "True" => Some(Self(true)),
                "0" | "false" | "False" => Some(Self(false)),
                _ => None,
            },
            // By the digits: a number too large, or too small, for a float is not zero.
            Json::Number(number) => Some(Self(!number.is_zero())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        })
    }

    one_table!(Jailed);
}

impl Cached for Jailed {}

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
    tier: Arc<TypedCache<Jailed>>,
}

impl JailStatusCache {
    /// On `backend`, with the guide's settings (300 s).
    pub fn new(backend: impl Into<Backend>) -> Self {
        Self::with_options(backend, ManagerOptions::new())
    }

    /// On `backend`, with other settings.
    ///
    /// # Panics
    /// When [`keep_stale`](ManagerOptions::keep_stale) asks for absurdly many entries.
    pub fn with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Self {
        Self::make(backend.into(), false, &options)
    }

    /// On memory of its own, 5,000 entries.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::make(own_memory(OWN_SIZE), true, &ManagerOptions::new())
    }

    /// The one of this process; in memory until [`set_backend`](Self::set_backend).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<JailStatusCache> = OnceLock::new();
        SHARED.get_or_init(Self::in_memory)
    }

    fn make(backend: Backend, owned: bool, options: &ManagerOptions) -> Self {
        let shared = SharedState::new(backend, owned, options);
        let tier = TypedCache::new(&shared, Lifetime::OfManager(Some(TTL)));
        Self { tier }
    }

    /// Replaces the backend for every holder. What memory of its own held is dropped.
    pub fn set_backend(&self, backend: impl Into<Backend>) {
        self.tier.shared.set_backend(backend.into(), None);
    }

    /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
    ///
    /// # Panics
    /// As [`with_options`](Self::with_options).
    pub fn set_backend_with(&self, backend: impl Into<Backend>, options: ManagerOptions) {
        self.tier.shared.set_backend(backend.into(), Some(&options));
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.tier.backend().clone()
    }

    /// The cached status; `None` when there is none. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`]; an unavailable store is an error.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<u64>, user: impl Into<u64>) -> Result<Option<bool>> {
        let found = lookup!(self.tier, key(guild.into(), user.into()))?;
        Ok(found.map(|Jailed(jailed)| jailed))
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known; always during an outage without
    /// [`keep_stale`](ManagerOptions::keep_stale).
    pub async fn get_or_stale(
        &self,
        guild: impl Into<u64>,
        user: impl Into<u64>,
    ) -> Result<Option<MaybeStale<bool>>> {
        let found = self
            .tier
            .get_or_stale(key(guild.into(), user.into()))
            .await?;
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
        guild: impl Into<u64>,
        user: impl Into<u64>,
        load: F,
    ) -> Result<bool>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<bool, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let key = key(guild.into(), user.into());
        let Jailed(jailed) = lookup_or_load!(self.tier, key, load, Error::loader)?;
        Ok(jailed)
    }

    /// Writes the status. Loads of it under way do not overwrite it.
    ///
    /// # Errors
    /// As [`Backend::set`].
    pub async fn set(
        &self,
        guild: impl Into<u64>,
        user: impl Into<u64>,
        jailed: bool,
    ) -> Result<()> {
        let key = key(guild.into(), user.into());
        self.tier.put(key, Jailed(jailed)).await
    }

    /// The same as [`set`](Self::set), which is as safe here.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn async_set(
        &self,
        guild: impl Into<u64>,
        user: impl Into<u64>,
        jailed: bool,
    ) -> Result<()> {
        self.set(guild, user, jailed).await
    }

    /// Removes one status, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`]; in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<u64>, user: impl Into<u64>) -> Result<bool> {
        self.tier
            .shared
            .remove(key(guild.into(), user.into()))
            .await
    }

    /// Removes every status of a guild, as far as the [`Scope`](super::Scope) reaches; says how many went.
    /// In Valkey it looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn invalidate_guild(&self, guild: impl Into<u64>) -> Result<usize> {
        let set = KeySet::Guild(Family::JailStatus, guild.into());
        self.tier.shared.remove_set(set).await
    }

    /// Removes keys of another family from the same store, as far as the scope reaches.
    pub(super) async fn remove_beside(&self, set: KeySet<'_>) -> Result<usize> {
        self.tier.shared.remove_in_scope(&[set]).await
    }

    /// Removes every status of every guild, as far as the [`Scope`](super::Scope) reaches.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn clear_all(&self) -> Result<usize> {
        let set = KeySet::Family(Family::JailStatus);
        self.tier.shared.remove_set(set).await
    }

    /// What this manager counted.
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        self.tier.shared.stats()
    }
}

fn key(guild: u64, user: u64) -> KeyRef<'static> {
    KeyRef::JailStatus { guild, user }
}
