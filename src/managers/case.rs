//! Which case has a number in a guild.

use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use super::GuildId;
use super::face::face;
use crate::backend::value::vtable::one_vtable;
use crate::backend::{CacheValue, Json, KeyFamily, KeyRef};
use crate::error::{Error, Result};
use crate::typed::TypedCache;
use crate::typed::family::{BuiltInFamily, Declared, Family};
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::built_in;
use crate::typed::stale::MaybeStale;

/// The row's id of a case, or that there is none of that number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseId(pub(super) Option<u64>);

impl From<Option<u64>> for CaseId {
    fn from(id: Option<u64>) -> Self {
        Self(id)
    }
}

impl CacheValue for CaseId {
    fn to_json(&self) -> Json {
        self.0.map_or(Json::Null, Json::from)
    }

    /// An id or null; a Python bot of 2026 keeps the whole row or null under `_v`.
    fn from_json(json: &Json) -> Option<Self> {
        let json = match json.as_object() {
            Some(object) => object.get("_v").map(|row| row.get("id").unwrap_or(row)),
            None => Some(json),
        };
        json.and_then(|id| match id {
            Json::Null => Some(Self(None)),
            id => id.as_u64().map(|id| Self(Some(id))),
        })
    }

    one_vtable!(CaseId);
}

/// Cases by their number in a guild.
pub(crate) struct Cases;

impl Family for Cases {
    type Key<'k> = (GuildId, u64);
    type Value = CaseId;

    const NAME: &'static str = "cases";
    const TTL: Option<Duration> = built_in::CASES.ttl;
    const OWN_SIZE: usize = built_in::CASES.own_size;
    const PREFIX: &'static str = "case:by_number";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::CaseByNumber));

    #[inline(always)]
    fn key_ref((GuildId(guild), number): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        KeyRef::CaseByNumber { guild, number }
    }

    fn is_absent(CaseId(id): &CaseId) -> bool {
        id.is_none()
    }
}

/// The ids of cases by their number in a guild. Clones share everything.
///
/// `Ok(None)` means "not cached", `Ok(Some(None))` that there is no case of that number; an unavailable store is an
/// error.
///
/// A Python bot beside it has to keep ids under these keys as well. The published one keeps whole rows: this manager
/// reads the id out of them, but that bot takes an id for "no such case". Leave `set` and `get_or_fetch` to memory, then,
/// and use [`get`](Self::get) and the removals.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use tux_cache::managers::CaseCache;
/// # let guild = 1_u64;
/// # async fn id_in_database(_: u64, _: u64) -> Result<Option<u64>, std::io::Error> { Ok(Some(7)) }
/// let cases = CaseCache::in_memory();
/// let id = cases.get_or_fetch(guild, 12, async move || id_in_database(guild, 12).await).await?;
/// assert_eq!(id, Some(7));
/// cases.set(guild, 13, None).await?; // there is none yet
/// assert_eq!(cases.get(guild, 13).await?, Some(None));
/// cases.invalidate(guild, 13).await?; // now there is
/// assert_eq!(cases.get(guild, 13).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CaseCache {
    pub(super) cache: TypedCache<Cases>,
}

face!(CaseCache: Cases);

impl CaseCache {
    /// What is cached about the case of that number. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<GuildId>, number: u64) -> Result<Option<Option<u64>>> {
        let found = lookup!(self.cache, (guild.into(), number))?;
        Ok(found.map(|CaseId(id)| id))
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<GuildId>,
        number: u64,
    ) -> Result<Option<MaybeStale<Option<u64>>>> {
        let found = self.cache.get_or_stale((guild.into(), number)).await?;
        Ok(found.map(|found| found.map(|CaseId(id)| id)))
    }

    /// The id of the case of that number (`None`: there is none): cached, or what `load` returns. One load per number in
    /// this process.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](super::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, E>(
        &self,
        guild: impl Into<GuildId>,
        number: u64,
        load: F,
    ) -> Result<Option<u64>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<u64>, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let key = (guild.into(), number);
        let CaseId(id) = lookup_or_load!(self.cache, key, load, Error::loader)?;
        Ok(id)
    }

    /// Writes which case has that number; `None`: there is none. Loads of it under way do not overwrite it.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set).
    pub async fn set(&self, guild: impl Into<GuildId>, number: u64, id: Option<u64>) -> Result<()> {
        self.cache.set((guild.into(), number), CaseId(id)).await
    }

    /// Removes what is cached about one number, for every process; `true` if there was something.
    ///
    /// # Errors
    /// As [`Backend::delete`](crate::backend::Backend::delete); in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<GuildId>, number: u64) -> Result<bool> {
        self.cache.invalidate((guild.into(), number)).await
    }

    /// Removes every case of a guild, as far as the [`Scope`](super::Scope) reaches; says how many went. In Valkey it
    /// looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix).
    pub async fn invalidate_guild(&self, guild: impl Into<GuildId>) -> Result<usize> {
        self.cache.invalidate_group(guild).await
    }
}
