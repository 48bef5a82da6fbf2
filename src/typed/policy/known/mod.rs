//! What was known last of each key, beside the store: the value, until when it lives, and who loads it.
//!
//! - Bounded in age and number; in this process only.
//! - A value is learned under a lease that was taken before the store was asked, or before the load; whatever is set or removed
//!   meanwhile voids it. So after a removal nothing of before is learned.
//! - The [state](super::state) of a key goes with what is known of it: a removal ends both, a value published by this process begins
//!   a new one, a value read carries on with the old one.

use std::sync::Arc;
use std::time::Duration;

use super::keepers::{self, Keeper, KeeperCount};
use super::plan::ClaimTurn;
use super::rules::FetchRules;
use super::state::{KeyState, Lifespan};
use crate::backend::{Backend, BesideCache, CacheValue, KeyRef, KeySet, TimeLeft, Value};
use crate::error::Result;
use crate::time::StoreClock;

/// How many ends of lives are kept track of where nothing says how many stale values are kept.
const TRACKED: usize = 10_000;

/// Ends that differ by less are those of one write: servers round times to live, and answers take a while.
const SAME_WRITE: u64 = 2_000;

/// What is known of one key.
#[derive(Debug)]
struct KnownValue {
    /// `None`: only its life is kept track of.
    value: Option<Value>,
    life: Lifespan,
    state: Arc<KeyState>,
    /// Whether it was learned from the server that memory stood in for at first (T38).
    moved: bool,
}

/// A value that is no longer current, as an answer.
pub(crate) struct Recalled<T> {
    pub(crate) value: T,
    pub(crate) age: Duration,
    /// For how long it has been over, in milliseconds; `None`: not, or it is not known.
    pub(crate) over: Option<u64>,
}

/// What was known last, by key.
#[derive(Debug)]
pub(crate) struct LastKnown {
    cache: BesideCache<Arc<KnownValue>>,
    backend: Backend,
    clock: StoreClock,
    keeps_values: bool,
    _count: KeeperCount,
}

impl LastKnown {
    /// For values of this store. `stale`: how old and how many; `None`: values are not kept, only their lives.
    ///
    /// # Errors
    /// Kind `Config` when there are absurdly many.
    pub(crate) fn new(backend: &Backend, stale: Option<(Duration, usize)>) -> Result<Arc<Self>> {
        let clock = backend.clock();
        let (age, entries) = match stale {
            Some((age, entries)) => (Some(age), entries),
            None => (None, TRACKED),
        };
        let known = Arc::new(Self {
            cache: BesideCache::new(age, entries, clock.clone())?,
            backend: backend.clone(),
            clock,
            keeps_values: stale.is_some(),
            _count: KeeperCount::new(),
        });
        keepers::enter(backend, &known);
        Ok(known)
    }

    /// Whether it is about this store.
    pub(crate) fn is_of(&self, backend: &Backend) -> bool {
        self.backend.is_same_store(backend)
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// To be taken before the store is asked: whatever invalidates meanwhile wins.
    pub(crate) fn asked(&self, key: KeyRef<'_>) -> ReadAsked {
        ReadAsked {
            moved: self.backend.has_moved(),
            lease: self.cache.lease(key),
            asked: self.now(),
        }
    }

    /// To be called before a write, or before the load that is to be written.
    pub(crate) fn begin(self: &Arc<Self>, key: KeyRef<'_>) -> WriteLearning {
        WriteLearning {
            moved: self.backend.has_moved(),
            lease: self.cache.lease(key),
            began: self.now(),
            known: Arc::clone(self),
        }
    }

    /// The store has said `value` when it was asked; entries live for `lifetime`.
    pub(crate) fn learn_read<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
        asked: ReadAsked,
        value: &T,
        left: TimeLeft,
        lifetime: Option<Duration>,
    ) {
        let ReadAsked {
            lease,
            asked,
            moved,
        } = asked;
        // After the lease: what was forgotten before it is not found here.
        let before = self.entry(key);
        let (ends, whole) = match left {
            TimeLeft::For(left) => {
                let ends = asked.saturating_add(millis(left));
                // Written by this process: then its whole life is known, which need not be the family's.
                let same = before.as_ref().filter(|known| {
                    known
                        .life
                        .ends
                        .is_some_and(|end| end.abs_diff(ends) <= SAME_WRITE)
                });
                let whole = same.map_or(lifetime.map(millis), |known| known.life.whole);
                (Some(ends), whole)
            }
            TimeLeft::Forever => (Some(u64::MAX), None),
            // Who has written it knows; it ends no earlier.
            TimeLeft::Unknown => before
                .as_ref()
                .map_or((None, None), |before| (before.life.ends, before.life.whole)),
        };
        let life = Lifespan {
            since: asked,
            ends,
            whole,
        };
        let state = before.map_or_else(|| Arc::new(KeyState::new()), |b| Arc::clone(&b.state));
        self.learn(key, lease, value, (life, state, moved));
    }

    fn learn<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
        lease: crate::Lease,
        value: &T,
        (life, state, moved): (Lifespan, Arc<KeyState>, bool),
    ) -> bool {
        let value = self.keeps_values.then(|| Value::new(value.clone()));
        let known = KnownValue {
            value,
            life,
            state,
            moved,
        };
        self.cache.set_leased(lease, key.to_key(), Arc::new(known))
    }

    fn entry(&self, key: KeyRef<'_>) -> Option<Arc<KnownValue>> {
        self.with(key, Arc::clone)
    }

    /// What memory said while it stood in for a server is not known of the server.
    fn with<R>(&self, key: KeyRef<'_>, read: impl FnOnce(&Arc<KnownValue>) -> R) -> Option<R> {
        let moved = self.backend.has_moved();
        let read = |known: &Arc<KnownValue>| (known.moved == moved).then(|| read(known));
        self.cache.get_with(key, read).flatten()
    }

    /// The value, whatever its age; the bound of the whole applies.
    pub(crate) fn recall<T: CacheValue>(&self, key: KeyRef<'_>) -> Option<Recalled<T>> {
        let known = self.entry(key)?;
        let value = known.value.as_ref()?.decode()?;
        let now = self.now();
        // Asked last: what is void by then is no answer (W2).
        known.state.holds().then(|| Recalled {
            value,
            age: Duration::from_millis(known.life.age(now)),
            over: known.life.over_for(now),
        })
    }

    /// [`recall`](Self::recall), if the rules take it in place of a load that fails or is slow.
    pub(crate) fn recall_by<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
        rules: &FetchRules,
    ) -> Option<Recalled<T>> {
        let recalled = self.recall(key)?;
        recalled
            .over
            .is_some_and(|over| rules.answers_for_a_load(over))
            .then_some(recalled)
    }

    /// The state of a key of which anything is known.
    fn state(&self, key: KeyRef<'_>) -> Option<Arc<KeyState>> {
        self.with(key, |known| Arc::clone(&known.state))
    }

    /// Whether it is to be refreshed, and nobody does so: one look-up, one look at the time.
    pub(crate) fn wants_refresh(&self, key: KeyRef<'_>, fraction: f64) -> bool {
        let now = self.now();
        let due = self.with(key, |known| {
            known.life.is_due(now, fraction) && known.state.is_free(now)
        });
        due.unwrap_or(false)
    }

    /// Whether it is due; `None` where nobody knows.
    pub(crate) fn is_due(&self, key: KeyRef<'_>, fraction: f64) -> Option<bool> {
        let now = self.now();
        self.with(key, |known| known.life.is_due(now, fraction))
    }

    /// To claim loads of a key of which anything is known.
    pub(crate) fn turn(&self, key: KeyRef<'_>, rules: &FetchRules) -> Option<ClaimTurn> {
        Some(ClaimTurn {
            state: self.state(key)?,
            clock: self.clock.clone(),
            throttle: rules.throttle(),
        })
    }

    /// The store has nothing under this key. If it should have, somebody has removed it, perhaps in another process, or it was evicted:
    /// then it is forgotten.
    pub(crate) fn found_gone(&self, key: KeyRef<'_>) {
        let now = self.now();
        let early = self.with(key, |known| known.life.goes_on(now));
        if early == Some(true) {
            self.forget(key);
        }
    }
}

/// A store that is about to be asked.
pub(crate) struct ReadAsked {
    lease: crate::Lease,
    asked: u64,
    moved: bool,
}

/// A value that is about to be written by this process.
pub(crate) struct WriteLearning {
    known: Arc<LastKnown>,
    moved: bool,
    lease: crate::Lease,
    began: u64,
}

impl WriteLearning {
    /// The write begins only now, after a load.
    pub(crate) fn write_begins(&mut self) {
        self.began = self.known.now();
    }

    /// `value` was written, and lives for `lifetime`. If somebody else was faster, nothing is known any more.
    pub(crate) fn written<T: CacheValue>(
        self,
        key: KeyRef<'_>,
        value: &T,
        lifetime: Option<Duration>,
    ) {
        let Self {
            known,
            moved,
            lease,
            began,
        } = self;
        let whole = lifetime.map(millis);
        let life = Lifespan {
            since: began,
            ends: Some(whole.map_or(u64::MAX, |whole| began.saturating_add(whole))),
            whole,
        };
        let state = Arc::new(KeyState::new());
        if !known.learn(key, lease, value, (life, state, moved)) {
            known.forget(key);
        }
    }
}

impl Keeper for LastKnown {
    fn forget(&self, key: KeyRef<'_>) {
        self.cache.get_with(key, |known| known.state.forget());
        // Also where nothing was found: it voids the leases.
        self.cache.remove(key);
    }

    fn forget_set(&self, set: &KeySet<'_>) {
        self.cache.remove_set(set, |known| known.state.forget());
    }

    fn forget_all(&self) {
        self.cache.remove_all(|known| known.state.forget());
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
