//! The ghost-horizon clock: which entry makes room.
//!
//! Two queues share the rooms. **S** holds new entries in order of arrival ([`Ring`]); **M** is a clock over the lanes of
//! the table, with a 2-bit use counter per entry. Evicted keys leave a [`Ghost`](super::ghost::Ghost). The deciding rule is
//! that of LIRS [1]: a key comes into M only if its previous access is newer than the last access of M's candidate. The share
//! of S follows from won and lost duels, the *horizon* (how old a ghost may be) from what became of those that came back.
//!
//! Differences from a textbook queue: entries never move. Coming into M sets a bit; the hand meets entries in the order of
//! their lanes, which is random with respect to their arrival.
//!
//! Everything here is advice under concurrency: counters are added with plain loads and stores, and two threads may judge the
//! same candidate. Which entry leaves, and that exactly one does, is decided by the exchange of its lane (I1, I4).
//!
//! [1] Jiang, Zhang: *LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy*, SIGMETRICS 2002.

use super::bounded::Instant;
use super::entry::{Entry, Hash, Kind, Phase, Word};
use super::ghost::{Dates, Ghost, Ghosts};
use super::ring::Ring;
use super::table::{Lane, Table};
use crate::sync::{AtomicI64, AtomicU32, AtomicU64, CachePadded, Ordering};

/// Flag in [`Entry::queue`]: the entry belongs to M.
const IN_M: u8 = 1;
/// Flag in [`Entry::queue`]: it came back from far behind and has not been used since.
const OLD: u8 = 2;

/// Entries of S that one eviction may pass on to M or to the back of S.
const PASSES: usize = 16;

pub(crate) struct Clock {
    capacity: usize,
    ghosts: Ghosts,
    ring: Ring,
    lanes: u32,
    epoch_length: u32,
    /// Misses / (capacity / 16). Read by every hit, so it has a line of its own.
    epoch: CachePadded<AtomicU32>,
    hand: CachePadded<AtomicU32>,
    /// Entries of M.
    in_m: CachePadded<AtomicI64>,
    mood: CachePadded<Mood>,
}

/// What the clock has learnt; written by inserts only.
struct Mood {
    misses: AtomicU32,
    evictions: AtomicU64,
    s_evictions: AtomicU64,
    /// Target size of S, as `f32` bits.
    s_target: AtomicU32,
    /// How old a ghost may be to come into M, in evictions, as `f32` bits.
    horizon: AtomicU32,
}

/// A key on its way in.
#[derive(Debug)]
pub(crate) struct Arrival {
    ghost: Option<Ghost>,
    into_m: bool,
    old: bool,
    judged: bool,
}

/// Whom the clock would have leave.
pub(crate) enum Choice<K, V> {
    Victim(Lane, Word<K, V>),
    /// Nobody was to be found in a few rounds.
    None,
}

fn get(word: &AtomicU32) -> f32 {
    f32::from_bits(word.load(Ordering::Relaxed))
}

fn set(word: &AtomicU32, value: f32) {
    word.store(value.to_bits(), Ordering::Relaxed);
}

fn bump(word: &AtomicU64) {
    word.store(
        word.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Relaxed,
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes and ages as rough numbers"
)]
fn rough(n: usize) -> f32 {
    n as f32
}

impl Clock {
    /// `None` if the memory is not to be had.
    pub(crate) fn new(capacity: usize, lanes: u32) -> Option<Self> {
        let c = rough(capacity);
        Some(Self {
            capacity,
            ghosts: Ghosts::new(2 * capacity, capacity)?,
            ring: Ring::new(capacity)?,
            lanes,
            epoch_length: u32::try_from(capacity / 16).unwrap_or(u32::MAX).max(1),
            epoch: CachePadded::new(AtomicU32::new(0)),
            hand: CachePadded::new(AtomicU32::new(0)),
            in_m: CachePadded::new(AtomicI64::new(0)),
            mood: CachePadded::new(Mood {
                misses: AtomicU32::new(1),
                evictions: AtomicU64::new(0),
                s_evictions: AtomicU64::new(0),
                s_target: AtomicU32::new((0.02 * c).max(2.0).min((c - 1.0).max(0.0)).to_bits()),
                horizon: AtomicU32::new((2.0 * c).to_bits()),
            }),
        })
    }

    /// The clock's time, for [`Usage::touch`](super::entry::Usage::touch).
    #[inline(always)]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed)
    }

    fn dates(&self) -> Dates {
        Dates {
            evictions: self.mood.evictions.load(Ordering::Relaxed),
            s_evictions: self.mood.s_evictions.load(Ordering::Relaxed),
            epoch: self.epoch(),
        }
    }

    /// How many entries M may have.
    fn m_share(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let share = (rough(self.capacity) - get(&self.mood.s_target)) as i64;
        share.max(1)
    }

    fn shift(&self, by: f32) {
        let c = rough(self.capacity);
        let target = (get(&self.mood.s_target) + by)
            .min((0.8 * c).max(2.0))
            .max((0.01 * c).max(2.0));
        set(&self.mood.s_target, target);
    }

    fn m_len(&self) -> i64 {
        self.in_m.load(Ordering::Relaxed)
    }

    /// Counts a miss and looks the key up among the ghosts.
    pub(crate) fn arrive(&self, hash: Hash) -> Arrival {
        let misses = self.mood.misses.load(Ordering::Relaxed).wrapping_add(1);
        if misses >= self.epoch_length {
            self.mood.misses.store(0, Ordering::Relaxed);
            self.epoch.store(
                self.epoch().wrapping_add(1) & (u32::MAX >> 2),
                Ordering::Relaxed,
            );
        } else {
            self.mood.misses.store(misses, Ordering::Relaxed);
        }
        let reach = 2 * self.capacity as u64;
        let ghost = self
            .ghosts
            .take(hash, self.dates())
            .filter(|ghost| ghost.age <= reach + 1);
        Arrival {
            ghost,
            into_m: false,
            old: false,
            judged: false,
        }
    }

    /// Gives a new entry its queue, once it lives.
    pub(crate) fn place<K, V>(&self, entry: &Entry<K, V>, lane: Lane, arrival: &Arrival) {
        entry.mark.store(self.epoch(), Ordering::Relaxed);
        if arrival.into_m || self.m_len() < self.m_share() {
            entry
                .queue
                .store(IN_M | if arrival.old { OLD } else { 0 }, Ordering::Relaxed);
            self.in_m.fetch_add(1, Ordering::Relaxed);
        } else {
            self.ring.push(lane, |position| {
                entry.aux.store(position, Ordering::Release)
            });
        }
    }

    /// An entry left by other means than eviction.
    pub(crate) fn gone<K, V>(&self, entry: &Entry<K, V>) {
        if entry.queue.load(Ordering::Relaxed) & IN_M != 0 {
            self.in_m.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// An entry was evicted: it becomes a ghost.
    pub(crate) fn evicted<K, V>(&self, entry: &Entry<K, V>) {
        let queue = entry.queue.load(Ordering::Relaxed);
        bump(&self.mood.evictions);
        if queue & IN_M == 0 {
            bump(&self.mood.s_evictions);
        } else {
            self.in_m.fetch_sub(1, Ordering::Relaxed);
            if queue & OLD != 0 {
                self.widen(-1.0);
            }
        }
        self.ghosts.remember(
            entry.hash,
            queue & IN_M == 0,
            entry.usage.last_access(),
            self.dates(),
        );
    }

    /// Widens or narrows the horizon by 4 / capacity of itself.
    fn widen(&self, sign: f32) {
        let c = rough(self.capacity);
        let horizon = get(&self.mood.horizon) * (1.0 + sign * 4.0 / c);
        set(&self.mood.horizon, horizon.min(2.0 * c + 1.0).max(0.25 * c));
    }

    /// Chooses the entry to leave for the newcomer. O(1) amortised; call inside a guard.
    pub(crate) fn choose<K, V>(
        &self,
        table: &Table<K, V>,
        arrival: &mut Arrival,
        now: Instant,
    ) -> Choice<K, V> {
        if self.m_len() > self.m_share() + 1 {
            return self.candidate(table, now);
        }
        if let Some(ghost) = arrival.ghost
            && self.m_len() >= self.m_share()
            && !arrival.judged
        {
            arrival.judged = true;
            if let Some((lane, word, entry)) = self.turn(table, now) {
                let win = self.is_newer(ghost.idle, entry);
                if ghost.from_s {
                    if !win {
                        self.shift(-1.0);
                    } else if ghost.s_age as f32 <= 0.1 * rough(self.capacity) {
                        self.shift(1.0);
                    }
                }
                let horizon = get(&self.mood.horizon);
                if win && ghost.age as f32 <= horizon {
                    arrival.into_m = true;
                    arrival.old = ghost.age as f32 > 0.5 * horizon;
                    return Choice::Victim(lane, word);
                }
            }
        }
        if arrival.into_m {
            return self.candidate(table, now);
        }
        self.head_of_s(table, now)
    }

    /// Whether an access `idle` epochs ago is newer than the last one of `entry`.
    fn is_newer<K, V>(&self, idle: u32, entry: &Entry<K, V>) -> bool {
        idle < self.idle(entry.usage.last_access())
    }

    fn idle(&self, since: u32) -> u32 {
        self.epoch().wrapping_sub(since) & (u32::MAX >> 2)
    }

    fn candidate<K, V>(&self, table: &Table<K, V>, now: Instant) -> Choice<K, V> {
        match self.turn(table, now) {
            Some((lane, word, _)) => Choice::Victim(lane, word),
            None => Choice::None,
        }
    }

    fn head_of_s<K, V>(&self, table: &Table<K, V>, now: Instant) -> Choice<K, V> {
        let mut passes = 0;
        while let Some((position, lane)) = self.ring.pop() {
            let word = table.load(lane);
            if word.kind() != Kind::Entry {
                continue;
            }
            // SAFETY: an entry word, loaded inside the caller's guard.
            let entry = unsafe { word.deref() };
            if entry.phase.load() != Phase::Live
                || entry.queue.load(Ordering::Relaxed) & IN_M != 0
                || entry.aux.load(Ordering::Relaxed) != position
            {
                continue;
            }
            passes += 1;
            if !now.sees(entry) || passes > PASSES {
                return Choice::Victim(lane, word);
            }
            if self.m_len() < self.m_share() {
                self.promote(entry);
                continue;
            }
            if entry.usage.uses() < 2 {
                return Choice::Victim(lane, word);
            }
            match self.turn(table, now) {
                Some((y_lane, y_word, y))
                    if self.is_newer(self.idle(entry.mark.load(Ordering::Relaxed)), y) =>
                {
                    self.promote(entry);
                    if self.m_len() > self.m_share() {
                        return Choice::Victim(y_lane, y_word);
                    }
                }
                _ => {
                    entry.usage.set_uses(0);
                    entry
                        .mark
                        .store(entry.usage.last_access(), Ordering::Relaxed);
                    self.ring.push(lane, |position| {
                        entry.aux.store(position, Ordering::Release)
                    });
                }
            }
        }
        self.candidate(table, now)
    }

    fn promote<K, V>(&self, entry: &Entry<K, V>) {
        entry.usage.set_uses(0);
        entry.mark.store(self.epoch(), Ordering::Relaxed);
        entry.queue.store(IN_M, Ordering::Relaxed);
        self.in_m.fetch_add(1, Ordering::Relaxed);
    }

    /// Turns the hand to M's next unused entry, which stays in front of it.
    fn turn<'g, K, V>(
        &self,
        table: &Table<K, V>,
        now: Instant,
    ) -> Option<(Lane, Word<K, V>, &'g Entry<K, V>)> {
        // Four laps take every counter to zero; one more meets it there.
        for _ in 0..5 * u64::from(self.lanes) {
            let at = self.hand.load(Ordering::Relaxed);
            let lane = Lane(at);
            let word = table.load(lane);
            if word.kind() == Kind::Entry {
                // SAFETY: an entry word, loaded inside the caller's guard.
                let entry: &'g Entry<K, V> = unsafe { word.deref() };
                if entry.phase.load() == Phase::Live && self.leaves(entry, lane, now) {
                    return Some((lane, word, entry));
                }
            }
            let next = if at + 1 == self.lanes { 0 } else { at + 1 };
            let _ = self
                .hand
                .compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        None
    }

    /// Whether the entry under the hand is a candidate; if not, it gets its second chance.
    fn leaves<K, V>(&self, entry: &Entry<K, V>, lane: Lane, now: Instant) -> bool {
        if !now.sees(entry) {
            return true;
        }
        let queue = entry.queue.load(Ordering::Relaxed);
        if queue & IN_M == 0 {
            let position = entry.aux.load(Ordering::Relaxed);
            if entry.settled.load(Ordering::Relaxed) && self.ring.has_passed(position) {
                // It fell out of the ring: in again (I4).
                self.ring.push(lane, |position| {
                    entry.aux.store(position, Ordering::Release)
                });
            }
            return false;
        }
        let uses = entry.usage.uses();
        if uses == 0 {
            return true;
        }
        if queue & OLD != 0 {
            // Came back from far behind, and was used: look further back.
            entry.queue.store(IN_M, Ordering::Relaxed);
            self.widen(1.0);
        }
        let lap = self.idle(entry.mark.load(Ordering::Relaxed)) as f32;
        let recent = (0.1 * rough(self.capacity) / (self.m_len().max(1) as f32)).min(1.0) * lap;
        if (self.idle(entry.usage.last_access()) as f32) < recent {
            self.shift(-0.3);
        }
        entry.mark.store(self.epoch(), Ordering::Relaxed);
        entry.usage.set_uses(uses - 1);
        false
    }
}
