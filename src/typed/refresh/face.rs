//! The calls as users make them.

use std::error::Error as StdError;
use std::future::Future;

use crate::error::{Error, Result};
use crate::typed::TypedCache;
use crate::typed::family::Family;
use crate::typed::policy::fetch_options::FetchOptions;
use crate::typed::policy::fetched::Fetched;
use crate::typed::policy::plan::Load;
use crate::typed::policy::rules::FetchRules;
use crate::typed::stale::MaybeStale;

impl<F: Family> TypedCache<F> {
    /// The cached value; or what `load` returns; or, as far as the options allow, what was known last, labelled as stale:
    /// at once while a load goes on
    /// ([`stale_while_revalidating`](crate::managers::ManagerOptions::stale_while_revalidating)), or when the load fails
    /// ([`stale_on_error`](crate::managers::ManagerOptions::stale_on_error)) or is slow
    /// ([`soft_timeout`](crate::managers::ManagerOptions::soft_timeout)). One load per key in this process.
    ///
    /// # Errors
    /// As [`get_or_fetch`](Self::get_or_fetch), where nothing young enough is known.
    ///
    /// # Panics
    /// When `load` panics while this caller waits for it, this caller unwinds.
    ///
    /// # Cancel safety
    /// A caller that is dropped cancels nobody; its load goes on and is stored.
    pub async fn get_or_fetch_stale<L, Fut, E>(
        &self,
        key: F::Key<'_>,
        load: L,
    ) -> Result<MaybeStale<F::Value>>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<F::Value, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let load = one(async move |_| Ok::<_, E>(Fetched::value(load().await?)));
        let rules = &self.shared.settings().rules;
        self.fetch_by(self.key(key), false, rules, load).await
    }

    /// [`get_or_fetch_stale`](Self::get_or_fetch_stale) with settings of this call, which go before the cache's. `load` may
    /// say more than a value ([`Fetched`]).
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch_stale`](Self::get_or_fetch_stale); and `Config` for settings that contradict each other.
    pub async fn get_or_fetch_with<L, Fut, R, E>(
        &self,
        key: F::Key<'_>,
        options: &FetchOptions,
        load: L,
    ) -> Result<MaybeStale<F::Value>>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Fetched<F::Value>>,
        E: StdError + Send + Sync + 'static,
    {
        let rules = self.rules_of(options)?;
        let load = one(async move |_| Ok::<_, E>(load().await?.into()));
        self.fetch_by(self.key(key), false, &rules, load).await
    }

    /// [`get_or_fetch`](Self::get_or_fetch) with a loader that sees what was known last, if anything is: the live value where
    /// it is [refreshed ahead](crate::managers::ManagerOptions::refresh_ahead), else what
    /// [`keep_stale`](crate::managers::ManagerOptions::keep_stale) has kept. It may answer [`Fetched::not_modified`]. The
    /// answer is never stale.
    ///
    /// # Errors, panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch); and kind `Loader` for `not_modified` without an old value.
    pub async fn get_or_fetch_refreshing<L, Fut, R, E>(
        &self,
        key: F::Key<'_>,
        load: L,
    ) -> Result<F::Value>
    where
        L: FnOnce(Option<F::Value>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Fetched<F::Value>>,
        E: StdError + Send + Sync + 'static,
    {
        let rules = self.shared.settings().rules.fresh_only();
        let load = one(async move |old| Ok::<_, E>(load(old).await?.into()));
        let answer = self.fetch_by(self.key(key), false, &rules, load).await?;
        Ok(answer.into_inner())
    }

    /// The rules of one call.
    fn rules_of(&self, options: &FetchOptions) -> Result<FetchRules> {
        let settings = self.shared.settings();
        let rules = options.rules.over(&settings.rules);
        if options.rules != FetchRules::default() {
            let lifetime = Some(self.backend().lifetime(self.ttl()));
            let bounds = settings.options.bounds(lifetime, Some(&self.shared.facts));
            let of_whom = |error: Error| Error::config(format!("{}: {}", F::NAME, error.message()));
            rules.check(&bounds).map_err(of_whom)?;
        }
        Ok(rules)
    }
}

/// Called inside the future, in its task: a panic in it unwinds there.
fn one<T, L, Fut, E>(load: L) -> Load<T>
where
    T: Send + 'static,
    L: FnOnce(Option<T>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Fetched<T>, E>> + Send + 'static,
    E: StdError + Send + Sync + 'static,
{
    Load::One(Box::new(move |old| {
        Box::pin(async move { load(old).await.map_err(Error::loader) })
    }))
}
