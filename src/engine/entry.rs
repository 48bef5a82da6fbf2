//! One cached key and value, and the word by which a table lane names it.
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

use crate::sync::{AtomicBool, AtomicU8, AtomicU32, Ordering, Witness, advice};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// A hash, split into what the table needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash {
    /// Chooses the home bucket.
    pub(crate) home: u32,
    /// Chooses the hint byte and the lane tag.
    pub(crate) low: u32,
}

impl Hash {
    #[inline(always)]
    pub(crate) fn new(hash: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the halves of a u64")]
        Self {
            home: (hash >> 32) as u32,
            low: hash as u32,
        }
    }

    /// The 16 bits that stand beside the address in a lane word.
    #[inline(always)]
    pub(crate) fn tag(self) -> u16 {
        (self.low >> 16) as u16
    }

    /// The byte that stands in a bucket's hint word.
    #[inline(always)]
    pub(crate) fn hint(self) -> u8 {
        (self.low & 0xff) as u8
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

/// Use counter (2 bits) and last access (30 bits, in the clock's epochs).
///
/// All accesses are Relaxed: the word is advice to the eviction clock. A lost update costs one use.
#[derive(Debug)]
pub(crate) struct Usage(advice::AtomicU32);

impl Usage {
    pub(crate) const MAX_USES: u32 = 3;
    /// Epochs are kept modulo 2^30.
    pub(crate) const MAX_EPOCH: u32 = u32::MAX >> 2;

    #[inline]
    pub(crate) fn new(uses: u32, epoch: u32) -> Self {
        Self(advice::AtomicU32::new(uses | epoch << 2))
    }

    /// What [`touch`](Self::touch) leaves alone: used often enough, and in this epoch.
    #[inline]
    pub(crate) fn steady(epoch: u32) -> u32 {
        epoch << 2 | Self::MAX_USES
    }

    /// Whether [`touch`](Self::touch) would change nothing.
    #[inline(always)]
    pub(crate) fn is_steady(&self, steady: u32) -> bool {
        self.0.load(Ordering::Relaxed) == steady
    }

    /// Records a hit; stores only if something changes, which in steady state it does not.
    #[inline(always)]
    pub(crate) fn touch(&self, steady: u32) {
        let old = self.0.load(Ordering::Relaxed);
        if old != steady {
            let missing = (Self::MAX_USES - (old & Self::MAX_USES)).saturating_sub(1);
            self.0.store(steady - missing, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn uses(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & Self::MAX_USES
    }

    #[inline]
    pub(crate) fn last_access(&self) -> u32 {
        self.0.load(Ordering::Relaxed) >> 2
    }

    #[inline]
    pub(crate) fn set_uses(&self, uses: u32) {
        let old = self.0.load(Ordering::Relaxed);
        self.0
            .store(old & !Self::MAX_USES | uses, Ordering::Relaxed);
    }

    fn copy_from(&self, other: &Self) {
        self.0
            .store(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Deadline (high 48 bits) and clear generation (low 16 bits) of an entry. Never changes after publication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due(u64);

impl Due {
    #[inline(always)]
    pub(crate) fn new(deadline: Deadline, generation: u16) -> Self {
        Self(deadline.bits() << 16 | u64::from(generation))
    }

    #[inline(always)]
    pub(crate) fn deadline(self) -> Deadline {
        Deadline::from_bits(self.0 >> 16)
    }

    /// Neither expired at tick `now` nor older than the last clear.
    #[inline(always)]
    pub(crate) fn is_current(self, now: u64, generation: u16) -> bool {
        let deadline = self.deadline();
        (self.is_of(generation) || cfg!(tux_fault = "clear-not-seen")) && !deadline.has_passed(now)
    }

    #[inline(always)]
    pub(crate) fn is_of(self, generation: u16) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low half-word is the generation"
        )]
        let own = self.0 as u16;
        own == generation
    }
}

/// A key and its value with what the table, the clock and the expiry index know of them (32 bytes).
///
/// What a hit reads stands together at the end: for small keys and values it is 32 bytes, mostly in one cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<K, V> {
    /// The clock's time stamp: when it entered its queue, or began its lap.
    pub(crate) mark: advice::AtomicU32,
    /// Until settled: the lane the room comes from. Afterwards: the position in the ring of new entries.
    pub(crate) aux: AtomicU32,
    pub(crate) hash: Hash,
    pub(crate) phase: PhaseWord,
    /// The source of this entry's room no longer names it (see `bounded::settle`).
    pub(crate) settled: AtomicBool,
    /// Queue and ghost flags of the clock.
    pub(crate) queue: advice::AtomicU8,
    pub(crate) usage: Usage,
    pub(crate) due: Due,
    pub(crate) key: K,
    /// Dropped with the entry, unless its owner took it out again before it ever went live.
    pub(crate) value: ManuallyDrop<V>,
    pub(crate) witness: Witness,
}

impl<K, V> Entry<K, V> {
    #[inline]
    pub(crate) fn new(phase: Phase, hash: Hash, due: Due, key: K, value: V) -> Self {
        Self {
            phase: PhaseWord::new(phase),
            settled: AtomicBool::new(phase == Phase::Live),
            queue: advice::AtomicU8::new(0),
            usage: Usage::new(0, 0),
            mark: advice::AtomicU32::new(0),
            aux: AtomicU32::new(u32::MAX),
            hash,
            due,
            key,
            value: ManuallyDrop::new(value),
            witness: Witness::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        self.phase.load() == Phase::Live
    }

    /// Records a use, if the entry is live.
    ///
    /// Only uses of live entries are recorded, and a live entry stays live: so whoever finds the most uses recorded need not
    /// look at the phase.
    #[inline(always)]
    pub(crate) fn use_if_live(&self, steady: u32) -> bool {
        self.usage.is_steady(steady) || {
            let live = self.is_live();
            if live {
                self.usage.touch(steady);
            }
            live
        }
    }

    /// Takes over what the clock knows of the entry that this one overwrites.
    pub(crate) fn inherit(&self, old: &Self) {
        self.queue
            .store(old.queue.load(Ordering::Relaxed), Ordering::Relaxed);
        self.usage.copy_from(&old.usage);
        self.mark
            .store(old.mark.load(Ordering::Relaxed), Ordering::Relaxed);
        // Acquire: an unsettled entry's number is that of the lane its room came from, not a place in the ring.
        if old.settled.load(Ordering::Acquire) {
            self.aux
                .store(old.aux.load(Ordering::Acquire), Ordering::Relaxed);
        }
    }
}

/// What a table lane holds: an address, a tag of the hash beside it and, in the two low bits, what it means.
pub(crate) struct Word<K, V>(pub(crate) *mut Entry<K, V>);

impl<K, V> Clone for Word<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Word<K, V> {}
impl<K, V> PartialEq for Word<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// The meaning of a [`Word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Free.
    Empty,
    /// The entry's place in the table.
    Entry,
    /// The last occupant is gone; its room is on its way to this entry.
    Moved,
    /// This entry is gone; its room is on its way back to the ledger.
    Leaving,
}

const ADDRESS: usize = 0x0000_ffff_ffff_fff8;
const KIND: usize = 0b111;
const ENTRY: usize = 0b001;
const MOVED: usize = 0b010;
const LEAVING: usize = 0b100;
const TAG: u32 = 48;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("tux-cache packs 16 tag bits into 64-bit lane words and needs a 64-bit target");

impl<K, V> Word<K, V> {
    pub(crate) const EMPTY: Self = Self(std::ptr::null_mut());

    fn pack(entry: *mut Entry<K, V>, bits: usize) -> Self {
        // User addresses above 48 bits appear only where a program asks the kernel for them.
        assert!(
            entry.addr() & !ADDRESS == 0,
            "entry allocated outside the 48-bit address space"
        );
        Self(entry.map_addr(|a| a | bits))
    }

    /// What the word of an entry with this hash has beside its address.
    #[inline(always)]
    fn mark(hash: Hash) -> usize {
        usize::from(hash.tag()) << TAG | ENTRY
    }

    pub(crate) fn entry(entry: *mut Entry<K, V>, hash: Hash) -> Self {
        Self::pack(entry, Self::mark(hash))
    }

    pub(crate) fn moved(to: *mut Entry<K, V>) -> Self {
        Self::pack(to, MOVED)
    }

    pub(crate) fn leaving(entry: *mut Entry<K, V>) -> Self {
        Self::pack(entry, LEAVING)
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.0.addr() & KIND {
            0 => Kind::Empty,
            ENTRY => Kind::Entry,
            MOVED => Kind::Moved,
            _ => Kind::Leaving,
        }
    }

    /// The entry this word is the place of, if it is one.
    ///
    /// # Safety
    ///
    /// As for [`deref`](Self::deref), but for the word's kind.
    #[inline(always)]
    pub(crate) unsafe fn occupant<'g>(self) -> Option<&'g Entry<K, V>> {
        // SAFETY: no other kind has this bit; the rest is the caller's contract.
        (self.0.addr() & ENTRY != 0).then(|| unsafe { self.deref() })
    }

    /// Whether this is the place of an entry whose hash has this tag.
    #[inline(always)]
    pub(crate) fn has_tag(self, hash: Hash) -> bool {
        (self.0.addr() ^ Self::mark(hash)) & !ADDRESS == 0
    }

    /// The entry this word is the place of, if its hash has this tag.
    ///
    /// # Safety
    ///
    /// As for [`deref`](Self::deref), but for the word's kind.
    #[inline(always)]
    pub(crate) unsafe fn tagged<'g>(self, hash: Hash) -> Option<&'g Entry<K, V>> {
        // SAFETY: an entry's word; the rest is the caller's contract.
        self.has_tag(hash).then(|| unsafe { self.deref() })
    }

    #[inline(always)]
    pub(crate) fn address(self) -> *mut Entry<K, V> {
        self.0.map_addr(|a| a & ADDRESS)
    }

    /// The entry this word names.
    ///
    /// # Safety
    ///
    /// The word is not empty, was loaded from a lane inside a guard that is still open, and `'g` is no longer than
    /// that guard (R2).
    #[inline(always)]
    pub(crate) unsafe fn deref<'g>(self) -> &'g Entry<K, V> {
        // SAFETY: by the contract the entry was reachable inside the guard, so by R3 it is not freed before the
        // guard is left; entries are only shared by reference once published.
        let entry = unsafe { &*self.address() };
        entry.witness.used();
        entry
    }
}
