//! What callers ask of a cache of one family, one key at a time; and how it is made.

use std::error::Error as StdError;
use std::future::Future;

use super::family::Family;
use super::key::{FamilyKey, KeyGroup};
use super::lookup::{lookup, lookup_or_load};
use super::options::ManagerOptions;
use super::refresh_options::ManagerFacts;
use super::shared::SharedState;
use super::stale::MaybeStale;
use super::stats::{Event, ManagerStats};
use super::{TypedCache, check};
use crate::backend::{Backend, CustomFamily, KeyRef, Value};
use crate::error::{Error, Result};
use crate::histogram::Histogram;

/// The group of a family's keys.
pub(super) type GroupOf<F> = <<F as Family>::Key<'static> as FamilyKey<'static>>::Group;

impl<F: Family> TypedCache<F> {
    /// On `backend`, with the default settings.
    ///
    /// # Panics
    /// As [`with_options`](Self::with_options).
    pub fn new(backend: impl Into<Backend>) -> Self {
        Self::with_options(backend, ManagerOptions::new())
    }

    /// On `backend`, with other settings.
    ///
    /// # Panics
    /// With the text of the error that [`try_with_options`](Self::try_with_options) returns.
    pub fn with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Self {
        match Self::try_with_options(backend, options) {
            Ok(cache) => cache,
            Err(error) => panic!("{error}"),
        }
    }

    /// On `backend`, with these settings. The first cache of a family in a process declares its keys; the first one on
    /// an in-memory store also looks through it, O(entries), for what was written there by its text before that.
    ///
    /// # Errors
    /// Kind `Config` when the family's [`PREFIX`](Family::PREFIX) cannot be one, or is in the way of another family's
    /// (both are named), and for options that contradict each other or do not go with the family (their values are named).
    pub fn try_with_options(backend: impl Into<Backend>, options: ManagerOptions) -> Result<Self> {
        let (family, backend) = (declare::<F>()?, backend.into());
        backend.forget_texts_of(family);
        let shared = SharedState::new(backend, &options, ManagerFacts::of::<F>())?;
        Ok(Self::on(shared, family))
    }

    /// On memory of its own for [`OWN_SIZE`](Family::OWN_SIZE) entries, which live as long as the family says.
    ///
    /// # Panics
    /// As [`with_options`](Self::with_options).
    #[must_use]
    pub fn in_memory() -> Self {
        match declare::<F>() {
            Ok(family) => {
                let facts = ManagerFacts::of::<F>();
                Self::on(SharedState::in_memory(F::OWN_SIZE, facts), family)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Replaces the backend for every holder of a clone. Loads under way do not publish to the new one; what memory of
    /// its own held is dropped.
    pub fn set_backend(&self, backend: impl Into<Backend>) {
        let backend = backend.into();
        backend.forget_texts_of(self.declared.0);
        if let Err(error) = self.shared.set_backend(backend, None) {
            unreachable!("the same options as before: {error}");
        }
    }

    /// [`set_backend`](Self::set_backend) with other settings than the cache had, for every holder.
    ///
    /// # Panics
    /// Where [`try_set_backend_with`](Self::try_set_backend_with) returns an error, with its text.
    pub fn set_backend_with(&self, backend: impl Into<Backend>, options: ManagerOptions) {
        if let Err(error) = self.try_set_backend_with(backend, options) {
            panic!("{error}");
        }
    }

    /// [`set_backend`](Self::set_backend) with other settings than the cache had, for every holder.
    ///
    /// # Errors
    /// Kind `Config` for options that contradict each other or do not go with what the family keeps; nothing is replaced then.
    pub fn try_set_backend_with(
        &self,
        backend: impl Into<Backend>,
        options: ManagerOptions,
    ) -> Result<()> {
        let backend = backend.into();
        backend.forget_texts_of(self.declared.0);
        self.shared.set_backend(backend, Some(&options))
    }

    /// What this cache and its clones counted.
    #[must_use]
    pub fn stats(&self) -> ManagerStats {
        self.shared.stats()
    }

    /// How long its loaders ran.
    #[must_use]
    pub fn load_times(&self) -> Histogram {
        self.shared.counters.load_times.snapshot()
    }

    /// The key as backends know it.
    #[must_use]
    pub fn key_ref<'k>(&self, key: F::Key<'k>) -> KeyRef<'k> {
        self.key(key)
    }

    /// The cached value; `None` when there is none. In memory a hit allocates nothing, formats nothing, and never waits.
    ///
    /// # Errors
    /// As [`Backend::get`]; an unavailable store is an error, never a miss.
    #[inline(always)]
    pub async fn get(&self, key: F::Key<'_>) -> Result<Option<F::Value>> {
        lookup!(self, key)
    }

    /// [`get`](Self::get), or, while the store is unavailable, what it said last, labelled as stale.
    ///
    /// # Errors
    /// As [`get`](Self::get), if nothing young enough is known; always during an outage without
    /// [`keep_stale`](ManagerOptions::keep_stale).
    pub async fn get_or_stale(&self, key: F::Key<'_>) -> Result<Option<MaybeStale<F::Value>>> {
        self.get_or_stale_at(self.key(key)).await
    }

    /// The cached value, or what `load` returns: one load per key in this process, however many tasks ask.
    ///
    /// # Errors
    /// Kind `Loader` with the loader's error as source, shared by all who waited and never cached; `Timeout` when the
    /// load took too long; `InvalidKey` when the key is too long. An unavailable store is none, unless asked for
    /// ([`OnOutage`](crate::managers::OnOutage)).
    ///
    /// # Panics
    /// When `load` panics, this caller unwinds; one of the others goes on with its own loader.
    ///
    /// # Cancel safety
    /// A caller that is dropped cancels nobody; its load goes on.
    #[inline(always)]
    pub async fn get_or_fetch<L, Fut, E>(&self, key: F::Key<'_>, load: L) -> Result<F::Value>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<F::Value, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        lookup_or_load!(self, key, load, Error::loader)
    }

    /// Writes a value. Loads of it under way do not overwrite it.
    ///
    /// # Errors
    /// As [`Backend::set`]; kind `Config` for a value that the family [refuses](Family::check).
    pub async fn set(&self, key: F::Key<'_>, value: F::Value) -> Result<()> {
        self.put(self.key(key), value).await
    }

    /// Reads, merges and writes, as often as it takes until nobody else wrote between: no update is lost, neither between
    /// tasks nor between processes that share a Valkey. `merge` gets what stands there (`None` also for a value of a
    /// wrong shape, which counts as undecodable) and returns what shall stand there. Returns what was written.
    ///
    /// # Errors
    /// As [`Backend::update`]; kind `Config`, with nothing written, for a value that the family
    /// [refuses](Family::check).
    ///
    /// # Cancel safety
    /// A caller that is dropped leaves the change either made or not made.
    pub async fn update(
        &self,
        key: F::Key<'_>,
        mut merge: impl FnMut(Option<&F::Value>) -> F::Value + Send,
    ) -> Result<F::Value> {
        let (at, mut wrong, mut written) = (self.key(key), false, None);
        let merge = |old: Option<&Value>| {
            let value = match old {
                Some(old) => {
                    let merged = old.with(|old| merge(Some(old)));
                    wrong = merged.is_none();
                    merged.unwrap_or_else(|| merge(None))
                }
                None => {
                    wrong = false;
                    merge(None)
                }
            };
            check::<F>(at, &value)?;
            written = Some(value.clone());
            Ok(Value::new(value))
        };
        let stored = self.update_value(key, merge).await?;
        if wrong {
            self.count(Event::Undecodable);
            self.backend().count_undecodable();
        }
        match written {
            Some(written) => Ok(written),
            None => stored
                .decode()
                .ok_or_else(|| Error::codec(format!("{at}: what was written cannot be read"))),
        }
    }

    /// Removes one value, for every process; `true` if it was there.
    ///
    /// # Errors
    /// As [`Backend::delete`]; in Valkey it is then also retried by itself.
    pub async fn invalidate(&self, key: F::Key<'_>) -> Result<bool> {
        self.shared.remove(self.key(key)).await
    }

    /// Removes every value whose key begins with this id, as far as the [`Scope`](crate::managers::Scope) reaches, and
    /// voids their loads under way; says how many went. O(entries) in memory; in Valkey it looks through all keys of the
    /// server. (A key that is one id is its own group.)
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn invalidate_group(&self, group: impl Into<GroupOf<F>>) -> Result<usize> {
        let group = self.group(group.into().number());
        self.shared.remove_set(group).await
    }

    /// The removal of a guild's values, if they are grouped by guild.
    #[cfg(feature = "valkey")]
    pub(crate) fn remove_guild_set(
        &self,
        guild: u64,
    ) -> Option<impl Future<Output = Result<usize>> + Send> {
        let set = self.group(guild);
        GroupOf::<F>::IS_GUILD.then(|| self.shared.remove_set(set))
    }

    /// Removes every value of the family, as far as the [`Scope`](crate::managers::Scope) reaches, and voids the loads
    /// under way; says how many went. O(entries) in memory; in Valkey it looks through all keys of the server.
    ///
    /// # Errors
    /// As [`Backend::delete_prefix`].
    pub async fn clear_all(&self) -> Result<usize> {
        self.shared.remove_set(self.all()).await
    }
}

/// The keys of a family. This library's own need no declaration.
fn declare<F: Family>() -> Result<CustomFamily> {
    match F::BUILT_IN.0 {
        Some(_) => Ok(CustomFamily::NONE),
        None => CustomFamily::declare(F::NAME, F::PREFIX, <F::Key<'static>>::FORM),
    }
}
