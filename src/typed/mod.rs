//! A cache of one kind of values on a backend: of a kind of your own, and what every manager is made of.
//!
//! A [`Family`] says what is special about a kind; everything else stands here once, in [`TypedCache`].
//!
//! Three outcomes are told apart throughout: a value, absent, and unavailable (an error).

// Where what stands:
//
// | file | what |
// |---|---|
// | `family`, `key`, `ids` | what a kind of values says about itself; what its keys can be made of |
// | `cache`, `batch` | what callers ask of a cache: of one key, of several |
// | `lookup` | look-ups, at once where memory can tell |
// | `fetch`, `lead`, `flights` | loads, one per key, for one key or many: the caller's part, the task's, and where they meet |
// | `policy` | what happens before, at and after the end of a value's life |
// | `refresh` | the calls that go by it, and what they learn |
// | `stale` | answers that may be stale |
// | `decode` | counting values of a wrong shape |
// | `options`, `refresh_options`, `settings` | what may be set, the built-in settings, and what both come to |
// | `shared`, `backend_cell`, `stats` | what the caches of one manager have in common |

mod backend_cell;
mod batch;
mod cache;
pub(crate) mod decode;
pub(crate) mod family;
pub(crate) mod fetch;
mod flights;
pub(crate) mod ids;
mod key;
mod lead;
pub(crate) mod lookup;
pub(crate) mod options;
pub(crate) mod policy;
mod refresh;
pub(crate) mod refresh_options;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod stale;
pub(crate) mod stats;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::backend::{Backend, CustomFamily, Key, KeyRef, KeySet, StoreLease, Ttl, Value};
use crate::error::{Error, Result};
use crate::single_flight::LeaseSource;
use family::Declared;
use flights::Flights;
use shared::SharedState;
use stats::Event;

pub use family::Family;
pub use key::{FamilyKey, KeyGroup, NoGroup, OwnedFamilyKey};

/// The values of one [`Family`] on a backend. Clones share everything.
///
/// It behaves the same on every backend. `get` tells a hit from "not cached" (`Ok(None)`) from an unavailable store
/// (`Err`). Loads run once per key and store, however many tasks and caches of the family ask, and a load begun before a
/// set or an invalidation never overwrites it: in this process exactly. Two processes that share a Valkey do not wait for
/// each other's loads; one that is under way elsewhere may put back an old value, which lives for at most one TTL.
///
/// By its text, an entry is the same one: what is set here under `(GuildId(1), UserId(2))` stands under `warn:1:2` for
/// [`Backend::get`] and for other programs on the same Valkey.
// Several families that are made `on` the same state share it. Loads under way belong to the store (`Flights`).
pub struct TypedCache<F> {
    pub(crate) shared: Arc<SharedState>,
    declared: Declared,
    family: PhantomData<fn() -> F>,
}

impl<F: Family> TypedCache<F> {
    /// With this backend, these settings and these counters; with the keys of `declared`, unless they are this library's.
    pub(crate) fn on(shared: Arc<SharedState>, declared: CustomFamily) -> Self {
        Self {
            shared,
            declared: Declared(declared),
            family: PhantomData,
        }
    }

    /// The backend that it works with now. It stays usable when it is [replaced](Self::set_backend).
    #[inline(always)]
    #[must_use]
    pub fn backend(&self) -> &Backend {
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

    /// Writes a value by the store's key, and voids the loads of it.
    ///
    /// # Errors
    /// Kind `Config` for a value that not every reader takes; nothing is written then.
    pub(crate) async fn put(&self, key: KeyRef<'_>, value: F::Value) -> Result<()> {
        check::<F>(key, &value)?;
        self.count(Event::Set);
        self.shared.forget(key);
        let (backend, ttl) = (self.backend(), self.ttl());
        // Taken between the two: whoever reads, sets or removes it meanwhile wins.
        let learning = self.known(backend).map(|known| known.begin(key));
        let Some(learning) = learning else {
            backend.put(key, value, ttl).await?;
            self.shared.forget(key);
            return Ok(());
        };
        backend.put(key, value.clone(), ttl).await?;
        learning.written(key, &value, backend.lifetime(ttl));
        Ok(())
    }

    /// Read, merge, write, as often as it takes. `merge` sees whatever stands there, of any shape.
    pub(crate) async fn update_value(
        &self,
        key: F::Key<'_>,
        merge: impl FnMut(Option<&Value>) -> Result<Value> + Send,
    ) -> Result<Value> {
        let key = self.key(key);
        self.count(Event::Set);
        self.shared.forget(key);
        let written = self.backend().try_update(key, self.ttl(), merge).await?;
        self.shared.forget(key);
        Ok(written)
    }

    /// All keys of the family.
    fn all(&self) -> KeySet<'static> {
        match F::BUILT_IN.0 {
            Some(family) => KeySet::Family(family),
            None => KeySet::Custom(self.declared.0),
        }
    }

    /// Its keys that begin with this number.
    pub(crate) fn group(&self, number: u64) -> KeySet<'static> {
        match F::BUILT_IN.0 {
            Some(family) => KeySet::Guild(family, number),
            None => KeySet::CustomGroup(self.declared.0, number),
        }
    }
}

/// Whether a value may be written under a key.
fn check<F: Family>(key: KeyRef<'_>, value: &F::Value) -> Result<()> {
    key.check_length()?;
    F::check(value).map_err(|wrong| Error::config(format!("{key}: {wrong}")))
}

impl<F> Clone for TypedCache<F> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            declared: self.declared,
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
