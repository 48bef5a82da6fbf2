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
        here: &Here,
        local: &Local<K, V>,
        hash: Hash,
        key: K,
        value: V,
        deadline: Deadline,
        tick: u64,
        lease: Option<&Lease>,
    ) -> bool {
        let guard = self.guard(here, local);
        let stamp = self.written.fetch_add(1, Ordering::Relaxed);
        let slot = |phase| Slot {
            phase: PhaseWord::new(phase),
            deadline,
            stamp,
            value,
        };
        let stored = match lease {
            None => {
                self.board.void(hash);
                let old = self.map.insert(key, slot(Phase::Live), &guard);
                dekker_fence();
                self.board.void(hash);
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
                let end = self.set_leased(&key, slot(Phase::Pending), lease, tick, &guard);
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
        // After the write: a sweep in between must not forget it.
        let inverted = Deadline::NEVER.ticks() - deadline.ticks();
        if self.earliest.load(Ordering::Relaxed) < inverted {
            self.earliest.fetch_max(inverted, Ordering::Relaxed);
        }
        self.sweep_if_due(here, local, tick);
        stored
    }

    /// Where there is no slot, one goes in as PENDING. One that is there is replaced in place, so that a look-up never
    /// misses the key meanwhile, and a void lease never displaces what voided it.
    fn set_leased(
        &self,
        key: &K,
        slot: Slot<V>,
        lease: &Lease,
        tick: u64,
        guard: &impl Guard,
    ) -> Option<Put> {
        let stamp = slot.stamp;
        let mut slot = Some(slot);
        loop {
            let found = self.map.get(key, guard);
            // Checked after the slot was seen: whoever voids the lease from now on changes that slot.
            if !self.holds(lease) {
                return None;
            }
            let Some(old) = found else {
                match self.map.try_insert(key.clone(), slot.take()?, guard) {
                    Ok(_) => {
                        let live = self.commit(key, stamp, lease, guard);
                        return live.then_some(Put::New);
                    }
                    Err(occupied) => slot = Some(occupied.not_inserted),
                }
                continue;
            };
            // The owner of a slot that is PENDING must not believe that it came through.
            old.phase.decide(Phase::Cancelled);
            let replaced = self.map.compute(
                key.clone(),
                |present| match present {
                    // Asked again, the slot has changed since, and ours is gone: somebody else changed the key.
                    Some((_, present)) if present.stamp == old.stamp => match slot.take() {
                        Some(mut slot) => {
                            slot.phase = PhaseWord::new(Phase::Live);
                            Operation::Insert(slot)
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
                _ if slot.is_none() => return None,
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

    /// PENDING → LIVE if the lease still holds; otherwise the slot goes.
    fn commit(&self, key: &K, stamp: u64, lease: &Lease, guard: &impl Guard) -> bool {
        let Some(slot) = self.map.get(key, guard).filter(|slot| slot.stamp == stamp) else {
            // A later write has replaced it: that one counts.
            return false;
        };
        if self.holds(lease) && slot.phase.decide(Phase::Live) == Phase::Live {
            return true;
        }
        slot.phase.decide(Phase::Cancelled);
        self.remove_if(key, guard, |slot| slot.stamp == stamp);
        false
    }

    /// Removes the key if the lease still holds; false if it does not.
    pub(crate) fn remove_leased(
        &self,
        here: &Here,
        local: &Local<K, V>,
        key: &K,
        tick: u64,
        lease: &Lease,
    ) -> bool {
        let guard = self.guard(here, local);
        loop {
            let found = self.map.get(key, &guard);
            if !self.holds(lease) {
                return false;
            }
            let Some(slot) = found else { return true };
            if self.remove_if(key, &guard, |other| other.stamp == slot.stamp) {
                if slot.is_current(tick) {
                    local.counters.invalidations.add(1);
                }
                return true;
            }
        }
    }
}
