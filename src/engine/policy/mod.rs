//! The ghost-horizon clock: which entry makes room.
//!
//! Two queues share the permits. **small** holds new entries in order of arrival ([`SmallQueue`]); **main** is a clock over the
//! slots of the table, with a 2-bit use counter per entry. Evicted keys leave a [`Ghost`](crate::engine::policy::ghosts::Ghost).
//! The deciding rule is that of LIRS [1]: a key comes into main only if its previous access is newer than the last access of
//! main's candidate. The share of small follows from won and lost duels, the *horizon* (how old a ghost may be) from what became
//! of those that came back.
//!
//! Differences from a textbook queue: entries never move. Coming into main sets a bit; the hand meets entries in the order of its
//! [`SweepOrder`] over the slots, which is random with respect to their arrival; to make up for it, an entry that comes into main
//! less than 70 % of a lap ahead of the hand is passed over once (*grace*). Every loop of one eviction is bounded by a constant.
//!
//! Everything here is advice under concurrency: counters are added with plain loads and stores, several misses or evictions at
//! once in all but small caches ([`PolicyLocal`]), and two threads may judge the same candidate. Which entry leaves, and that
//! exactly one does, is decided by the exchange of its slot (I1, I4).
//!
//! [1] Jiang, Zhang: *LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy*, SIGMETRICS 2002.

use crate::engine::entry::{Cold, Entry, Hash, Usage};
use crate::engine::policy::ghosts::{Dates, Ghost, GhostStamp, Ghosts, REACH};
use crate::engine::policy::small_queue::SmallQueue;
use crate::engine::policy::sweep_order::SweepOrder;
#[cfg(any(test, tux_loom))]
use crate::engine::table::SLOTS;
use crate::engine::table::word::{Word, WordKind};
use crate::engine::table::{Found, Slot, Table};
use crate::sync::advice::{AtomicBool, AtomicI64, AtomicU32, AtomicU64};
use crate::sync::{CachePadded, Ordering};

mod epoch;
mod ghosts;
mod instant;
mod per_thread;
mod prefetch;
mod queue;
mod remember;
pub(crate) mod small_queue;
mod sweep_order;
mod victim;

pub(crate) use crate::engine::entry::queue_flags::LEASED;
use crate::engine::entry::queue_flags::{self, IN_MAIN, OLD, SKIP_ONCE};
pub(crate) use epoch::{Era, EraWord, Since};
pub(crate) use instant::Instant;
pub(crate) use per_thread::PolicyLocal;

/// Misses per epoch are capacity / 16.
const EPOCHS_PER_CAPACITY: usize = 16;
/// Heads of small that one eviction may promote into a share of main that is not full.
const MAX_PROMOTIONS: u32 = 4;
/// Duels of heads of small in one eviction.
const MAX_DUELS: u32 = 8;
/// Places of the ring that one eviction may look at.
const MAX_PLACES: u32 = 64;
/// Entries of main, and slots, that one turn of the hand may look at.
const HAND_ENTRIES: u32 = 16;
const HAND_SLOTS: u32 = 256;
/// Grace for those that the hand would meet within this share of a lap, in percent.
const SKIP_PERCENT: u64 = 70;

/// From how many entries on the clock looks ahead: smaller caches are in the processor's.
const LARGE: usize = 1 << 13;
/// Misses and evictions that a thread counts for itself before it tells them: one for so much capacity, and at most so many.
const CAPACITY_PER_COUNT: usize = 512;
const MAX_COUNT: u32 = 32;

/// The share of small is kept in tenths of an entry. It is a fiftieth of the capacity at first, between a hundredth and four fifths
/// afterwards, and two entries at least.
const ENTRY: i64 = 10;
const LEAST: i64 = 2 * ENTRY;
/// A ghost from small won its duel soon after it had been evicted: the small queue was too small.
const WON: i64 = 10;
/// A ghost from small lost: small need not be that large.
const LOST: i64 = -7;
/// An entry of main was used late in its lap: main is too small.
const USED_LATE: i64 = -3;
/// The horizon is kept in 1/256 of an eviction.
const EVICTION: i64 = 256;

pub(crate) struct Policy {
    capacity: i64,
    /// What an eviction needs is mostly not in the processor's cache.
    is_large: bool,
    sweep_order: SweepOrder,
    epoch_length: u32,
    /// How many misses or evictions a thread tells at once.
    count: u32,
    ghosts: Ghosts,
    small: SmallQueue,
    /// The clears of the cache, and the epoch: misses / (capacity / 16).
    pub(crate) era: EraWord,
    hand: CachePadded<Hand>,
    adaptive: CachePadded<AdaptiveState>,
}

struct Hand {
    at: AtomicU32,
    /// The slot of main's candidate; any number beyond the slots: none.
    candidate: AtomicU32,
    /// Entries of main.
    in_main: AtomicI64,
}

/// What the clock has learnt; written by inserts only.
struct AdaptiveState {
    misses: AtomicU32,
    filled: AtomicBool,
    evictions: AtomicU64,
    small_evictions: AtomicU64,
    /// Both, as ghosts have them.
    stamp: AtomicU32,
    /// Target size of small, in tenths.
    small_target: AtomicI64,
    /// How many entries main may have: what is left of the capacity, at least one.
    main_share: AtomicI64,
    /// How many it may have before one leaves whoever comes.
    m_most: AtomicI64,
    /// How old a ghost may be to come into main.
    horizon: AtomicI64,
}

/// A key on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    ghost: Option<Ghost>,
    into_main: bool,
    old: bool,
    /// There was room for it without anybody's leaving.
    pub(crate) found_room: bool,
}

/// Whom the clock would have leave: the entry of a slot. Fits two registers, which an `Option` would not.
pub(crate) struct Choice<K, V> {
    pub(crate) slot: Slot,
    /// [`Word::EMPTY`] if nobody was to be found.
    pub(crate) word: Word<K, V>,
}

impl<K, V> Clone for Choice<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Choice<K, V> {}

impl<K, V> Choice<K, V> {
    pub(crate) const NOBODY: Self = Self {
        slot: Slot(0),
        word: Word::EMPTY,
    };

    #[inline(always)]
    pub(crate) fn is_somebody(&self) -> bool {
        !self.word.is_empty()
    }

    /// With the hash of its entry; nobody's is no key's.
    ///
    /// # Safety
    ///
    /// The word was loaded inside a guard that is still open.
    unsafe fn with_hash(self) -> (Self, Hash) {
        // SAFETY: by the contract.
        let entry = unsafe { self.word.occupant() };
        (self, entry.map_or(Hash::new(0), Entry::hash))
    }
}

/// The candidate, or the last entry of main that was passed.
type Advance<'g, K, V> = (Option<Found<'g, K, V>>, Option<Found<'g, K, V>>);

impl Policy {
    /// `None` if the memory is not to be had.
    pub(crate) fn new(capacity: usize, buckets: usize) -> Option<Self> {
        let c = i64::try_from(capacity).ok()?;
        // Rounded up: what is left is the share of main.
        let small_target = (c * ENTRY + 49)
            .div_euclid(50)
            .max(LEAST)
            .min((c - 1) * ENTRY);
        Some(Self {
            capacity: c,
            is_large: capacity >= LARGE,
            sweep_order: SweepOrder::new(buckets),
            epoch_length: u32::try_from(capacity / EPOCHS_PER_CAPACITY).ok()?.max(1),
            count: Self::few(capacity, CAPACITY_PER_COUNT, MAX_COUNT),
            ghosts: Ghosts::new(capacity)?,
            small: SmallQueue::for_capacity(capacity)?,
            era: EraWord::new(),
            hand: CachePadded::new(Hand {
                at: AtomicU32::new(0),
                candidate: AtomicU32::new(u32::MAX),
                in_main: AtomicI64::new(0),
            }),
            adaptive: CachePadded::new(AdaptiveState {
                misses: AtomicU32::new(0),
                filled: AtomicBool::new(false),
                evictions: AtomicU64::new(0),
                small_evictions: AtomicU64::new(0),
                stamp: AtomicU32::new(0),
                small_target: AtomicI64::new(small_target),
                main_share: AtomicI64::new(Self::share(c, small_target)),
                m_most: AtomicI64::new(Self::most(c, small_target)),
                horizon: AtomicI64::new(REACH.cast_signed() * c * EVICTION),
            }),
        })
    }

    /// How many a thread tells at once: few of what an epoch has.
    fn few(capacity: usize, per: usize, most: u32) -> u32 {
        u32::try_from(capacity / per).map_or(most, |few| few.clamp(1, most))
    }

    /// The clock's time.
    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.era.load().epoch()
    }

    /// The same, as entries keep it.
    #[inline]
    fn stamp(&self) -> u16 {
        const { assert!(Usage::MAX_EPOCH <= u16::MAX as u32) };
        self.epoch() as u16
    }

    /// Epochs since `then`.
    #[inline]
    fn idle(&self, then: u32) -> u32 {
        self.epoch().wrapping_sub(then) & Usage::MAX_EPOCH
    }

    #[inline]
    fn dates(&self) -> Dates {
        Dates {
            evictions: self.adaptive.evictions.load(Ordering::Relaxed),
            small_evictions: self.adaptive.small_evictions.load(Ordering::Relaxed),
            epoch: self.epoch(),
        }
    }

    #[inline]
    fn main_len(&self) -> i64 {
        self.hand.in_main.load(Ordering::Relaxed)
    }

    fn share(capacity: i64, small_target: i64) -> i64 {
        ((capacity * ENTRY - small_target) / ENTRY).max(1)
    }

    /// main's share and one, unless that leaves small a single place: two threads that filled the cache may both have brought an
    /// entry to main when there was room for one.
    fn most(capacity: i64, small_target: i64) -> i64 {
        let leaves_two = if capacity > 2 { capacity - 2 } else { capacity };
        (Self::share(capacity, small_target) + 1).min(leaves_two)
    }

    /// How many entries main may have.
    #[inline]
    fn main_share(&self) -> i64 {
        self.adaptive.main_share.load(Ordering::Relaxed)
    }

    /// Whether main has so many that one of them leaves, whoever comes.
    #[inline]
    fn main_has_too_many(&self) -> bool {
        self.main_len() > self.adaptive.m_most.load(Ordering::Relaxed)
    }

    #[inline]
    fn shift(&self, by: i64) {
        let c = self.capacity * ENTRY;
        let target = self.adaptive.small_target.load(Ordering::Relaxed) + by;
        let target = target.clamp(LEAST.max((c + 99) / 100), LEAST.max(c * 8 / 10));
        let (share, most) = (
            Self::share(self.capacity, target),
            Self::most(self.capacity, target),
        );
        self.adaptive.small_target.store(target, Ordering::Relaxed);
        self.adaptive.main_share.store(share, Ordering::Relaxed);
        self.adaptive.m_most.store(most, Ordering::Relaxed);
    }

    /// Widens (+1) or narrows (-1) the horizon by 4 / capacity of itself.
    #[inline]
    fn widen(&self, sign: i64) {
        let c = self.capacity;
        let horizon = self.adaptive.horizon.load(Ordering::Relaxed);
        let horizon = horizon + sign * 4 * horizon / c;
        let farthest = (REACH.cast_signed() * c + 1) * EVICTION;
        self.adaptive
            .horizon
            .store(horizon.clamp(c * EVICTION / 4, farthest), Ordering::Relaxed);
    }

    /// Counts a miss and looks the key up among the ghosts.
    #[inline(always)]
    pub(crate) fn arrive(&self, hash: Hash, local: &PolicyLocal) -> Arrival {
        if local.misses.count(self.count) {
            self.missed(self.count);
        }
        let ghost = self
            .ghosts
            .take(hash, || self.dates())
            .filter(|ghost| ghost.age <= REACH * self.capacity.unsigned_abs() + 1);
        Arrival {
            ghost,
            into_main: false,
            old: false,
            found_room: false,
        }
    }

    /// Threads have missed so many more keys.
    #[inline(always)]
    fn missed(&self, more: u32) {
        let misses = self.adaptive.misses.load(Ordering::Relaxed) + more;
        if misses >= self.epoch_length {
            self.adaptive.misses.store(0, Ordering::Relaxed);
            self.era.begin_epoch();
        } else {
            self.adaptive.misses.store(misses, Ordering::Relaxed);
        }
    }

    /// Whether it is settled that a newcomer waits in small, before it lives.
    #[inline(always)]
    pub(crate) fn will_wait(&self, arrival: &Arrival) -> bool {
        !arrival.into_main && arrival.ghost.is_none()
    }

    /// Gives a new entry its queue, once it lives and is settled.
    #[inline(always)]
    pub(crate) fn place<K, V>(
        &self,
        table: &Table<K, V>,
        found: Found<'_, K, V>,
        arrival: &Arrival,
        local: &PolicyLocal,
    ) {
        // While there is room, entries go to main at once, as if they had waited in small and come to its head: so that the first
        // evictions have not all of them to promote.
        let is_welcome = arrival.found_room || arrival.ghost.is_some();
        if arrival.into_main || is_welcome && self.main_len() < self.main_share() {
            self.promote(table, found, if arrival.old { OLD } else { 0 }, local);
        } else {
            found.2.mark.store(self.stamp(), Ordering::Relaxed);
            self.see_to(table, found.0, local);
        }
    }

    /// Brings an entry to main.
    #[inline(never)]
    fn promote<K, V>(
        &self,
        table: &Table<K, V>,
        (slot, word, entry): Found<'_, K, V>,
        old: u8,
        local: &PolicyLocal,
    ) {
        let at = self.hand.at.load(Ordering::Relaxed);
        let ahead = self.sweep_order.buckets_ahead(Slot(at), slot);
        let near = ahead * 100 < SKIP_PERCENT * self.sweep_order.buckets;
        let skip = if near && self.adaptive.filled.load(Ordering::Relaxed) {
            SKIP_ONCE
        } else {
            0
        };
        entry.usage.set_uses(0);
        entry.mark.store(self.stamp(), Ordering::Relaxed);
        let more = queue_flags::enter(&entry.queue, old | skip, || table.holds(slot, word));
        self.hand.in_main.fetch_add(more, Ordering::Relaxed);
        // Who has overwritten it before it came to main has taken over a position that was to be given up.
        if !table.holds(slot, word) && !cfg!(tux_fault = "queue-promotes-blind") {
            self.see_to(table, slot, local);
        }
    }

    /// Takes an entry that has left its slot out of main; returns its flags.
    #[inline(always)]
    fn leave<K, V>(&self, entry: &Entry<K, V>) -> u8 {
        let (flags, less) = queue_flags::leave(&entry.queue);
        if less != 0 {
            self.hand.in_main.fetch_sub(less, Ordering::Relaxed);
        }
        flags
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
