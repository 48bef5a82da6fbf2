//! Choosing a victim: duels of small's heads with main's candidate, and the hand.

use super::*;

impl Policy {
    /// Chooses the entry to leave for the newcomer, in O(1) unless small is empty; and its hash, which is at hand where the head
    /// of small is looked at. Call inside a guard.
    #[inline(always)]
    pub(crate) fn choose<K, V>(
        &self,
        table: &Table<K, V>,
        arrival: &mut Arrival,
        local: &PolicyLocal,
        now: Instant,
    ) -> (Choice<K, V>, Hash) {
        if !self.adaptive.filled.load(Ordering::Relaxed) {
            self.adaptive.filled.store(true, Ordering::Relaxed);
        }
        if let Some(ghost) = arrival.ghost
            && self.main_len() >= self.main_share()
        {
            // Judged once, also when the victim is lost to another thread.
            arrival.ghost = None;
            if let Some((slot, word, candidate)) = self.advance(table, local, now).0 {
                let win = ghost.idle < self.idle(candidate.usage.last_access());
                if ghost.from_small {
                    if !win {
                        self.shift(LOST);
                    } else if ghost.small_age * 10 <= self.capacity.unsigned_abs() {
                        self.shift(WON);
                    }
                }
                let horizon = self.adaptive.horizon.load(Ordering::Relaxed);
                let age = ghost.age.cast_signed() * EVICTION;
                if win && age <= horizon {
                    arrival.into_main = true;
                    arrival.old = 2 * age > horizon;
                    return (Choice { slot, word }, candidate.hash());
                }
            }
        }
        if (arrival.into_main || self.main_has_too_many())
            && let Some((slot, word, entry)) = self.advance(table, local, now).0
        {
            return (Choice { slot, word }, entry.hash());
        }
        // Mostly the first head of small is there, was used less than twice, and main has its share.
        let Some((position, slot)) = self.small.pop(&local.taken) else {
            // SAFETY: inside the caller's guard.
            return unsafe { self.any(table, local, now).with_hash() };
        };
        let word = table.load(slot);
        // SAFETY: inside the caller's guard.
        if let Some(entry) = unsafe { Self::waiting(word, position) }
            && self.main_len() >= self.main_share()
            && entry.usage.uses() < Usage::MAX_USES
        {
            return (Choice { slot, word }, entry.hash());
        }
        // SAFETY: inside the caller's guard.
        unsafe {
            self.choose_cold(table, local, now, position, slot)
                .with_hash()
        }
    }

    /// The rest of [`choose`](Self::choose), with the head of small that has been popped.
    #[inline(never)]
    fn choose_cold<K, V>(
        &self,
        table: &Table<K, V>,
        local: &PolicyLocal,
        now: Instant,
        position: u32,
        slot: Slot,
    ) -> Choice<K, V> {
        let choice = self.head_of_small(table, local, now, Some((position, slot)));
        if choice.is_somebody() {
            return choice;
        }
        self.any(table, local, now)
    }

    /// The entry of a slot that waits in small at this position.
    ///
    /// # Safety
    ///
    /// The word was loaded from a slot inside a guard that outlives `'g`.
    #[inline(always)]
    pub(super) unsafe fn waiting<'g, K, V>(
        word: Word<K, V>,
        position: u32,
    ) -> Option<&'g Entry<K, V>> {
        // SAFETY: by the contract.
        match unsafe { word.occupant() } {
            // Unsettled: its number is that of a slot.
            Some(entry)
                if entry.phase.is_settled()
                    && entry.queue.load(Ordering::Relaxed) & IN_MAIN == 0
                    && entry.cold().aux.load(Ordering::Acquire) == position =>
            {
                Some(entry)
            }
            _ => None,
        }
    }

    /// The head of small that is to leave, or the candidate of main that lost its place to one; `first` has been popped already.
    /// Nobody: small is empty.
    fn head_of_small<K, V>(
        &self,
        table: &Table<K, V>,
        local: &PolicyLocal,
        now: Instant,
        mut first: Option<(u32, Slot)>,
    ) -> Choice<K, V> {
        let (mut promotions, mut duels) = (0, 0);
        for _ in 0..MAX_PLACES {
            let popped = first.take().or_else(|| self.small.pop(&local.taken));
            let Some((position, slot)) = popped else {
                break;
            };
            let word = table.load(slot);
            // SAFETY: inside the caller's guard.
            let Some(entry) = (unsafe { Self::waiting(word, position) }) else {
                continue;
            };
            if self.main_len() < self.main_share() && promotions < MAX_PROMOTIONS && now.sees(entry)
            {
                promotions += 1;
                self.promote(table, (slot, word, entry), 0, local);
                continue;
            }
            if entry.usage.uses() < Usage::MAX_USES || duels == MAX_DUELS || !now.sees(entry) {
                return Choice { slot, word };
            }
            duels += 1;
            match self.advance(table, local, now).0 {
                Some((m_slot, m_word, candidate))
                    if self.idle(entry.mark.load(Ordering::Relaxed).into())
                        < self.idle(candidate.usage.last_access()) =>
                {
                    self.promote(table, (slot, word, entry), 0, local);
                    if self.main_len() > self.main_share() {
                        return Choice {
                            slot: m_slot,
                            word: m_word,
                        };
                    }
                }
                _ => {
                    entry.usage.set_uses(0);
                    entry
                        .mark
                        .store(entry.usage.last_access() as u16, Ordering::Relaxed);
                    self.see_to(table, slot, local);
                }
            }
        }
        Choice::NOBODY
    }

    /// Some entry of main, an unused one if it is near; a head of small if the hand has put one back there.
    #[cold]
    fn any<K, V>(&self, table: &Table<K, V>, local: &PolicyLocal, now: Instant) -> Choice<K, V> {
        for _ in 0..=self.sweep_order.slots() / HAND_SLOTS {
            let (candidate, last) = self.advance(table, local, now);
            if let Some((slot, word, _)) = candidate.or(last) {
                return Choice { slot, word };
            }
            let choice = self.head_of_small(table, local, now, None);
            if choice.is_somebody() {
                return choice;
            }
        }
        Choice::NOBODY
    }

    /// Turns the hand to main's next unused entry, if one is near, and the last entry of main it passed otherwise. The
    /// candidate stays one until it leaves or is used.
    #[inline(never)]
    fn advance<'g, K, V>(
        &self,
        table: &Table<K, V>,
        local: &PolicyLocal,
        now: Instant,
    ) -> Advance<'g, K, V> {
        let live = |slot| {
            let word = table.load(slot);
            if word.kind() != WordKind::Entry {
                return None;
            }
            // SAFETY: an entry word, loaded inside the caller's guard.
            let entry: &'g Entry<K, V> = unsafe { word.deref() };
            entry.is_live().then_some((slot, word, entry))
        };
        let candidate = self.hand.candidate.load(Ordering::Relaxed);
        if table.has(Slot(candidate))
            && let Some(found) = live(Slot(candidate))
            && found.2.queue.load(Ordering::Relaxed) & IN_MAIN != 0
        {
            if found.2.usage.uses() == 0 || !now.sees(found.2) {
                return (Some(found), None);
            }
            self.hand.candidate.store(u32::MAX, Ordering::Relaxed);
            self.pass(found.2);
        }
        let (mut seen, mut last) = (0, None);
        for _ in 0..HAND_SLOTS.min(self.sweep_order.slots()) {
            let at = self.hand.at.load(Ordering::Relaxed);
            // Plain store: two threads may look at one slot twice, none is left out for long.
            self.hand
                .at
                .store(self.sweep_order.next(Slot(at)).0, Ordering::Relaxed);
            if Slot(at).position() == 0 {
                self.look_ahead_of_hand(table, Slot(at));
            }
            let Some(found @ (slot, _, entry)) = live(Slot(at)) else {
                continue;
            };
            if !now.sees(entry) {
                return (Some(found), None);
            }
            let queue = entry.queue.load(Ordering::Relaxed);
            if queue & IN_MAIN == 0 {
                self.rescue(table, entry, slot, local);
                continue;
            }
            if entry.usage.uses() > 0 {
                self.pass(entry);
            } else if queue & SKIP_ONCE != 0 {
                entry.queue.fetch_and(!SKIP_ONCE, Ordering::Relaxed);
            } else {
                self.hand.candidate.store(at, Ordering::Relaxed);
                return (Some(found), None);
            }
            (seen, last) = (seen + 1, Some(found));
            if seen == HAND_ENTRIES {
                break;
            }
        }
        (None, last)
    }

    /// Takes a choice back that was not made use of, or whose slot has changed: who stands there now may be in no queue (Q1).
    #[cold]
    #[inline(never)]
    pub(crate) fn put_back<K, V>(
        &self,
        table: &Table<K, V>,
        choice: Choice<K, V>,
        local: &PolicyLocal,
    ) {
        if choice.is_somebody() && !cfg!(tux_fault = "queue-choice-lost") {
            self.see_to(table, choice.slot, local);
        }
    }

    /// Puts an entry of small that fell out of the ring back into it (I4).
    fn rescue<K, V>(
        &self,
        table: &Table<K, V>,
        entry: &Entry<K, V>,
        slot: Slot,
        local: &PolicyLocal,
    ) {
        let position = entry.cold().aux.load(Ordering::Acquire);
        // It may never have had a position: `u32::MAX`.
        if entry.phase.is_settled() && (position == u32::MAX || self.small.has_passed(position)) {
            self.see_to(table, slot, local);
        }
    }

    /// The hand passes a used entry of main: its second chance.
    pub(super) fn pass<K, V>(&self, entry: &Entry<K, V>) {
        let queue = entry.queue.load(Ordering::Relaxed);
        if queue & OLD != 0 {
            // Came back from far behind, and was used: look further back.
            self.widen(1);
        }
        // Used within the last 0.1 C/|main| of its lap?
        let since = i64::from(self.idle(entry.usage.last_access()));
        let lap = i64::from(self.idle(entry.mark.load(Ordering::Relaxed).into()));
        let m = self.main_len().max(1);
        if since * 10 * m < lap * self.capacity.min(10 * m) {
            self.shift(USED_LATE);
        }
        entry.mark.store(self.stamp(), Ordering::Relaxed);
        if queue & (OLD | SKIP_ONCE) != 0 {
            entry.queue.fetch_and(!(OLD | SKIP_ONCE), Ordering::Relaxed);
        }
        entry.usage.set_uses(entry.usage.uses().saturating_sub(1));
    }
}
