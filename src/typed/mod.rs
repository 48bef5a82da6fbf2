//! A cache of one kind of values on a backend: what every manager is made of.
//!
//! A [`Family`] says what is special about a kind; everything else stands here once:
//!
//! | file | what |
//! |---|---|
//! | `family` | what a kind of values says about itself |
//! | `lookup` | look-ups, at once where memory can tell |
//! | `fetch`, `lead`, `flights` | loads, one per key, for one key or many: the caller's part, the task's, and where they meet |
//! | `stale` | what is remembered for outages |
//! | `decode` | counting values of a wrong shape |
//! | `options`, `settings` | what may be set, the built-in settings, and what both come to |
//! | `shared`, `backend_cell`, `stats` | what the caches of one manager have in common |
//!
//! Three outcomes are told apart throughout (T36): a value, absent, and unavailable (an error).

mod backend_cell;
pub(crate) mod decode;
pub(crate) mod family;
pub(crate) mod fetch;
mod flights;
mod lead;
pub(crate) mod lookup;
pub(crate) mod options;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod stale;
pub(crate) mod stats;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::backend::{Backend, Key, KeyRef, KeySet, StoreLease, Ttl, Value};
use crate::error::{Error, Result};
use crate::single_flight::LeaseSource;
use family::Family;
use flights::Flights;
use shared::SharedState;
use stats::Event;

/// The values of one family on a backend. Clones share everything, and so do the caches of several families that are
/// made [`on`](Self::on) the same state. Loads under way belong to the store ([`Flights`]).
pub(crate) struct TypedCache<F> {
    pub(crate) shared: Arc<SharedState>,
    family: PhantomData<fn() -> F>,
}

impl<F: Family> TypedCache<F> {
    /// With this backend, these settings and these counters.
    pub(crate) fn on(shared: Arc<SharedState>) -> Self {
        let family = PhantomData;
        Self { shared, family }
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> &Backend {
        self.shared.cell.backend()
    }

    /// The loads under way on the store that serves now.
    fn flights(&self) -> Arc<Flights<F::Value>> {
        Flights::of(self.backend())
    }

    /// The TTL that values get now: what the caller asked for, else the built-in one.
    pub(crate) fn ttl(&self) -> Ttl {
        F::ttl_asked(self.shared.settings()).unwrap_or(Ttl::built_in(F::TTL))
    }

    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.shared.counters.add(event);
    }

    /// Writes a value and voids the loads of its key.
    ///
    /// # Errors
    /// Kind `Config` for a value that not every reader takes; nothing is written then.
    pub(crate) async fn set(&self, key: F::Key<'_>, value: F::Value) -> Result<()> {
        self.put(F::key(key), value).await
    }

    /// The same by the store's key.
    pub(crate) async fn put(&self, key: KeyRef<'_>, value: F::Value) -> Result<()> {
        F::check(&value).map_err(|wrong| Error::config(format!("{key}: {wrong}")))?;
        self.count(Event::Set);
        self.shared.forget(key);
        self.backend().put(key, value, self.ttl()).await?;
        self.shared.forget(key);
        Ok(())
    }

    /// Read, merge, write, as often as it takes. `merge` sees whatever stands there, of any shape.
    pub(crate) async fn update(
        &self,
        key: F::Key<'_>,
        merge: impl FnMut(Option<&Value>) -> Value + Send,
    ) -> Result<()> {
        let key = F::key(key);
        self.count(Event::Set);
        self.shared.forget(key);
        self.backend().update(key, self.ttl(), merge).await?;
        self.shared.forget(key);
        Ok(())
    }

    /// Removes one value, for every process; `true` if it was there.
    pub(crate) async fn invalidate(&self, key: F::Key<'_>) -> Result<bool> {
        self.shared.remove(F::key(key)).await
    }

    /// Removes every value of a guild, as far as the scope reaches; says how many went.
    pub(crate) async fn invalidate_guild(&self, guild: u64) -> Result<usize> {
        self.shared.remove_set(KeySet::Guild(F::KEYS, guild)).await
    }

    /// Removes every value, as far as the scope reaches; says how many went.
    pub(crate) async fn clear_all(&self) -> Result<usize> {
        self.shared.remove_set(KeySet::Family(F::KEYS)).await
    }
}

impl<F> Clone for TypedCache<F> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            family: PhantomData,
        }
    }
}

impl<F: Family> LeaseSource<Key> for TypedCache<F> {
    type Lease = StoreLease;

    fn lease(&self, key: &Key) -> StoreLease {
        self.backend().lease(key.as_key_ref())
    }

    fn is_valid(&self, lease: &StoreLease) -> bool {
        self.backend().lease_is_valid(lease)
    }
}

impl<F: Family> fmt::Debug for TypedCache<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedCache")
            .field("family", &F::NAME)
            .field("backend", &self.shared.cell)
            .field("ttl", &self.ttl())
            .field("flights", &self.flights().group.len())
            .finish_non_exhaustive()
    }
}

/// Runs several writes that belong together so that a caller who goes away leaves none of them out: in
/// memory they never wait, elsewhere they run in a task of their own.
pub(crate) async fn uncancelled<R: Send + 'static>(
    in_process: bool,
    writes: impl Future<Output = Result<R>> + Send + 'static,
) -> Result<R> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if !in_process => match runtime.spawn(writes).await {
            Ok(result) => result,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err(Error::unavailable(
                "the write was ended because its tokio runtime shut down",
            )),
        },
        _ => writes.await,
    }
}
