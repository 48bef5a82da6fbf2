//! Choosing a victim: duels of S's heads with M's candidate, and the hand.

use super::*;

impl Clock {
    /// Chooses the entry to leave for the newcomer, in O(1) unless S is empty; and its hash, which is at hand where the head of S is
    /// looked at. Call inside a guard.
    #[inline(always)]
    pub(crate) fn choose<K, V>(
        &self,
        table: &Table<K, V>,
        arrival: &mut Arrival,
        part: &Part,
        now: Instant,
    ) -> (Choice<K, V>, Hash) {
        if !self.mood.filled.load(Ordering::Relaxed) {
            self.mood.filled.store(true, Ordering::Relaxed);
        }
        if let Some(ghost) = arrival.ghost
            && self.m_len() >= self.m_share()
        {
            // Judged once, also when the victim is lost to another thread.
            arrival.ghost = None;
            if let Some((lane, word, candidate)) = self.turn(table, part, now).0 {
                let win = ghost.idle < self.idle(candidate.usage.last_access());
                if ghost.from_s {
                    if !win {
                        self.shift(LOST);
                    } else if ghost.s_age * 10 <= self.capacity.unsigned_abs() {
                        self.shift(WON);
                    }
                }
                let horizon = self.mood.horizon.load(Ordering::Relaxed);
                let age = ghost.age.cast_signed() * EVICTION;
                if win && age <= horizon {
                    arrival.into_m = true;
                    arrival.old = 2 * age > horizon;
                    return (Choice { lane, word }, candidate.hash());
                }
            }
        }
        if (arrival.into_m || self.m_has_too_many())
            && let Some((lane, word, entry)) = self.turn(table, part, now).0
        {
            return (Choice { lane, word }, entry.hash());
        }
        // Mostly the first head of S is there, was used less than twice, and M has its share.
        let Some((position, lane)) = self.ring.pop(&part.taken) else {
            // SAFETY: inside the caller's guard.
            return unsafe { self.any(table, part, now).with_hash() };
        };
        let word = table.load(lane);
        // SAFETY: inside the caller's guard.
        if let Some(entry) = unsafe { Self::waiting(word, position) }
            && self.m_len() >= self.m_share()
            && entry.usage.uses() < Usage::MAX_USES
        {
            return (Choice { lane, word }, entry.hash());
        }
        // SAFETY: inside the caller's guard.
        unsafe {
            self.choose_at_last(table, part, now, position, lane)
                .with_hash()
        }
    }

    /// The rest of [`choose`](Self::choose), with the head of S that has been popped.
    #[inline(never)]
    fn choose_at_last<K, V>(
        &self,
        table: &Table<K, V>,
        part: &Part,
        now: Instant,
        position: u32,
        lane: Lane,
    ) -> Choice<K, V> {
        let choice = self.head_of_s(table, part, now, Some((position, lane)));
        if choice.is_somebody() {
            return choice;
        }
        self.any(table, part, now)
    }

    /// The entry of a lane that waits in S at this position.
    ///
    /// # Safety
    ///
    /// The word was loaded from a lane inside a guard that outlives `'g`.
    #[inline(always)]
    pub(super) unsafe fn waiting<'g, K, V>(
        word: Word<K, V>,
        position: u32,
    ) -> Option<&'g Entry<K, V>> {
        // SAFETY: by the contract.
        match unsafe { word.occupant() } {
            // Unsettled: its number is that of a lane.
            Some(entry)
                if entry.phase.is_settled()
                    && entry.queue.load(Ordering::Relaxed) & IN_M == 0
                    && entry.aside().aux.load(Ordering::Acquire) == position =>
            {
                Some(entry)
            }
            _ => None,
        }
    }

    /// The head of S that is to leave, or the candidate of M that lost its place to one; `first` has been popped already.
    /// Nobody: S is empty.
    fn head_of_s<K, V>(
        &self,
        table: &Table<K, V>,
        part: &Part,
        now: Instant,
        mut first: Option<(u32, Lane)>,
    ) -> Choice<K, V> {
        let (mut promotions, mut duels) = (0, 0);
        for _ in 0..MAX_PLACES {
            let popped = first.take().or_else(|| self.ring.pop(&part.taken));
            let Some((position, lane)) = popped else {
                break;
            };
            let word = table.load(lane);
            // SAFETY: inside the caller's guard.
            let Some(entry) = (unsafe { Self::waiting(word, position) }) else {
                continue;
            };
            if self.m_len() < self.m_share() && promotions < MAX_PROMOTIONS && now.sees(entry) {
                promotions += 1;
                self.promote(table, (lane, word, entry), 0, part);
                continue;
            }
            if entry.usage.uses() < Usage::MAX_USES || duels == MAX_DUELS || !now.sees(entry) {
                return Choice { lane, word };
            }
            duels += 1;
            match self.turn(table, part, now).0 {
                Some((m_lane, m_word, candidate))
                    if self.idle(entry.mark.load(Ordering::Relaxed).into())
                        < self.idle(candidate.usage.last_access()) =>
                {
                    self.promote(table, (lane, word, entry), 0, part);
                    if self.m_len() > self.m_share() {
                        return Choice {
                            lane: m_lane,
                            word: m_word,
                        };
                    }
                }
                _ => {
                    entry.usage.set_uses(0);
                    entry
                        .mark
                        .store(entry.usage.last_access() as u16, Ordering::Relaxed);
                    self.see_to(table, lane, part);
                }
            }
        }
        Choice::NOBODY
    }

    /// Some entry of M, an unused one if it is near; a head of S if the hand has put one back there.
    #[cold]
    fn any<K, V>(&self, table: &Table<K, V>, part: &Part, now: Instant) -> Choice<K, V> {
        for _ in 0..=self.tour.lanes() / HAND_LANES {
            let (candidate, last) = self.turn(table, part, now);
            if let Some((lane, word, _)) = candidate.or(last) {
                return Choice { lane, word };
            }
            let choice = self.head_of_s(table, part, now, None);
            if choice.is_somebody() {
                return choice;
            }
        }
        Choice::NOBODY
    }

    /// Turns the hand to M's next unused entry, if one is near, and the last entry of M it passed otherwise. The
    /// candidate stays one until it leaves or is used.
    #[inline(never)]
    fn turn<'g, K, V>(&self, table: &Table<K, V>, part: &Part, now: Instant) -> Turn<'g, K, V> {
        let live = |lane| {
            let word = table.load(lane);
            if word.kind() != Kind::Entry {
                return None;
            }
            // SAFETY: an entry word, loaded inside the caller's guard.
            let entry: &'g Entry<K, V> = unsafe { word.deref() };
            entry.is_live().then_some((lane, word, entry))
        };
        let candidate = self.hand.candidate.load(Ordering::Relaxed);
        if table.has(Lane(candidate))
            && let Some(found) = live(Lane(candidate))
            && found.2.queue.load(Ordering::Relaxed) & IN_M != 0
        {
            if found.2.usage.uses() == 0 || !now.sees(found.2) {
                return (Some(found), None);
            }
            self.hand.candidate.store(u32::MAX, Ordering::Relaxed);
            self.pass(found.2);
        }
        let (mut seen, mut last) = (0, None);
        for _ in 0..HAND_LANES.min(self.tour.lanes()) {
            let at = self.hand.at.load(Ordering::Relaxed);
            // Plain store: two threads may look at one lane twice, none is left out for long.
            self.hand
                .at
                .store(self.tour.next(Lane(at)).0, Ordering::Relaxed);
            if Lane(at).position() == 0 {
                self.look_ahead_of_hand(table, Lane(at));
            }
            let Some(found @ (lane, _, entry)) = live(Lane(at)) else {
                continue;
            };
            if !now.sees(entry) {
                return (Some(found), None);
            }
            let queue = entry.queue.load(Ordering::Relaxed);
            if queue & IN_M == 0 {
                self.rescue(table, entry, lane, part);
                continue;
            }
            if entry.usage.uses() > 0 {
                self.pass(entry);
            } else if queue & GRACE != 0 {
                entry.queue.fetch_and(!GRACE, Ordering::Relaxed);
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

    /// Takes a choice back that was not made use of, or whose lane has changed: who stands there now may be in no queue (Q1).
    #[cold]
    #[inline(never)]
    pub(crate) fn put_back<K, V>(&self, table: &Table<K, V>, choice: Choice<K, V>, part: &Part) {
        if choice.is_somebody() && !cfg!(tux_fault = "queue-choice-lost") {
            self.see_to(table, choice.lane, part);
        }
    }

    /// Puts an entry of S that fell out of the ring back into it (I4).
    fn rescue<K, V>(&self, table: &Table<K, V>, entry: &Entry<K, V>, lane: Lane, part: &Part) {
        let position = entry.aside().aux.load(Ordering::Acquire);
        // It may never have had a position: `u32::MAX`.
        if entry.phase.is_settled() && (position == u32::MAX || self.ring.has_passed(position)) {
            self.see_to(table, lane, part);
        }
    }

    /// The hand passes a used entry of M: its second chance.
    pub(super) fn pass<K, V>(&self, entry: &Entry<K, V>) {
        let queue = entry.queue.load(Ordering::Relaxed);
        if queue & OLD != 0 {
            // Came back from far behind, and was used: look further back.
            self.widen(1);
        }
        // Used within the last 0.1 C/|M| of its lap?
        let since = i64::from(self.idle(entry.usage.last_access()));
        let lap = i64::from(self.idle(entry.mark.load(Ordering::Relaxed).into()));
        let m = self.m_len().max(1);
        if since * 10 * m < lap * self.capacity.min(10 * m) {
            self.shift(USED_LATE);
        }
        entry.mark.store(self.stamp(), Ordering::Relaxed);
        if queue & (OLD | GRACE) != 0 {
            entry.queue.fetch_and(!(OLD | GRACE), Ordering::Relaxed);
        }
        entry.usage.set_uses(entry.usage.uses().saturating_sub(1));
    }
}
