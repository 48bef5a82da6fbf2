//! The command prefix of a guild.

use std::borrow::{Borrow, Cow};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use ecow::EcoString;

use super::own_memory;
use crate::backend::value::vtable::one_table;
use crate::backend::{Backend, CacheValue, Family, Json, KeyRef, KeySet, Value};
use crate::error::{Error, Result};
use crate::typed::decode;
use crate::typed::lookup::{lookup, lookup_or_load};
use crate::typed::options::ManagerOptions;
use crate::typed::settings::Lifetime;
use crate::typed::shared::SharedState;
use crate::typed::stale::MaybeStale;
use crate::typed::stats::{Event, ManagerStats};
use crate::typed::{Cached, TypedCache};

/// Entries of a manager without a backend.
const OWN_SIZE: usize = 10_000;

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
        decode::record_mismatch(json.as_str().map(Self::from))
    }

    fn exceeds(&self, limit: usize) -> bool {
        // A character takes at most six times its bytes, and there are two quotes.
        self.len().saturating_mul(6).saturating_add(2) > limit && self.to_json().exceeds(limit)
    }

    one_table!(Prefix);
}

impl Cached for Prefix {}

/// Command prefixes per guild, without a TTL of their own. Clones share everything.
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
    tier: Arc<TypedCache<Prefix>>,
}

impl PrefixCache {
    /// On `backend`, without TTL. (On an in-memory backend they get its default TTL, unless it has
    /// [`per_entry_ttl`](crate::backend::InMemoryBackend::per_entry_ttl).)
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

    /// On memory of its own, 10,000 entries.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::make(own_memory(OWN_SIZE), true, &ManagerOptions::new())
    }

    /// The one of this process; in memory until [`set_backend`](Self::set_backend).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PrefixCache> = OnceLock::new();
        SHARED.get_or_init(Self::in_memory)
    }

    fn make(backend: Backend, owned: bool, options: &ManagerOptions) -> Self {
        let shared = SharedState::new(backend, owned, options);
        let tier = TypedCache::new(&shared, Lifetime::OfManager(None));
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

    /// The cached prefix. In memory it allocates nothing and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`]; an unavailable store is an error, never a miss.
    #[inline(always)]
    pub async fn get(&self, guild: impl Into<u64>) -> Result<Option<Prefix>> {
        lookup!(self.tier, key(guild.into()))
    }

    /// [`get`](Self::get), or what was known last while the store is unavailable.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known.
    pub async fn get_or_stale(&self, guild: impl Into<u64>) -> Result<Option<MaybeStale<Prefix>>> {
        self.tier.get_or_stale(key(guild.into())).await
    }

    /// The cached prefix, or what `load` returns: one load per guild in this process.
    ///
    /// # Errors, panics, cancel safety
    /// As [`JailStatusCache::get_or_fetch`](super::JailStatusCache::get_or_fetch).
    #[inline(always)]
    pub async fn get_or_fetch<F, Fut, P, E>(&self, guild: impl Into<u64>, load: F) -> Result<Prefix>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<P, E>> + Send + 'static,
        P: Into<Prefix>,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self.tier, key(guild.into()), load, Error::loader)
    }

    /// Writes a prefix.
    ///
    /// # Errors
    /// As [`Backend::set`].
    pub async fn set(&self, guild: impl Into<u64>, prefix: impl Into<Prefix>) -> Result<()> {
        self.tier.put(key(guild.into()), prefix.into()).await
    }

    /// Removes a guild's prefix, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`]; in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, guild: impl Into<u64>) -> Result<bool> {
        self.tier.shared.remove(key(guild.into())).await
    }

    /// Removes every prefix, as far as the [`Scope`](super::Scope) reaches; says how many went.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn clear_all(&self) -> Result<usize> {
        let set = KeySet::Family(Family::Prefix);
        self.tier.shared.remove_set(set).await
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
    /// As [`Backend::set_many`]; some may have been written.
    pub async fn preload<G, P>(&self, prefixes: impl IntoIterator<Item = (G, P)>) -> Result<usize>
    where
        G: Into<u64>,
        P: Into<Prefix>,
    {
        const BATCH: usize = 1_000;
        let entries: Vec<(u64, Prefix)> = prefixes
            .into_iter()
            .map(|(guild, prefix)| (guild.into(), prefix.into()))
            .collect();
        for batch in entries.chunks(BATCH) {
            let values = batch
                .iter()
                .map(|(guild, prefix)| (key(*guild), Value::new(prefix.clone())))
                .collect();
            for (guild, _) in batch {
                self.tier.shared.forget(key(*guild));
            }
            self.tier
                .backend()
                .put_many(values, self.tier.ttl())
                .await?;
        }
        let counters = &self.tier.shared.counters;
        counters.add_many(Event::Set, entries.len() as u64);
        Ok(entries.len())
    }

    /// What this manager counted.
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        self.tier.shared.stats()
    }
}

fn key(guild: u64) -> KeyRef<'static> {
    KeyRef::Prefix { guild }
}
