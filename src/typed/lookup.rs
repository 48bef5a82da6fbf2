//! Look-ups: at once if memory can tell, else later.
//!
//! Two are macros, because a future awaited inside another is written to the outer one's memory and read back: on a hit that
//! costs more than the look-up itself. So the look-up stands in the manager's own future, its value is copied from the
//! entry to where the caller wants it, and only the slow way is a future of its own.

use std::future::Future;
use std::pin::Pin;

use super::TypedCache;
use super::decode::{self, CountedRead};
use super::family::Family;
use super::shared::is_in_process;
use super::stale::MaybeStale;
use super::stats::Event;
use crate::backend::{Backend, KeyRef, Peek, TypedRef};
use crate::error::Result;

/// `Result<Option<T>>`: what `$cache` has under `$key`.
macro_rules! lookup {
    ($cache:expr, $key:expr) => {
        'answer: {
            let key = $cache.key($key);
            if let Some(lent) = $cache.try_get_ref(key) {
                break 'answer Ok(Some($cache.hit(&lent)));
            }
            {
                // Gone before the await: it must not become a part of the future.
                let mut found = None;
                if $cache.peek(key, &mut found) {
                    break 'answer Ok(found);
                }
            }
            *$cache.get_boxed(key).await
        }
    };
}

/// `Result<T>`: the same, or what `$load` makes if that is nothing, or not whole. `$map_error` makes an
/// [`Error`](crate::Error) of its error.
macro_rules! lookup_or_load {
    ($cache:expr, $key:expr, $load:expr, $map_error:expr) => {
        'answer: {
            let key = $cache.key($key);
            if let Some(lent) = $cache.try_get_ref(key)
                && $cache.is_whole(lent.value())
            {
                break 'answer Ok($cache.hit(&lent));
            }
            let answered = {
                let mut found = None;
                let answered = $cache.peek_to_load(key, &mut found);
                if let Some(value) = found
                    && $cache.is_whole(&value)
                {
                    break 'answer Ok(value);
                }
                answered
            };
            *$cache.load_boxed(key, answered, $load, $map_error).await
        }
    };
}

pub(crate) use {lookup, lookup_or_load};

/// The way to an answer that takes time. Boxed, and made only then: a hit in memory neither allocates nor runs through
/// a state machine. So is the answer: the hit's own is then in nobody's memory, and is not copied from place to place.
pub(crate) type BoxedAnswer<'a, T> = Pin<Box<dyn Future<Output = Box<Result<T>>> + Send + 'a>>;

impl<F: Family> TypedCache<F> {
    /// The store's key; a method, so that the macros need not name the family.
    #[inline(always)]
    pub(crate) fn key<'k>(&self, key: F::Key<'k>) -> KeyRef<'k> {
        F::key_ref(key, self.declared)
    }

    /// The same for [`Family::is_whole`].
    #[inline(always)]
    pub(crate) fn is_whole(&self, value: &F::Value) -> bool {
        F::is_whole(value)
    }

    /// The value under `key`, for when [`peek`](Self::peek) could not tell.
    #[cold]
    #[inline(never)]
    pub(crate) fn get_boxed<'a>(&'a self, key: KeyRef<'a>) -> BoxedAnswer<'a, Option<F::Value>> {
        Box::pin(async move { Box::new(self.get_by_asking(key).await) })
    }

    pub(super) async fn get_by_asking(&self, key: KeyRef<'_>) -> Result<Option<F::Value>> {
        let found = self.ask(self.backend(), key).await;
        self.count_found(&found, |found| usize::from(found.is_some()), 1);
        found
    }

    /// A reference to what memory has where it is looked for first, as it does for nearly all hits; `None` says nothing, and comes
    /// always where values are refreshed ahead: a hit may have more to do there than to answer. Once it is known to be of
    /// use it is a [hit](Self::hit).
    #[inline(always)]
    pub(crate) fn try_get_ref(&self, key: KeyRef<'_>) -> Option<TypedRef<'_, F::Value>> {
        Backend::try_get_ref_in(self.shared.cell.at_once(), key)
    }

    /// The value lent, which answers a look-up. Counted first: nothing may unwind once the copy is made, or it would have
    /// to lie where it can be dropped, and be copied again from there.
    #[inline(always)]
    pub(crate) fn hit(&self, lent: &TypedRef<'_, F::Value>) -> F::Value {
        lent.count();
        self.count(Event::Hit);
        lent.value().clone()
    }

    /// A look-up of what is not [found at once](Self::try_get_ref): `true` if memory could tell; else
    /// [`get_boxed`](Self::get_boxed) must be asked.
    #[inline(never)]
    pub(crate) fn peek(&self, key: KeyRef<'_>, found: &mut Option<F::Value>) -> bool {
        let peeked = self
            .backend()
            .peek_slow(key, |value: &F::Value| *found = Some(value.clone()));
        match peeked {
            Peek::Hit(()) => self.count(Event::Hit),
            Peek::Miss => self.missed(),
            Peek::Ask => return false,
        }
        true
    }

    /// [`peek`](Self::peek) for a call that could load: it cannot tell of what is to be refreshed.
    #[inline(never)]
    pub(crate) fn peek_to_load(&self, key: KeyRef<'_>, found: &mut Option<F::Value>) -> bool {
        let at_once = self.shared.cell.at_once().is_some();
        (at_once || !self.wants_refresh(key)) && self.peek(key, found)
    }

    /// A hit in memory that is not [found at once](Self::try_get_ref); whoever finds none looks on, and counts the miss.
    pub(crate) fn hit_slow(&self, key: KeyRef<'_>) -> Option<F::Value> {
        match self.backend().peek_slow(key, F::Value::clone) {
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
        if decode::last_read_was_wrong() {
            self.count(Event::Undecodable);
        }
    }

    pub(crate) fn count_found<R>(
        &self,
        found: &Result<R>,
        hits: impl FnOnce(&R) -> usize,
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
    pub(crate) async fn ask(&self, backend: &Backend, key: KeyRef<'_>) -> Result<Option<F::Value>> {
        let Some(known) = self.known(backend) else {
            let read = backend.get_as::<CountedRead<F::Value>>(key);
            let found = decode::counting_mismatches(&self.shared.counters, read).await?;
            return Ok(found.map(|CountedRead(value)| value));
        };
        self.ask_and_learn(backend, known, key).await
    }

    /// Several values, in order; one round trip in Valkey.
    pub(crate) async fn get_many_at(&self, keys: &[KeyRef<'_>]) -> Result<Vec<Option<F::Value>>> {
        let found = self.ask_many(self.backend(), keys).await;
        self.count_found(&found, |found| found.iter().flatten().count(), keys.len());
        found
    }

    /// The same uncounted, but for wrong shapes.
    pub(crate) async fn ask_many(
        &self,
        backend: &Backend,
        keys: &[KeyRef<'_>],
    ) -> Result<Vec<Option<F::Value>>> {
        if is_in_process(backend) {
            let peek = |key: &KeyRef<'_>| match backend.peek::<F::Value>(*key) {
                Peek::Hit(value) => Some(Some(value)),
                Peek::Miss => {
                    if decode::last_read_was_wrong() {
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
        let learning = self.begin_to_learn(backend, keys);
        let read = backend.get_many_as::<CountedRead<F::Value>>(keys);
        let found: Vec<Option<F::Value>> = decode::counting_mismatches(&self.shared.counters, read)
            .await?
            .into_iter()
            .map(|found| found.map(|CountedRead(value)| value))
            .collect();
        self.learn_all(backend, keys, learning, &found);
        Ok(found)
    }

    /// The value of a key, or what was remembered if the store is unavailable (T36).
    pub(crate) async fn get_or_stale_at(
        &self,
        key: KeyRef<'_>,
    ) -> Result<Option<MaybeStale<F::Value>>> {
        {
            let mut found = None;
            if self.peek(key, &mut found) {
                return Ok(found.map(MaybeStale::Fresh));
            }
        }
        match self.get_by_asking(key).await {
            Ok(found) => Ok(found.map(MaybeStale::Fresh)),
            Err(error) if error.is_unavailable() => {
                let known = self.known(self.backend());
                let stale = known.and_then(|known| known.recall(key)).ok_or(error)?;
                Ok(Some(self.stale(stale)))
            }
            Err(error) => Err(error),
        }
    }
}
