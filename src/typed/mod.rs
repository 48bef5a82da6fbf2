//! One type of value in the shared tier: what every manager is made of.
//!
//! Three outcomes are told apart throughout (T36): a value, absent, and unavailable (an error).

pub(crate) mod backend_cell;
pub(crate) mod decode;
pub(crate) mod fetch;
pub(crate) mod fetch_many;
pub(crate) mod flights;
pub(crate) mod lookup;
pub(crate) mod options;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod stale;
pub(crate) mod stats;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use crate::backend::{AtHand, Backend, CacheValue, Key, KeyRef, Lease, Peek, Ttl, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::single_flight::LeaseSource;
use decode::CountedRead;
use flights::Flights;
use options::OnOutage;
use settings::Lifetime;
use shared::{SharedState, is_in_process};
use stale::MaybeStale;
use stats::Event;

/// A value that a manager keeps.
pub(crate) trait Cached: CacheValue {
    /// Whether it answers every question about its key. Part of a value is a hit for `get`, not for
    /// `get_or_fetch`.
    fn is_whole(&self) -> bool {
        true
    }

    /// Whether every reader of the store takes it, Python ones too; `Err` says what is wrong with it.
    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    /// Takes over from what stood under the key before what a load does not know.
    #[must_use]
    fn merge_previous(self, _before: Option<&Self>) -> Self {
        self
    }
}

/// The way to an answer that takes time. Boxed, and made only then: a hit in memory neither allocates nor runs through
/// a state machine. So is the answer: the hit's own is then in nobody's memory, and is not copied from place to place.
pub(crate) type BoxedAnswer<'a, T> = Pin<Box<dyn Future<Output = Box<Result<T>>> + Send + 'a>>;

/// One type of value and its TTL. Its loads under way belong to the store ([`Flights`]).
pub(crate) struct TypedCache<T> {
    pub(crate) shared: Arc<SharedState>,
    pub(crate) lifetime: Lifetime,
    value: PhantomData<fn() -> T>,
}

impl<T: Cached> TypedCache<T> {
    pub(crate) fn new(shared: &Arc<SharedState>, lifetime: Lifetime) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            lifetime,
            value: PhantomData,
        })
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> &Backend {
        self.shared.cell.backend()
    }

    /// The loads under way on the store that serves now.
    pub(crate) fn flights(&self) -> Arc<Flights<T>> {
        Flights::of(self.backend())
    }

    /// The TTL that values get now.
    pub(crate) fn ttl(&self) -> Ttl {
        self.lifetime.under(self.shared.settings())
    }

    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.shared.counters.add(event);
    }

    /// The value under `key`, for when [`peek`](Self::peek) could not tell.
    #[cold]
    #[inline(never)]
    pub(crate) fn get_boxed<'a>(&'a self, key: KeyRef<'a>) -> BoxedAnswer<'a, Option<T>> {
        Box::pin(async move { Box::new(self.get_by_asking(key).await) })
    }

    pub(super) async fn get_by_asking(&self, key: KeyRef<'_>) -> Result<Option<T>> {
        let found = self.ask(self.backend(), key).await;
        self.count_found(&found, |found| usize::from(found.is_some()), 1);
        found
    }

    /// A reference to what memory has where it is looked for first, as it does for nearly all hits; `None` says nothing. Once it is
    /// known to be of use it is a [hit](Self::hit).
    #[inline(always)]
    pub(crate) fn try_get_ref(&self, key: KeyRef<'_>) -> Option<AtHand<'_, T>> {
        self.backend().at_hand(key)
    }

    /// The value lent, which answers a look-up. Counted first: nothing may unwind once the copy is made, or it would have
    /// to lie where it can be dropped, and be copied again from there.
    #[inline(always)]
    pub(crate) fn hit(&self, lent: &AtHand<'_, T>) -> T {
        lent.count();
        self.count(Event::Hit);
        lent.value().clone()
    }

    /// A look-up of what is not [at hand](Self::try_get_ref): `true` if memory could tell; else
    /// [`get_boxed`](Self::get_boxed) must be asked.
    #[inline(never)]
    pub(crate) fn peek(&self, key: KeyRef<'_>, found: &mut Option<T>) -> bool {
        let peeked = self
            .backend()
            .peek_elsewhere(key, |value: &T| *found = Some(value.clone()));
        match peeked {
            Peek::Hit(()) => self.count(Event::Hit),
            Peek::Miss => self.missed(),
            Peek::Ask => return false,
        }
        true
    }

    /// A hit in memory that is not [at hand](Self::try_get_ref); whoever finds none looks on, and counts the miss.
    pub(crate) fn hit_elsewhere(&self, key: KeyRef<'_>) -> Option<T> {
        match self.backend().peek_elsewhere(key, T::clone) {
            Peek::Hit(value) => {
                self.count(Event::Hit);
                Some(value)
            }
            Peek::Miss | Peek::Ask => None,
        }
    }

    /// A look-up in memory found nothing, or a wrong shape.
    #[cold]
    #[inline(never)]
    fn missed(&self) {
        self.count(Event::Miss);
        if decode::take_mismatch() {
            self.count(Event::Undecodable);
        }
    }

    pub(crate) fn count_found<F>(
        &self,
        found: &Result<F>,
        hits: impl FnOnce(&F) -> usize,
        asked: usize,
    ) {
        match found {
            Ok(found) => {
                let hits = hits(found);
                self.shared.counters.add_many(Event::Hit, hits as u64);
                self.shared
                    .counters
                    .add_many(Event::Miss, (asked - hits) as u64);
            }
            Err(_) => self
                .shared
                .counters
                .add_many(Event::Unavailable, asked as u64),
        }
    }

    /// Asks a store that answers later. Counts only wrong shapes.
    pub(crate) async fn ask(&self, backend: &Backend, key: KeyRef<'_>) -> Result<Option<T>> {
        let known = self
            .shared
            .settings()
            .last_known
            .as_ref()
            .map(|known| (known, known.lease(key)));
        let read = backend.get_as::<CountedRead<T>>(key);
        let found = decode::counting_mismatches(&self.shared.counters, read)
            .await?
            .map(|CountedRead(value)| value);
        if let (Some((known, lease)), Some(value)) = (known, &found) {
            known.learn(lease, value);
        }
        Ok(found)
    }

    /// Several values, in order; one round trip in Valkey.
    pub(crate) async fn get_many(&self, keys: &[KeyRef<'_>]) -> Result<Vec<Option<T>>> {
        let found = self.ask_many(self.backend(), keys).await;
        self.count_found(&found, |found| found.iter().flatten().count(), keys.len());
        found
    }

    /// The same uncounted, but for wrong shapes.
    pub(crate) async fn ask_many(
        &self,
        backend: &Backend,
        keys: &[KeyRef<'_>],
    ) -> Result<Vec<Option<T>>> {
        if is_in_process(backend) {
            let peek = |key: &KeyRef<'_>| match backend.peek::<T>(*key) {
                Peek::Hit(value) => Some(Some(value)),
                Peek::Miss => {
                    if decode::take_mismatch() {
                        self.count(Event::Undecodable);
                    }
                    Some(None)
                }
                // Moved over to the server just now.
                Peek::Ask => None,
            };
            if let Some(values) = keys.iter().map(peek).collect() {
                return Ok(values);
            }
        }
        let known = self.shared.settings().last_known.as_ref();
        let leases: Option<Vec<_>> =
            known.map(|known| keys.iter().map(|key| known.lease(*key)).collect());
        let read = backend.get_many_as::<CountedRead<T>>(keys);
        let found: Vec<Option<T>> = decode::counting_mismatches(&self.shared.counters, read)
            .await?
            .into_iter()
            .map(|found| found.map(|CountedRead(value)| value))
            .collect();
        if let (Some(known), Some(leases)) = (known, leases) {
            for (lease, value) in leases.into_iter().zip(&found) {
                if let Some(value) = value {
                    known.learn(lease, value);
                }
            }
        }
        Ok(found)
    }

    /// [`get`](Self::get), or what was remembered if the store is unavailable (T36).
    pub(crate) async fn get_or_stale(&self, key: KeyRef<'_>) -> Result<Option<MaybeStale<T>>> {
        {
            let mut found = None;
            if self.peek(key, &mut found) {
                return Ok(found.map(MaybeStale::Fresh));
            }
        }
        match self.get_by_asking(key).await {
            Ok(found) => Ok(found.map(MaybeStale::Fresh)),
            Err(error) if error.is_unavailable() => {
                let known = self.shared.settings().last_known.as_ref();
                let stale = known.and_then(|known| known.recall(key)).ok_or(error)?;
                self.count(Event::StaleAnswer);
                Ok(Some(stale))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a value and voids the loads of its key.
    ///
    /// # Errors
    /// Kind `Config` for a value that not every reader takes; nothing is written then.
    pub(crate) async fn put(&self, key: KeyRef<'_>, value: T) -> Result<()> {
        value
            .check()
            .map_err(|wrong| Error::config(format!("{key}: {wrong}")))?;
        self.count(Event::Set);
        self.shared.forget(key);
        self.backend().put(key, value, self.ttl()).await?;
        self.shared.forget(key);
        Ok(())
    }

    /// Read, merge, write, as often as it takes. `merge` sees whatever stands there, of any shape.
    pub(crate) async fn update(
        &self,
        key: KeyRef<'_>,
        merge: impl FnMut(Option<&Value>) -> Value + Send,
    ) -> Result<()> {
        self.count(Event::Set);
        self.shared.forget(key);
        self.backend().update(key, self.ttl(), merge).await?;
        self.shared.forget(key);
        Ok(())
    }

    /// Whether a loaded value may be stored: one that not every reader takes is for its caller alone.
    pub(crate) fn may_store(&self, key: KeyRef<'_>, value: &T) -> bool {
        let Err(wrong) = value.check() else {
            return true;
        };
        self.count(Event::PublishError);
        tracing::warn!(%key, wrong, "a loaded value is not stored: other readers would refuse it");
        false
    }

    /// Whether a load may go on although the store could not be read: `Ok(true)` if its value may be kept.
    pub(crate) fn load_despite(&self, error: Error) -> Result<bool> {
        match error.kind() {
            // A list or the like under our key is a wrong shape: the value loaded takes its place.
            ErrorKind::WrongType => {
                self.count(Event::Undecodable);
                Ok(true)
            }
            ErrorKind::InvalidKey | ErrorKind::Config => Err(error),
            _ if self.shared.settings().on_outage == OnOutage::Fail => Err(error),
            _ => Ok(false),
        }
    }
}

impl<T: Cached> LeaseSource<Key> for TypedCache<T> {
    type Lease = Lease;

    fn lease(&self, key: &Key) -> Lease {
        self.backend().lease(key.as_key_ref())
    }

    fn is_valid(&self, lease: &Lease) -> bool {
        self.backend().lease_is_valid(lease)
    }
}

impl<T: Cached> fmt::Debug for TypedCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedCache")
            .field("backend", &self.shared.cell)
            .field("ttl", &self.ttl())
            .field("flights", &self.flights().group.len())
            .finish_non_exhaustive()
    }
}

/// Runs several writes that belong together so that a caller who goes away leaves none of them out: in
/// memory they never wait, elsewhere they run in a task of their own.
pub(crate) async fn whole<R: Send + 'static>(
    local: bool,
    writes: impl Future<Output = Result<R>> + Send + 'static,
) -> Result<R> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if !local => match runtime.spawn(writes).await {
            Ok(result) => result,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err(Error::unavailable(
                "the write was ended because its tokio runtime shut down",
            )),
        },
        _ => writes.await,
    }
}
