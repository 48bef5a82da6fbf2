//! Everything that keeps last known values of one store's keys: a removal reaches all of it, whichever manager removes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::backend::{Backend, KeyRef, KeySet};

/// How many there are in this process: most programs have none, and their writes pay one load.
static KEEPERS: AtomicUsize = AtomicUsize::new(0);

/// What keeps something of a store's keys.
pub(super) trait Keeper: Send + Sync {
    fn forget(&self, key: KeyRef<'_>);
    fn forget_set(&self, set: &KeySet<'_>);
    fn forget_all(&self);
}

/// Those of one store. Read by every write, written when a manager is made or goes.
#[derive(Default)]
struct StoreKeepers(RwLock<Vec<Weak<dyn Keeper>>>);

/// Counts a keeper for as long as it lives.
#[derive(Debug)]
pub(super) struct KeeperCount(());

impl KeeperCount {
    pub(super) fn new() -> Self {
        // SeqCst, and before the keeper is entered: who removes after that sees it.
        KEEPERS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for KeeperCount {
    fn drop(&mut self) {
        KEEPERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// From now on removals from any store behind `backend` reach it.
pub(super) fn enter(backend: &Backend, keeper: &Arc<impl Keeper + 'static>) {
    for keepers in backend.kept_by_each(StoreKeepers::default) {
        let mut all = keepers.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|keeper| keeper.strong_count() > 0);
        let keeper: Weak<dyn Keeper> = Arc::downgrade(keeper) as _;
        all.push(keeper);
    }
}

/// What is to be forgotten.
pub(crate) enum Forgotten<'a> {
    Keys(&'a [KeyRef<'a>]),
    Sets(&'a [KeySet<'a>]),
    All,
}

/// Forgets it wherever it is kept beside the store that serves now.
pub(crate) fn forget_beside(backend: &Backend, what: &Forgotten<'_>) {
    if KEEPERS.load(Ordering::SeqCst) == 0 {
        return;
    }
    let keepers = backend.kept(StoreKeepers::default);
    let all = keepers.0.read().unwrap_or_else(PoisonError::into_inner);
    for keeper in all.iter().filter_map(Weak::upgrade) {
        match what {
            Forgotten::Keys(keys) => keys.iter().for_each(|key| keeper.forget(*key)),
            Forgotten::Sets(sets) => sets.iter().for_each(|set| keeper.forget_set(set)),
            Forgotten::All => keeper.forget_all(),
        }
    }
}
