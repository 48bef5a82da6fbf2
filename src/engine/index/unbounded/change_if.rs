//! Changes that depend on what stands there (V1 to V4 in [`version`](crate::engine::index::version)), and removals that look at values.

use super::*;
use crate::engine::index::version::{Seen, Version};

impl<K, V, S> Unbounded<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + 'static,
{
    /// What `read` makes of the current value, and which one it is.
    pub(crate) fn look<Q, R>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<Seen<R>>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        let guard = self.guard(current, local);
        let versioned = guard.map().get(key, &guard)?;
        versioned.is_current(tick).then(|| Seen {
            read: read(&versioned.value),
            version: Version(versioned.stamp),
            deadline: versioned.deadline,
        })
    }

    /// Stores a value if the key has no current one; otherwise hands it back.
    pub(crate) fn set_if_absent(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        (key, value): (K, V),
        deadline: Deadline,
        tick: u64,
    ) -> Result<(), (K, V)> {
        let guard = self.guard(current, local);
        let mut versioned = self.versioned(&guard, value, deadline);
        loop {
            let found = guard.map().get(&key, &guard);
            if let Some(old) = found {
                // The owner of a versioned value that is PENDING must not believe that it came through.
                old.phase.decide(Phase::Cancelled);
                if old.is_current(tick) {
                    return Err((key, versioned.value));
                }
            }
            self.leases.void(hash.bits());
            if let Some(old) = found {
                self.remove_if(&key, &guard, |other| other.stamp == old.stamp);
            }
            match guard.map().try_insert(key.clone(), versioned, &guard) {
                Ok(_) => break,
                Err(occupied) => versioned = occupied.not_inserted,
            }
        }
        dekker_fence();
        self.leases.void(hash.bits());
        local.counters.insertions.add(1);
        self.written(&guard, local, deadline, tick);
        Ok(())
    }

    /// Replaces the key's current value if it has this version; otherwise hands the key back.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    pub(crate) fn replace_if(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        (key, value): (K, V),
        deadline: Deadline,
        tick: u64,
        seen: Version,
    ) -> Result<(), K> {
        let guard = self.guard(current, local);
        let Some(old) = self.find_version(&guard, &key, seen, tick) else {
            return Err(key);
        };
        let mut versioned = self.versioned(&guard, value, deadline);
        let age = versioned.stamp.saturating_sub(old.born());
        versioned.age = age.try_into().unwrap_or(u32::MAX);
        let mut versioned = Some(versioned);
        self.leases.void(hash.bits());
        let replaced = guard.map().compute(
            key.clone(),
            |present| match present {
                Some((_, present)) if present.stamp == seen.0 => match versioned.take() {
                    Some(versioned) => Operation::Insert(versioned),
                    // Asked again: the key has changed since.
                    None => Operation::Abort(()),
                },
                _ => Operation::Abort(()),
            },
            &guard,
        );
        dekker_fence();
        self.leases.void(hash.bits());
        if !matches!(replaced, Compute::Updated { .. }) {
            return Err(key);
        }
        local.counters.overwrites.add(1);
        self.written(&guard, local, deadline, tick);
        Ok(())
    }

    /// Removes the key if its current value has this version; whether it did.
    pub(crate) fn remove_version(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &K,
        tick: u64,
        seen: Version,
    ) -> bool {
        let guard = self.guard(current, local);
        if self.find_version(&guard, key, seen, tick).is_none() {
            return false;
        }
        self.leases.void(hash.bits());
        fence(Ordering::SeqCst);
        let removed = self.remove_if(key, &guard, |other| other.stamp == seen.0);
        self.leases.void(hash.bits());
        if removed {
            local.counters.invalidations.add(1);
        }
        removed
    }

    /// Removes the key, and hands out what `read` makes of the value that went.
    pub(crate) fn take<Q, R>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        self.leases.void(hash.bits());
        fence(Ordering::SeqCst);
        let guard = self.guard(current, local);
        let taken = guard.map().remove(key, &guard).filter(|versioned| {
            versioned.phase.decide(Phase::Cancelled);
            versioned.is_current(tick)
        });
        self.leases.void(hash.bits());
        if taken.is_some() {
            local.counters.invalidations.add(1);
        }
        taken.map(|versioned| read(&versioned.value))
    }

    /// Removes the current values that are not to be kept; returns how many went.
    pub(crate) fn retain(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        mut keep: impl FnMut(&K, &V) -> bool,
    ) -> usize {
        self.leases.void_reached(Reached::Everything);
        fence(Ordering::SeqCst);
        let guard = self.guard(current, local);
        let mut count = 0;
        for (key, versioned) in guard.map().iter(&guard) {
            // One that was published under a lease, and has not come through, does not.
            let came_to_nothing = versioned.phase.decide(Phase::Cancelled) != Phase::Live;
            let mut is_to_go = || versioned.is_current(tick) && !keep(key, &versioned.value);
            if came_to_nothing || is_to_go() {
                let went = self.remove_if(key, &guard, |other| other.stamp == versioned.stamp);
                count += usize::from(went && !came_to_nothing);
            }
        }
        self.leases.void_reached(Reached::Everything);
        local.counters.invalidations.add(count as u64);
        count
    }

    fn find_version<'g>(
        &self,
        guard: &'g UnboundedGuard<'_, K, V, S>,
        key: &K,
        seen: Version,
        tick: u64,
    ) -> Option<&'g Versioned<V>> {
        let found = guard.map().get(key, guard)?;
        (found.stamp == seen.0 && found.is_current(tick)).then_some(found)
    }

    /// A value that is about to be written, LIVE.
    fn versioned(
        &self,
        guard: &UnboundedGuard<'_, K, V, S>,
        value: V,
        deadline: Deadline,
    ) -> Versioned<V> {
        Versioned {
            phase: PhaseWord::new(Phase::Live),
            age: 0,
            deadline,
            stamp: guard.entries().written.fetch_add(1, Ordering::Relaxed),
            value,
        }
    }
}
