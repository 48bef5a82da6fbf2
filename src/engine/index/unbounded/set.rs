//! Plain and leased writes.

use super::*;

impl<K, V, S> Unbounded<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + 'static,
{
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one write, passed on once"
    )]
    pub(crate) fn set(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> bool {
        let guard = self.guard(current, local);
        let entries = guard.entries();
        let stamp = entries.written.fetch_add(1, Ordering::Relaxed);
        let versioned = |phase| Versioned {
            phase: PhaseWord::new(phase),
            age: 0,
            deadline,
            stamp,
            value,
        };
        let stored = match lease {
            None => {
                self.leases.void(hash.bits());
                let old = guard.map().insert(key, versioned(Phase::Live), &guard);
                dekker_fence();
                self.leases.void(hash.bits());
                let overwrote = old.is_some_and(|old| old.is_current(tick));
                let counters = &local.counters;
                if overwrote {
                    &counters.overwrites
                } else {
                    &counters.insertions
                }
                .add(1);
                true
            }
            Some(lease) => {
                let end = self.set_leased(&key, versioned(Phase::Pending), lease, tick, &guard);
                let counters = &local.counters;
                match end {
                    Some(Put::New) => &counters.insertions,
                    Some(Put::InPlace) => &counters.overwrites,
                    None => &counters.voided,
                }
                .add(1);
                end.is_some()
            }
        };
        self.written(&guard, local, deadline, tick);
        stored
    }

    /// What follows a write, and not before it: a sweep in between must not forget it.
    pub(super) fn written(
        &self,
        guard: &UnboundedGuard<'_, K, V, S>,
        local: &Local<K, V>,
        deadline: Deadline,
        tick: u64,
    ) {
        let entries = guard.entries();
        let inverted = Deadline::NEVER.ticks() - deadline.ticks();
        if entries.earliest.load(Ordering::Relaxed) < inverted {
            entries.earliest.fetch_max(inverted, Ordering::Relaxed);
        }
        if entries.is_sweep_due(tick) {
            self.sweep_in(guard, local, tick);
        }
    }

    /// Where there is no versioned value, one goes in as PENDING. One that is there is replaced in place, so that a look-up never
    /// misses the key meanwhile, and a void lease never displaces what voided it.
    fn set_leased(
        &self,
        key: &K,
        versioned: Versioned<V>,
        lease: &Lease,
        tick: u64,
        guard: &UnboundedGuard<'_, K, V, S>,
    ) -> Option<Put> {
        let stamp = versioned.stamp;
        let mut versioned = Some(versioned);
        loop {
            let found = guard.map().get(key, guard);
            // Checked after the versioned value was seen: whoever voids the lease from now on changes that versioned value.
            if !self.holds(lease) {
                return None;
            }
            let Some(old) = found else {
                match guard
                    .map()
                    .try_insert(key.clone(), versioned.take()?, guard)
                {
                    Ok(_) => {
                        let live = self.commit(key, stamp, lease, guard);
                        return live.then_some(Put::New);
                    }
                    Err(occupied) => versioned = Some(occupied.not_inserted),
                }
                continue;
            };
            // The owner of a versioned value that is PENDING must not believe that it came through.
            old.phase.decide(Phase::Cancelled);
            let replaced = guard.map().compute(
                key.clone(),
                |present| match present {
                    // Asked again, the versioned value has changed since, and ours is gone: somebody else changed the key.
                    Some((_, present)) if present.stamp == old.stamp => match versioned.take() {
                        Some(mut versioned) => {
                            versioned.phase = PhaseWord::new(Phase::Live);
                            Operation::Insert(versioned)
                        }
                        None => Operation::Abort(()),
                    },
                    _ => Operation::Abort(()),
                },
                guard,
            );
            match replaced {
                Compute::Updated { old, .. } if old.1.is_current(tick) => {
                    return Some(Put::InPlace);
                }
                Compute::Updated { .. } => return Some(Put::New),
                _ if versioned.is_none() => return None,
                _ => {}
            }
        }
    }

    /// Whether the lease is valid. papaya's own accesses are acquire and release, so the order of this check after them
    /// needs a fence of its own (the other half is in the invalidations).
    fn holds(&self, lease: &Lease) -> bool {
        fence(Ordering::SeqCst);
        lease.is_valid(self.clears())
    }

    /// PENDING → LIVE if the lease still holds; otherwise the versioned value goes.
    fn commit(
        &self,
        key: &K,
        stamp: u64,
        lease: &Lease,
        guard: &UnboundedGuard<'_, K, V, S>,
    ) -> bool {
        let Some(versioned) = guard
            .map()
            .get(key, guard)
            .filter(|versioned| versioned.stamp == stamp)
        else {
            // A later write has replaced it: that one counts.
            return false;
        };
        if self.holds(lease) && versioned.phase.decide(Phase::Live) == Phase::Live {
            return true;
        }
        versioned.phase.decide(Phase::Cancelled);
        self.remove_if(key, guard, |versioned| versioned.stamp == stamp);
        false
    }

    /// Removes the key if the lease still holds; false if it does not.
    pub(crate) fn remove_leased(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: &K,
        tick: u64,
        lease: &Lease,
    ) -> bool {
        let guard = self.guard(current, local);
        loop {
            let found = guard.map().get(key, &guard);
            if !self.holds(lease) {
                return false;
            }
            let Some(versioned) = found else { return true };
            if self.remove_if(key, &guard, |other| other.stamp == versioned.stamp) {
                if versioned.is_current(tick) {
                    local.counters.invalidations.add(1);
                }
                return true;
            }
        }
    }
}
