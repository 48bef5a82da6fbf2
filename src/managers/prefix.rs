//! The command prefix of a guild.

use std::borrow::{Borrow, Cow};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ecow::EcoString;

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

/// A command prefix: a text that is cheap to clone. Up to 15 bytes it lies in the value itself, so that a hit touches
/// no counter that other threads touch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(EcoString);

impl Prefix {
    /// The text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Prefix {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Prefix {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Prefix {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Prefix {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Prefix {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Prefix {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Box<str>> for Prefix {
    fn from(text: Box<str>) -> Self {
        Self::from(&*text)
    }
}

impl From<Arc<str>> for Prefix {
    fn from(text: Arc<str>) -> Self {
        Self::from(&*text)
    }
}

impl From<Cow<'_, str>> for Prefix {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.as_str().to_owned()
    }
}

impl PartialEq<str> for Prefix {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Prefix {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Prefix {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CacheValue for Prefix {
    fn to_json(&self) -> Json {
        Json::String(self.as_str().to_owned())
    }

    /// Anything but a string is a miss.
    fn from_json(json: &Json) -> Option<Self> {
        json.as_str().map(Self::from)
    }

    fn exceeds(&self, limit: usize) -> bool {
        // A character takes at most six times its bytes, and there are two quotes.
        self.len().saturating_mul(6).saturating_add(2) > limit && self.to_json().exceeds(limit)
    }

    one_vtable!(Prefix);
}

/// Command prefixes by guild.
pub(crate) struct Prefixes;

impl Family for Prefixes {
    type Key<'k> = GuildId;
    type Value = Prefix;

    const NAME: &'static str = "prefixes";
    const TTL: Option<Duration> = built_in::PREFIX.ttl;
    const OWN_SIZE: usize = built_in::PREFIX.own_size;
    const PREFIX: &'static str = "prefix";
    const BUILT_IN: BuiltInFamily = BuiltInFamily(Some(KeyFamily::Prefix));

    #[inline(always)]
    fn key_ref(GuildId(guild): Self::Key<'_>, _: Declared) -> KeyRef<'_> {
        KeyRef::Prefix { guild }
    }
}

/// Command prefixes per guild, without a TTL of their own. (On an in-memory backend they get its default TTL, unless it
/// has [`per_entry_ttl`](crate::backend::InMemoryBackend::per_entry_ttl).) Clones share everything.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use tux_cache::managers::PrefixCache;
/// let prefixes = PrefixCache::in_memory();
/// prefixes.preload([(1_u64, "!"), (2, "?")]).await?;
/// assert_eq!(prefixes.get(2_u64).await?.as_deref(), Some("?"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PrefixCache {
    pub(super) cache: TypedCache<Prefixes>,
}

face!(PrefixCache: Prefixes);

impl PrefixCache {
    /// The cached prefix. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`](crate::backend::Backend::get); an unavailable store is an error, never a miss.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<GuildId>) -> Result<Option<Prefix>> {
        lookup!(self.cache, guild.into())
    }

    /// [`get`](Self::get), or what was known last while the store is unavailable.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(
        &self,
        guild: impl Into<GuildId>,
    ) -> Result<Option<MaybeStale<Prefix>>> {
        self.cache.get_or_stale(guild.into()).await
    }

    /// The cached prefix, or what `load` returns: one load per guild in this process.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](super::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, P, E>(
        &self,
        guild: impl Into<GuildId>,
        load: F,
    ) -> Result<Prefix>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<Prefix>,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.cache, guild.into(), load, Error::loader)
    }

    /// Writes a prefix.
    ///
    /// # Errors
    /// As [`Backend::set`](crate::backend::Backend::set).
    pub async fn set(&self, guild: impl Into<GuildId>, prefix: impl Into<Prefix>) -> Result<()> {
        self.cache.set(guild.into(), prefix.into()).await
    }

    /// Removes a guild's prefix, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`](crate::backend::Backend::delete); in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<GuildId>) -> Result<bool> {
        self.cache.invalidate(guild.into()).await
    }

    /// The same as [`clear_all`](Self::clear_all).
    ///
    /// # Errors
    /// As [`clear_all`](Self::clear_all).
    pub async fn clear(&self) -> Result<usize> {
        self.clear_all().await
    }

    /// Writes many prefixes, in batches of a round trip each; says how many.
    ///
    /// # Errors
    /// As [`Backend::set_many`](crate::backend::Backend::set_many); some may have been written.
    pub async fn preload<G, P>(&self, prefixes: impl IntoIterator<Item = (G, P)>) -> Result<usize>
    where
        G: Into<GuildId>,
        P: Into<Prefix>,
    {
        let entries: Vec<(GuildId, Prefix)> = prefixes
            .into_iter()
            .map(|(guild, prefix)| (guild.into(), prefix.into()))
            .collect();
        let many = entries.len();
        self.cache.set_many(entries).await?;
        Ok(many)
    }
}
