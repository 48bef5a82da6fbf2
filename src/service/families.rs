//! The families of an application that a setup hands out: one cache for each, on the setup's backend.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use crate::backend::Backend;
use crate::error::Result;
use crate::managers::ManagerOptions;
use crate::typed::{Family, TypedCache};

/// The settings of families: of some of them, and of all others.
#[derive(Clone, Debug, Default)]
pub(super) struct FamilyOptions {
    pub(super) others: ManagerOptions,
    pub(super) own: HashMap<TypeId, ManagerOptions>,
}

impl FamilyOptions {
    fn of<F: Family>(&self) -> ManagerOptions {
        let own = self.own.get(&TypeId::of::<F>());
        own.unwrap_or(&self.others).clone()
    }
}

/// Which caches were handed out. The lock is held to look one up or to make one, and never across a wait.
pub(super) struct Families {
    options: FamilyOptions,
    made: Mutex<HashMap<TypeId, Arc<dyn HandedOut>>>,
}

impl Families {
    pub(super) fn new(options: FamilyOptions) -> Self {
        Self {
            options,
            made: Mutex::default(),
        }
    }

    /// The one cache of a family.
    pub(super) fn family<F: Family>(&self, backend: &Backend) -> Result<TypedCache<F>> {
        let mut made = self.lock();
        let id = TypeId::of::<F>();
        if let Some(made) = made.get(&id) {
            let made: &dyn Any = &**made;
            if let Some(cache) = made.downcast_ref::<TypedCache<F>>() {
                return Ok(cache.clone());
            }
        }
        let cache = TypedCache::<F>::try_with_options(backend.clone(), self.options.of::<F>())?;
        made.insert(id, Arc::new(cache.clone()));
        Ok(cache)
    }

    /// Removes what the families whose groups are guilds hold of one; says how many entries went.
    pub(super) async fn invalidate_guild(&self, guild: u64) -> Result<usize> {
        let caches: Vec<Arc<dyn HandedOut>> = self.lock().values().cloned().collect();
        // At the same time: in Valkey they then share a pass over the server's keys.
        let removals = caches.iter().filter_map(|cache| cache.remove_guild(guild));
        let (mut removed, mut first_error) = (0, None);
        for result in all(removals.collect()).await {
            match result {
                Ok(count) => removed += count,
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(removed), Err)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TypeId, Arc<dyn HandedOut>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.lock();
        let names = made.values().map(|cache| cache.name());
        f.debug_list().entries(names).finish()
    }
}

type Removal<'a> = Pin<Box<dyn Future<Output = Result<usize>> + Send + 'a>>;

/// A cache of whatever family.
trait HandedOut: Any + Send + Sync {
    fn name(&self) -> &'static str;

    /// The removal of a guild; `None` for families that have none.
    fn remove_guild(&self, guild: u64) -> Option<Removal<'_>>;
}

impl<F: Family> HandedOut for TypedCache<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn remove_guild(&self, guild: u64) -> Option<Removal<'_>> {
        Some(Box::pin(self.remove_guild_set(guild)?))
    }
}

/// Runs all of them at the same time; the results in their order.
async fn all(mut futures: Vec<Removal<'_>>) -> Vec<Result<usize>> {
    let mut results: Vec<Option<Result<usize>>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut is_pending = false;
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(ended) => *result = Some(ended),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
