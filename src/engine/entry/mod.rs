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
//! LIVE entries only. A LIVE entry stays LIVE for ever; it dies when its lane word changes. LIVE is in two parts: an entry is
//! *settled* as soon as the source of its room does not name it any longer (see `bounded::settle`).

pub(crate) mod layout;
pub(crate) mod queue_flags;
pub(crate) mod slab;
mod state;

pub(crate) use self::state::{Phase, PhaseWord};

use self::layout::{Aside, Blocks};
use self::queue_flags::{IN_M, inherited};
use crate::engine::arch::holds;
use crate::engine::arch::zeros::prefetch;
use crate::sync::{Ordering, Witness, advice};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// A hash: the top bits choose the home bucket, the low ones are the lane tag. Always odd, as tags are (see
/// [`Word`](crate::engine::table::word::Word)).
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

/// Clear generation of an entry (the high 16 bits, which never change) and what the clock keeps of its use: counter (2 bits)
/// and last access (14 bits, in epochs).
///
/// **U1** Every value of the word has the entry's own generation: who writes it changes the low half of what it has
/// read. So an entry whose word equals [`Era::steady`](crate::engine::policy::Era::steady) is of the current generation (of which entries 2^16
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
    mark: u16,
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

    /// Whether the entry belongs to M, and its position in the ring if not.
    #[inline(always)]
    pub(crate) fn queue(&self) -> (bool, u32) {
        (self.is_in_m(), self.aux)
    }

    /// That of the entry that another one overwrites.
    #[inline(always)]
    pub(crate) fn of<K, V>(old: &Entry<K, V>) -> Self {
        let queue = inherited(old.queue.load(Ordering::Relaxed));
        Self {
            queue,
            recent: old.usage.get_recent(),
            mark: old.mark.load(Ordering::Relaxed),
            // An entry of M has no place in the ring; and an unsettled entry's number is that of the lane its room came from.
            aux: if queue & IN_M == 0 && old.phase.is_settled() {
                old.aside().aux.load(Ordering::Acquire)
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

/// A key and its value, with what a hit asks of them and what the clock asks most (16 bytes). The rest is its [`Aside`].
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<K, V> {
    pub(crate) phase: PhaseWord,
    /// Queue and ghost flags of the clock.
    pub(crate) queue: advice::AtomicU8,
    /// The clock's time stamp: when it entered its queue, or began its lap. An epoch.
    pub(crate) mark: advice::AtomicU16,
    pub(crate) usage: Usage,
    pub(crate) deadline: Deadline,
    pub(crate) key: K,
    /// Dropped with the entry, unless its owner took it out again before it ever went live.
    pub(crate) value: ManuallyDrop<V>,
    pub(crate) witness: Witness,
    #[cfg(tux_loom)]
    aside: Aside,
}

/// An entry that has no place yet.
pub(crate) struct Newcomer<K, V> {
    entry: Entry<K, V>,
    #[cfg(not(tux_loom))]
    aside: Aside,
}

impl<K, V> Newcomer<K, V> {
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
        let aside = Aside::new(hash, standing.aux);
        let entry = Entry {
            phase: PhaseWord::new(phase),
            queue: advice::AtomicU8::new(standing.queue),
            mark: advice::AtomicU16::new(standing.mark),
            usage: Usage::new(standing.recent, due.generation),
            deadline: due.deadline,
            key,
            value: ManuallyDrop::new(value),
            witness: Witness::new(),
            #[cfg(tux_loom)]
            aside,
        };
        Self {
            entry,
            #[cfg(not(tux_loom))]
            aside,
        }
    }

    /// Puts it there; where its aside is.
    ///
    /// # Safety
    ///
    /// It is memory for an entry, from the [slab](self::slab) or of [`Blocks::alone`], and the caller's alone.
    #[inline(always)]
    pub(crate) unsafe fn write(self, memory: *mut Entry<K, V>) -> *const Aside {
        // SAFETY: by the contract; such memory has room for the aside, too.
        unsafe {
            #[cfg(not(tux_loom))]
            let aside = Blocks::aside(memory);
            #[cfg(not(tux_loom))]
            aside.cast_mut().write(self.aside);
            memory.write(self.entry);
            #[cfg(tux_loom)]
            let aside = &raw const (*memory).aside;
            aside
        }
    }
}

/// Where an entry of any key and value has its [`Usage`].
const USAGE: usize = std::mem::offset_of!(Entry<(), ()>, usage);

impl<K, V> Entry<K, V> {
    /// The rest of the entry. (No entry is ever shared that lies elsewhere than where [`Newcomer::write`] has put it.)
    #[inline(always)]
    pub(crate) fn aside(&self) -> &Aside {
        #[cfg(tux_loom)]
        return &self.aside;
        // SAFETY: written before the entry could be shared, and there as long as it is.
        #[cfg(not(tux_loom))]
        unsafe {
            &*Blocks::aside(self)
        }
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> Hash {
        self.aside().hash()
    }

    #[inline(always)]
    pub(crate) fn is_live(&self) -> bool {
        self.phase.is_live()
    }

    /// Asks the processor for what look-ups and the clock read of an entry.
    #[inline(always)]
    pub(crate) fn prefetch(entry: *const Self) {
        // The address is only a guess.
        prefetch(entry);
    }

    /// Asks the processor for what the clock reads of one that is to leave.
    #[inline(always)]
    pub(crate) fn prefetch_all(entry: *const Self) {
        Self::prefetch(entry);
        #[cfg(not(tux_loom))]
        Blocks::prefetch(entry);
    }

    /// Whether no clear has ended the entry.
    #[inline(always)]
    pub(crate) fn is_of(&self, generation: u16) -> bool {
        self.usage.generation() == generation || cfg!(tux_fault = "clear-not-seen")
    }

    /// Records a use, if the entry is live and was not cleared before the era with this [`steady`](crate::engine::policy::Era::steady)
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

#[cfg(all(test, not(tux_loom)))]
mod tests;
