//! Loading what is missing with loaders that are futures, without a runtime.

use super::cache::TtlCache;
use super::fetch::never;
use crate::single_flight::{IntoLoaded, Loaded};
use crate::sync::StdArc as Arc;
use papaya::Equivalent;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};

impl<K, V, S> TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// The value of `key`; if it is missing, `fetch` makes it, once however many callers ask, be they futures or threads in
    /// [`get_or_fetch`](Self::get_or_fetch). The loader returns a value, or a [`Loaded`](crate::Loaded) one, which says how long it is to be
    /// kept.
    ///
    /// On every executor, and without one: the first caller polls its own `fetch`, whenever it is polled itself, and the others are woken
    /// when that is done. The future is `Send` if the loader's is; it holds no lock and no guard of the cache while it waits. If the key is
    /// set, invalidated or cleared meanwhile, the loaded value is returned to those who waited and not kept. Called for the same key from
    /// inside its own `fetch`, it runs the inner `fetch` directly and keeps nothing of it. A hit allocates nothing; a load allocates for its
    /// future and for those who wait.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tux_cache::{Loaded, TtlCache};
    ///
    /// # async fn load(id: u64) -> Option<String> { (id == 1).then(|| String::from("Tux")) }
    /// # let run = async {
    /// let names: TtlCache<u64, Option<String>> = TtlCache::new(Duration::from_secs(300), 10_000);
    /// let name = names.get_or_fetch_async(1, async || load(1).await).await;
    /// assert_eq!(name.as_deref(), Some("Tux"));
    ///
    /// // What is absent is asked for again soon.
    /// let nobody = names
    ///     .get_or_fetch_async(2, async || match load(2).await {
    ///         None => Loaded::new(None).ttl(Duration::from_secs(5)),
    ///         found => Loaded::new(found),
    ///     })
    ///     .await;
    /// assert_eq!(nobody, None);
    /// # };
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(std::pin::pin!(run).poll(&mut context).is_ready());
    /// ```
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. One that waits takes only itself away. If the one that loads is dropped, its `fetch` goes with it, and one
    /// of those who wait goes on with its own, if it is polled. So do not keep one that has begun to load without polling it or dropping it:
    /// the others would wait for it. For the same reason a thread that runs these futures must not call
    /// [`get_or_fetch`](Self::get_or_fetch) for a key that one of them is loading: it would block the thread that has to poll that one.
    ///
    /// # Panics
    ///
    /// A panic in `fetch` unwinds its own caller only; one of those who wait goes on with its own `fetch`.
    #[doc(alias("get_with", "get_or_insert_async", "get_or_load"))]
    #[inline]
    pub async fn get_or_fetch_async<F, R>(&self, key: K, fetch: impl FnOnce() -> F) -> V
    where
        F: Future<Output = R>,
        R: IntoLoaded<V>,
    {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                value
            }
            None => {
                let fetch = || infallible(fetch());
                // In a box: so the futures of hits are small.
                never(Box::pin(self.loads.fetch_async(self, key, fetch)).await)
            }
        }
    }

    /// [`get_or_fetch_async`](Self::get_or_fetch_async) with a loader that may fail.
    ///
    /// ```
    /// use std::{io, sync::Arc, time::Duration};
    /// use tux_cache::TtlCache;
    ///
    /// # async fn load(id: u64) -> io::Result<String> { Err(io::Error::other("on fire")) }
    /// # let run = async {
    /// let names: TtlCache<u64, String> = TtlCache::new(Duration::from_secs(300), 10_000);
    /// let failed: Result<String, Arc<io::Error>> =
    ///     names.try_get_or_fetch_async(1, async || load(1).await).await;
    /// assert_eq!(failed.unwrap_err().to_string(), "on fire");
    /// # };
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(std::pin::pin!(run).poll(&mut context).is_ready());
    /// ```
    ///
    /// # Errors
    ///
    /// The error of `fetch`, shared with those who waited for it and never cached. A caller that waited with another error type runs its own
    /// `fetch`.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    #[doc(alias("try_get_with", "try_get_or_insert_async"))]
    #[inline]
    pub async fn try_get_or_fetch_async<F, R, E>(
        &self,
        key: K,
        fetch: impl FnOnce() -> F,
    ) -> Result<V, Arc<E>>
    where
        F: Future<Output = Result<R, E>>,
        R: IntoLoaded<V>,
        E: Send + Sync + 'static,
    {
        match self.get(&key) {
            Some(value) => {
                drop((key, fetch));
                Ok(value)
            }
            None => {
                let fetch = || loaded(fetch());
                Box::pin(self.loads.fetch_async(self, key, fetch)).await
            }
        }
    }

    /// [`get_or_fetch_async`](Self::get_or_fetch_async) by a borrowed key, which is made an owned one only if its value is missing.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    #[doc(alias("get_with_by_ref"))]
    #[inline]
    pub async fn get_or_fetch_by_ref_async<Q, F, R>(&self, key: &Q, fetch: impl FnOnce() -> F) -> V
    where
        Q: ToOwned<Owned = K> + Equivalent<K> + Hash + ?Sized,
        F: Future<Output = R>,
        R: IntoLoaded<V>,
    {
        match self.get(key) {
            Some(value) => {
                drop(fetch);
                value
            }
            None => {
                let (key, fetch) = (key.to_owned(), || infallible(fetch()));
                never(Box::pin(self.loads.fetch_async(self, key, fetch)).await)
            }
        }
    }

    /// [`try_get_or_fetch_async`](Self::try_get_or_fetch_async) by a borrowed key, which is made an owned one only if its value is missing.
    ///
    /// # Errors
    ///
    /// As [`try_get_or_fetch_async`](Self::try_get_or_fetch_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    ///
    /// # Panics
    ///
    /// As [`get_or_fetch_async`](Self::get_or_fetch_async).
    #[doc(alias("try_get_with_by_ref"))]
    #[inline]
    pub async fn try_get_or_fetch_by_ref_async<Q, F, R, E>(
        &self,
        key: &Q,
        fetch: impl FnOnce() -> F,
    ) -> Result<V, Arc<E>>
    where
        Q: ToOwned<Owned = K> + Equivalent<K> + Hash + ?Sized,
        F: Future<Output = Result<R, E>>,
        R: IntoLoaded<V>,
        E: Send + Sync + 'static,
    {
        match self.get(key) {
            Some(value) => {
                drop(fetch);
                Ok(value)
            }
            None => {
                let (key, fetch) = (key.to_owned(), || loaded(fetch()));
                Box::pin(self.loads.fetch_async(self, key, fetch)).await
            }
        }
    }
}

/// What a loader that cannot fail makes.
async fn infallible<V, R: IntoLoaded<V>>(
    load: impl Future<Output = R>,
) -> Result<Loaded<V>, Infallible> {
    Ok(load.await.into_loaded())
}

/// What a loader makes.
async fn loaded<V, R: IntoLoaded<V>, E>(
    load: impl Future<Output = Result<R, E>>,
) -> Result<Loaded<V>, E> {
    load.await.map(R::into_loaded)
}
