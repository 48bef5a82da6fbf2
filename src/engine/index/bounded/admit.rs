//! Finding a room for a published entry: from the ledger, from the dead, from the clock's victim.

use super::Bounded;
use crate::engine::capacity::Admission;
use crate::engine::entry::{Entry, Hash, Phase};
use crate::engine::policy::Instant;
use crate::engine::policy::{Arrival, Choice};
use crate::engine::reclaim::bag::Retired;
use crate::engine::table::Lane;
use crate::engine::table::word::{Kind, Word};
use crate::engine::threads::local::Local;
use crate::sync::{Ordering, fence};

impl<K, V> Bounded<K, V> {
    /// Whom the clock would have leave for a newcomer, if the cache is full and nobody in it is dead, as it mostly is; and that one's
    /// hash.
    #[inline(always)]
    pub(super) fn foresee(
        &self,
        local: &Local<K, V>,
        arrival: &mut Arrival,
        now: Instant,
    ) -> (Choice<K, V>, Hash) {
        if self.has_dead(now) || !self.ledger.is_full() {
            return (Choice::NOBODY, Hash::new(0));
        }
        self.clock.choose(&self.table, arrival, &local.clock, now)
    }

    /// Makes the ghost of the entry [foreseen](Self::foresee), if it is of S, and asks the processor for what the next ones need.
    #[inline(always)]
    pub(super) fn prepare(&self, local: &Local<K, V>, choice: &Choice<K, V>, hash: Hash) {
        // SAFETY: an entry word or empty, loaded inside the caller's guard.
        if let Some(victim) = unsafe { choice.word.occupant() } {
            self.clock.look_ahead(&self.table, &local.clock);
            self.clock.remember(victim, hash, &local.clock);
        }
    }

    /// Finds a room, mostly that of the entry [foreseen](Self::foresee), and brings the entry to life; false if somebody killed it
    /// meanwhile.
    ///
    /// Lock-free: it starts again only when another thread took the room it had found.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one insert, passed on once"
    )]
    #[inline(always)]
    pub(super) fn find_room(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        arrival: &mut Arrival,
        choice: Choice<K, V>,
        gone: Hash,
        now: Instant,
    ) -> bool {
        if choice.is_somebody() {
            let live = self.evict(local, newcomer, address, choice, gone);
            return live.unwrap_or_else(|| {
                // A copy, here and below, so that what mostly happens keeps it in registers.
                let mut copy = *arrival;
                let lives = self.find_another_room(local, newcomer, address, &mut copy, now);
                *arrival = copy;
                lives
            });
        }
        // Past half of the rooms, each insert reclaims a group that is due; after a clear each one does. Left until the cache is full, the dead would be
        // swept group by group, an empty stretch behind the sweep and a crowded one ahead of it.
        // By the era of this moment: a clear may have come since the write began.
        let current = self.at(now.tick);
        let reclaims = self.has_dead(current);
        if reclaims
            && (self.is_unswept(current.era) || self.ledger.count() > self.ledger.capacity() / 2)
        {
            self.reclaim_some(local, now.tick);
        }
        if !reclaims && !self.ledger.is_full() && self.admit(local, newcomer, address) {
            arrival.found_room = true;
            return true;
        }
        let mut copy = *arrival;
        let lives = self.find_room_at_last(local, newcomer, address, &mut copy, now);
        *arrival = copy;
        lives
    }

    /// The rest of [`find_room`](Self::find_room) where the victim's lane had changed.
    #[cold]
    #[inline(never)]
    fn find_another_room(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        arrival: &mut Arrival,
        now: Instant,
    ) -> bool {
        let lives = self.find_room_at_last(local, newcomer, address, arrival, now);
        // Its place in S was filled before, and it may have come to life by a plain store (Q3).
        fence(Ordering::SeqCst);
        lives
    }

    /// Asks the ledger for a room; false if there is none, or the newcomer has been killed.
    #[inline(never)]
    fn admit(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
    ) -> bool {
        let retire = |record| local.retire(Retired::Record(record));
        match self.ledger.admit(address, &self.table, retire) {
            Admission::Granted => {
                // Who sees it knows that the ledger's record is resolved.
                newcomer.phase.settle();
                true
            }
            Admission::Killed | Admission::Full => false,
        }
    }

    /// The rest of [`find_room`](Self::find_room): in a cache that fills, or has dead entries, and after a lost race.
    #[inline(never)]
    fn find_room_at_last(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        arrival: &mut Arrival,
        now: Instant,
    ) -> bool {
        while newcomer.phase.load() == Phase::Pending {
            if !self.ledger.is_full() {
                if self.admit(local, newcomer, address) {
                    arrival.found_room = true;
                    return true;
                }
                // Killed, and nobody is to be evicted for it; or full by now.
                continue;
            }
            // Expired and cleared entries make room before live ones (I6).
            if self.has_dead(self.at(now.tick)) && self.reclaim_some(local, now.tick) {
                continue;
            }
            let (choice, _) = self.clock.choose(&self.table, arrival, &local.clock, now);
            self.clock.look_ahead(&self.table, &local.clock);
            let live = if choice.is_somebody() {
                self.evict_rarely(local, newcomer, address, choice)
            } else {
                self.last_resort(local, newcomer, address)
            };
            if let Some(live) = live {
                return live;
            }
        }
        false
    }

    /// Evicts the LIVE entry of a lane, whose hash this is and which has its ghost if it is of S, for the newcomer and brings that to life, as
    /// [`take_room`](Self::take_room) does.
    #[inline(always)]
    fn evict(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        Choice { lane, word }: Choice<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        // SAFETY: an entry word, loaded inside the caller's guard.
        let victim = unsafe { word.deref() };
        let Some(live) = self.take_room(local, newcomer, address, lane, word, hash) else {
            self.clock
                .put_back(&self.table, Choice { lane, word }, &local.clock);
            return None;
        };
        self.clock.evicted(victim, &local.clock);
        local.counters.evictions.add(1);
        self.retire(local, victim);
        Some(live)
    }

    /// [`evict`](Self::evict) of one that has no ghost yet, where speed matters less than the size of the code.
    #[inline(never)]
    fn evict_rarely(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        choice: Choice<K, V>,
    ) -> Option<bool> {
        // SAFETY: an entry word, loaded inside the caller's guard.
        let victim = unsafe { choice.word.deref() };
        let hash = victim.hash();
        self.clock.remember(victim, hash, &local.clock);
        self.evict(local, newcomer, address, choice, hash)
    }

    /// Passes the room of a LIVE victim, whose hash this is, on to the newcomer and brings that to life. `None`: the victim's lane had
    /// changed. `Some(false)`: the newcomer had been killed; the room went back to the ledger. After `Some` the victim is
    /// the caller's to retire.
    #[inline(always)]
    pub(super) fn take_room(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        lane: Lane,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        if local.has_hand {
            self.take_room_in_hand(local, newcomer, lane, word, hash)
        } else {
            self.take_room_by_lane(local, newcomer, address, lane, word, hash)
        }
    }

    /// [`take_room`](Self::take_room) that leaves the room in the victim's lane until the newcomer lives.
    #[inline(never)]
    fn take_room_by_lane(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
        lane: Lane,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        let moved = Word::moved(address);
        // Before the exchange: whoever finds the newcomer live but unsettled looks there (see `settle`). Release for
        // the Acquire there.
        newcomer.aside().aux.store(lane.0, Ordering::Release);
        if !self.table.exchange(lane, word, moved) {
            // Its room may come from elsewhere: then the number would be taken for a place in the ring.
            newcomer.aside().aux.store(u32::MAX, Ordering::Release);
            return None;
        }
        self.table.departed(hash, lane);
        if newcomer.phase.decide(Phase::Live) == Phase::Live {
            self.table.free(lane, moved);
            // The number of a lane must not be taken for a place in the ring. Who sees the entry settled sees the lane cleared
            // and the number gone.
            newcomer.aside().aux.store(u32::MAX, Ordering::Release);
            newcomer.phase.settle();
            Some(true)
        } else {
            // Somebody else may have begun to give the room back under our name. It must be done before the name is
            // retired, so that a later entry at this address cannot be taken for it.
            if cfg!(tux_fault = "room-lost") {
                self.table.exchange(lane, moved, Word::EMPTY);
                return Some(false);
            }
            self.release(local, lane, moved, newcomer);
            self.ledger
                .release(lane, Word::leaving(address), &self.table, |r| {
                    local.retire(Retired::Record(r))
                });
            Some(false)
        }
    }

    /// [`take_room`](Self::take_room) with one exchange less: between two steps the room is in the thread's hand, where nobody
    /// else can get at it. So only few threads may do it (I7).
    #[inline(always)]
    fn take_room_in_hand(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        lane: Lane,
        word: Word<K, V>,
        hash: Hash,
    ) -> Option<bool> {
        // Looked at first, so that a lost race takes nobody's hint away.
        if self.table.load(lane) != word || !self.table.free(lane, word) {
            return None;
        }
        self.table.departed(hash, lane);
        // Nothing shared names the newcomer but its lane.
        let live = newcomer.phase.enliven_settled();
        if !live && !cfg!(tux_fault = "hand-keeps-room") {
            self.ledger
                .give_back(&self.table, |r| local.retire(Retired::Record(r)));
        }
        Some(live)
    }

    /// The clock has found nobody: the rooms are with entries that stopped threads have not handed to it yet. Carries
    /// out everything that such threads have left, and takes the room of any live entry. `None`: look again.
    #[cold]
    fn last_resort(
        &self,
        local: &Local<K, V>,
        newcomer: &Entry<K, V>,
        address: *mut Entry<K, V>,
    ) -> Option<bool> {
        if !cfg!(tux_fault = "room-no-resolve") {
            self.ledger.resolve_current(&self.table);
        }
        for bucket in 0..self.buckets() {
            let mut found = None;
            self.table.each_in(bucket, |lane, word| {
                self.resolve(local, lane, word);
                if found.is_none() && word.kind() == Kind::Entry {
                    // SAFETY: an entry word, loaded inside the caller's guard.
                    let entry: &Entry<K, V> = unsafe { word.deref() };
                    if entry.phase.load() == Phase::Live {
                        found = Some(Choice { lane, word });
                    }
                }
            });
            if let Some(choice) = found
                && !cfg!(tux_fault = "room-no-last-resort")
                && let Some(live) = self.evict_rarely(local, newcomer, address, choice)
            {
                return Some(live);
            }
        }
        None
    }

    /// Takes a lane on the hash's path from an entry that is not live: stopped inserts have filled the table.
    #[cold]
    pub(super) fn force_lane(&self, local: &Local<K, V>, hash: Hash, word: Word<K, V>) -> Lane {
        loop {
            for bucket in 0..self.buckets() {
                self.table.each_in(bucket, |lane, other| {
                    if other.kind() == Kind::Entry {
                        // SAFETY: an entry word, loaded inside the caller's guard.
                        unsafe { other.deref() }.phase.decide(Phase::Cancelled);
                    }
                    self.resolve(local, lane, other);
                });
                if let Some(lane) = self.table.claim(self.table.home_of(hash), word) {
                    return lane;
                }
            }
        }
    }
}
