//! One cached key and value, with what the cache knows of them.
//!
//! # Life of an entry
//!
//! ```text
//!            publish in a lane           a room is its own               the lane moves on
//!  private ───────────────────▶ PENDING ───────────────────▶ LIVE ─────────────────────────▶ retired
//!                                  │                                   (by whoever changed the lane)
//!                                  └──▶ OVERTAKEN | CANCELLED ───────────────────────────────▶ retired
//!                                       (by any thread)                             (by its owner alone)
//! ```
//!
//! The phase decides between PENDING → LIVE and PENDING → dead with one exchange, by whichever thread. Readers see
//! LIVE entries only. A LIVE entry stays LIVE for ever; it dies when its lane word changes.

use super::clock::membership::{IN_M, inherited};
use super::memory::prefetch;
use super::short::holds;
use crate::sync::{AtomicBool, AtomicU8, AtomicU32, Ordering, Witness, advice};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// A hash: the top bits choose the home bucket, the low ones are the lane tag. Always odd, as tags are (see
/// [`Word`](super::word::Word)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Hash {
    #[inline(always)]
    pub(crate) const fn new(hash: u64) -> Self {
        Self(hash | 1)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// This hash's share of `all`: a number below it, unless it is zero. By the top bits.
    #[inline(always)]
    pub(crate) fn share(self, all: usize) -> usize {
        ((u128::from(self.0) * all as u128) >> 64) as usize
    }

    /// The 16 bits that stand beside the address in a lane word.
    #[inline(always)]
    pub(crate) fn tag(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The 16 bits that the ghosts know a key by.
    #[inline(always)]
    pub(crate) fn fingerprint(self) -> u16 {
        (self.0 >> 16 & 0xffff) as u16
    }

    /// A hint byte for each lane: a bucket's hint word has that of the lane the entry stands in. Of the bytes for the last
    /// lanes large tables know a part already, by the bucket.
    #[inline(always)]
    pub(crate) fn hints(self) -> u64 {
        self.0
    }
}

/// Where an entry stands between its publication and its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// In a lane, without a room of its own; any thread may kill it.
    Pending = 0,
    /// Readers may return it.
    Live = 1,
    /// Killed by another insert of the same key, which may itself not have come through.
    Overtaken = 2,
    /// Killed by an invalidation, for its lane, or by its owner.
    Cancelled = 3,
}

/// The word of an entry that decides its life.
#[derive(Debug)]
pub(crate) struct PhaseWord(AtomicU8);

impl PhaseWord {
    #[inline]
    pub(crate) fn new(phase: Phase) -> Self {
        Self(AtomicU8::new(phase as u8))
    }

    /// Acquire: pairs with the Release half of the exchange that ended PENDING.
    #[inline(always)]
    pub(crate) fn load(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Pending,
            1 => Phase::Live,
            2 => Phase::Overtaken,
            _ => Phase::Cancelled,
        }
    }

    /// PENDING → LIVE; whether it is LIVE afterwards. As [`decide`](Self::decide).
    #[inline(always)]
    pub(crate) fn enliven(&self) -> bool {
        const { assert!(Phase::Pending as u8 == 0 && Phase::Live as u8 == 1) };
        let before = self.0.compare_exchange(
            Phase::Pending as u8,
            Phase::Live as u8,
            Ordering::SeqCst,
            Ordering::Acquire,
        );
        before.unwrap_or_else(|other| other) <= Phase::Live as u8
    }

    /// PENDING → `to`; returns the phase that stands afterwards.
    ///
    /// SeqCst: the exchange is one half of the Dekker pair between two inserts of one key (table I2).
    #[inline]
    pub(crate) fn decide(&self, to: Phase) -> Phase {
        match self.0.compare_exchange(
            Phase::Pending as u8,
            to as u8,
            Ordering::SeqCst,
            Ordering::Acquire,
        ) {
            Ok(_) => to,
            Err(1) => Phase::Live,
            Err(2) => Phase::Overtaken,
            Err(_) => Phase::Cancelled,
        }
    }
}

/// Clear generation of an entry (the high 16 bits, which never change) and what the clock keeps of its use: counter (2 bits)
/// and last access (14 bits, in epochs).
///
/// **U1** Every value of the word has the entry's own generation: who writes it changes the low half of what it has
/// read. So an entry whose word equals [`Era::steady`](super::clock::Era::steady) is of the current generation (of which entries 2^16
/// clears old are not: they have left the table, I5), and a hit that finds it so has one comparison for both.
///
/// All accesses are Relaxed: the half that changes is advice to the eviction clock, and a lost update costs one use; the other
/// half was written before publication.
#[derive(Debug)]
pub(crate) struct Usage(advice::AtomicU32);

impl Usage {
    pub(crate) const MAX_USES: u32 = 3;
    /// Epochs are kept modulo 2^14: at least five hundred times as many misses as the cache has entries.
    pub(crate) const MAX_EPOCH: u32 = (1 << 14) - 1;
    const GENERATION: u32 = 16;
    const OWN: u32 = u32::MAX << Self::GENERATION;

    #[inline(always)]
    fn new(recent: u16, generation: u16) -> Self {
        let word = u32::from(generation) << Self::GENERATION | u32::from(recent);
        Self(advice::AtomicU32::new(word))
    }

    /// The half that changes.
    #[inline(always)]
    pub(crate) fn recent(uses: u32, epoch: u32) -> u16 {
        debug_assert!(uses <= Self::MAX_USES && epoch <= Self::MAX_EPOCH);
        (epoch << 2 | uses) as u16
    }

    /// Whether [`touch`](Self::touch) would change nothing, and the entry is of the generation of `steady`.
    #[inline(always)]
    pub(crate) fn is_steady(&self, steady: u32) -> bool {
        self.0.load(Ordering::Relaxed) == steady
    }

    /// Records a hit; stores only if something changes, which in steady state it does not.
    #[inline(always)]
    pub(crate) fn touch(&self, steady: u32) {
        let old = self.0.load(Ordering::Relaxed);
        let missing = (Self::MAX_USES - (old & Self::MAX_USES)).saturating_sub(1);
        let new = old & Self::OWN | ((steady & !Self::OWN) - missing);
        if new != old {
            self.0.store(new, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(crate) fn generation(&self) -> u16 {
        Self::generation_of(self.0.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(crate) fn generation_of(word: u32) -> u16 {
        (word >> Self::GENERATION) as u16
    }

    #[inline]
    pub(crate) fn uses(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & Self::MAX_USES
    }

    #[inline]
    pub(crate) fn last_access(&self) -> u32 {
        self.0.load(Ordering::Relaxed) >> 2 & Self::MAX_EPOCH
    }

    #[inline]
    pub(crate) fn set_uses(&self, uses: u32) {
        let old = self.0.load(Ordering::Relaxed);
        self.0
            .store(old & !Self::MAX_USES | uses, Ordering::Relaxed);
    }

    #[inline(always)]
    fn get_recent(&self) -> u16 {
        (self.0.load(Ordering::Relaxed) & !Self::OWN) as u16
    }
}

/// What the clock knows of an entry.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) queue: u8,
    recent: u16,
    mark: u32,
    aux: u32,
}

impl Standing {
    /// A new entry's.
    #[inline(always)]
    pub(crate) fn new(queue: u8, epoch: u32) -> Self {
        Self {
            queue,
            recent: Usage::recent(0, epoch),
            mark: 0,
            aux: u32::MAX,
        }
    }

    /// Whether the entry belongs to M.
    #[inline(always)]
    pub(crate) fn is_in_m(&self) -> bool {
        self.queue & IN_M != 0
    }

    /// That of the entry that another one overwrites.
    #[inline(always)]
    pub(crate) fn of<K, V>(old: &Entry<K, V>) -> Self {
        Self {
            queue: inherited(old.queue.load(Ordering::Relaxed)),
            recent: old.usage.get_recent(),
            mark: old.mark.load(Ordering::Relaxed),
            // Acquire: an unsettled entry's number is that of the lane its room came from, not a place in the ring.
            aux: if old.settled.load(Ordering::Acquire) {
                old.aux.load(Ordering::Acquire)
            } else {
                u32::MAX
            },
        }
    }
}

/// How an entry ends by itself: at its deadline, or with its clear generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) deadline: Deadline,
    pub(crate) generation: u16,
}

/// A key and its value with what the table, the clock and the expiry index know of them (32 bytes).
///
/// What a hit reads stands together at the end: for small keys and values it is 32 bytes, mostly in one cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<K, V> {
    /// The clock's time stamp: when it entered its queue, or began its lap.
    pub(crate) mark: advice::AtomicU32,
    /// Until settled: the lane the room comes from, if it comes by way of a lane. Afterwards: the position in the ring of new entries.
    pub(crate) aux: AtomicU32,
    pub(crate) hash: Hash,
    pub(crate) phase: PhaseWord,
    /// The source of this entry's room does not name it, or no longer (see `bounded::settle`).
    pub(crate) settled: AtomicBool,
    /// Queue and ghost flags of the clock.
    pub(crate) queue: advice::AtomicU8,
    pub(crate) usage: Usage,
    pub(crate) deadline: Deadline,
    pub(crate) key: K,
    /// Dropped with the entry, unless its owner took it out again before it ever went live.
    pub(crate) value: ManuallyDrop<V>,
    pub(crate) witness: Witness,
}

/// Where an entry of any key and value has its [`Usage`].
const USAGE: usize = std::mem::offset_of!(Entry<(), ()>, usage);

impl<K, V> Entry<K, V> {
    /// All at once: fields that are changed before the entry is moved to its place are written twice, and the processor waits
    /// for those that are moved in larger pieces than they were written in.
    #[inline(always)]
    pub(crate) fn new(
        phase: Phase,
        hash: Hash,
        due: Due,
        standing: Standing,
        key: K,
        value: V,
    ) -> Self {
        Self {
            mark: advice::AtomicU32::new(standing.mark),
            aux: AtomicU32::new(standing.aux),
            hash,
            phase: PhaseWord::new(phase),
            settled: AtomicBool::new(phase == Phase::Live),
            queue: advice::AtomicU8::new(standing.queue),
            usage: Usage::new(standing.recent, due.generation),
            deadline: due.deadline,
            key,
            value: ManuallyDrop::new(value),
            witness: Witness::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        self.phase.load() == Phase::Live
    }

    /// Asks the processor for what look-ups and the clock read of an entry.
    #[inline(always)]
    pub(crate) fn prefetch(entry: *const Self) {
        // Not the first bytes: with many keys and values they lie in another cache line. The address is only a guess.
        prefetch(entry.wrapping_byte_add(std::mem::offset_of!(Self, usage)));
    }

    /// Whether no clear has ended the entry.
    #[inline(always)]
    pub(crate) fn is_of(&self, generation: u16) -> bool {
        self.usage.generation() == generation || cfg!(tux_fault = "clear-not-seen")
    }

    /// Records a use, if the entry is live and was not cleared before the era with this [`steady`](super::clock::Era::steady)
    /// word.
    ///
    /// Only uses of live entries are recorded, and a live entry stays live: so whoever finds the most uses recorded need not
    /// look at the phase; nor at the generation, by U1.
    #[inline(always)]
    pub(crate) fn use_if_live(&self, steady: u32) -> bool {
        self.is_steady(steady) || {
            let live = self.is_of(Usage::generation_of(steady)) && self.is_live();
            if live {
                self.usage.touch(steady);
            }
            live
        }
    }

    /// [`Usage::is_steady`].
    #[inline(always)]
    fn is_steady(&self, steady: u32) -> bool {
        const { assert!(std::mem::offset_of!(Self, usage) == USAGE) };
        // SAFETY: the word of `usage` stands there.
        unsafe { holds::<_, USAGE>(self, steady, || self.usage.is_steady(steady)) }
    }

    /// Drops key and value, the key also when the drop of the value panics; the memory stays.
    ///
    /// # Safety
    ///
    /// The entry is the caller's alone, has its value, and is not used afterwards.
    pub(crate) unsafe fn drop_parts(entry: *mut Self) {
        struct DropKey<K, V>(*mut Entry<K, V>);
        impl<K, V> Drop for DropKey<K, V> {
            fn drop(&mut self) {
                // SAFETY: the caller's entry; its key is dropped here only.
                unsafe { Entry::drop_key(self.0) }
            }
        }
        let _key = DropKey(entry);
        // SAFETY: by the contract.
        unsafe { ManuallyDrop::drop(&mut (*entry).value) }
    }

    /// Drops the key of an entry whose value has been taken out.
    ///
    /// # Safety
    ///
    /// As for [`drop_parts`](Self::drop_parts), but for the value.
    pub(crate) unsafe fn drop_key(entry: *mut Self) {
        // SAFETY: by the contract.
        unsafe { std::ptr::drop_in_place(&raw mut (*entry).key) }
    }
}
