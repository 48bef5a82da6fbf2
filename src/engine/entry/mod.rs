//! One cached key and value, with what the cache knows of them.
//!
//! # Life of an entry
//!
//! ```text
//!            publish in a slot           a permit is its own             the slot moves on
//!  private ───────────────────▶ PENDING ───────────────────▶ LIVE ─────────────────────────▶ retired
//!                                  │                                   (by whoever changed the slot)
//!                                  └──▶ OVERTAKEN | CANCELLED ───────────────────────────────▶ retired
//!                                       (by any thread)                             (by its owner alone)
//! ```
//!
//! The phase decides between PENDING → LIVE and PENDING → dead with one exchange, by whichever thread. Readers see
//! LIVE entries only. A LIVE entry stays LIVE for ever; it dies when its slot word changes. LIVE is in two parts: an entry is
//! *settled* as soon as the source of its permit does not name it any longer (see `bounded::settle`).

mod cold;
mod hash;
mod hasher;
pub(crate) mod layout;
pub(crate) mod queue_flags;
pub(crate) mod slab;
mod state;
mod usage;

#[cfg(not(tux_loom))]
pub(in crate::engine) use self::hash::hash_of;
pub use self::hasher::DefaultHasher;
pub(crate) use self::{
    cold::Cold,
    hash::Hash,
    state::{Phase, PhaseWord},
    usage::Usage,
};

use self::layout::EntryLayout;
use self::queue_flags::{IN_MAIN, inherited};
use crate::engine::arch::holds;
use crate::engine::arch::prefetch::prefetch;
use crate::sync::{Ordering, Witness, advice};
use crate::time::Deadline;
use std::mem::ManuallyDrop;

/// What the clock knows of an entry.
#[derive(Debug)]
pub(crate) struct PolicyMeta {
    pub(crate) queue: u8,
    recent: u16,
    mark: u16,
    aux: u32,
}

impl PolicyMeta {
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

    /// Whether the entry belongs to main.
    #[inline(always)]
    pub(crate) fn is_in_main(&self) -> bool {
        self.queue & IN_MAIN != 0
    }

    /// Whether the entry belongs to main, and its position in the ring if not.
    #[inline(always)]
    pub(crate) fn queue(&self) -> (bool, u32) {
        (self.is_in_main(), self.aux)
    }

    /// That of the entry that another one overwrites.
    #[inline(always)]
    pub(crate) fn of<K, V>(old: &Entry<K, V>) -> Self {
        let queue = inherited(old.queue.load(Ordering::Relaxed));
        Self {
            queue,
            recent: old.usage.get_recent(),
            mark: old.mark.load(Ordering::Relaxed),
            // An entry of main has no place in the ring; and an unsettled entry's number is that of the slot its permit came from.
            aux: if queue & IN_MAIN == 0 && old.phase.is_settled() {
                old.cold().aux.load(Ordering::Acquire)
            } else {
                u32::MAX
            },
        }
    }
}

/// How an entry ends by itself: at its deadline, or with its clear generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) deadline: Deadline,
    pub(crate) generation: u16,
}

/// A key and its value, with what a hit asks of them and what the clock asks most (16 bytes). The rest is its [`Cold`].
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
    cold: Cold,
}

/// An entry that has no place yet.
pub(crate) struct Newcomer<K, V> {
    entry: Entry<K, V>,
    #[cfg(not(tux_loom))]
    cold: Cold,
}

impl<K, V> Newcomer<K, V> {
    /// All at once: fields that are changed before the entry is moved to its place are written twice, and the processor waits
    /// for those that are moved in larger pieces than they were written in.
    #[inline(always)]
    pub(crate) fn new(
        phase: Phase,
        hash: Hash,
        lifetime: Lifetime,
        meta: PolicyMeta,
        key: K,
        value: V,
    ) -> Self {
        let cold = Cold::new(hash, meta.aux);
        let entry = Entry {
            phase: PhaseWord::new(phase),
            queue: advice::AtomicU8::new(meta.queue),
            mark: advice::AtomicU16::new(meta.mark),
            usage: Usage::new(meta.recent, lifetime.generation),
            deadline: lifetime.deadline,
            key,
            value: ManuallyDrop::new(value),
            witness: Witness::new(),
            #[cfg(tux_loom)]
            cold,
        };
        Self {
            entry,
            #[cfg(not(tux_loom))]
            cold,
        }
    }

    /// Puts it there; where its cold part is.
    ///
    /// # Safety
    ///
    /// It is memory for an entry, from the [slab](self::slab) or of [`EntryLayout::alone`], and the caller's alone.
    #[inline(always)]
    pub(crate) unsafe fn write(self, memory: *mut Entry<K, V>) -> *const Cold {
        // SAFETY: by the contract; such memory has room for the cold part, too.
        unsafe {
            #[cfg(not(tux_loom))]
            let cold = EntryLayout::cold(memory);
            #[cfg(not(tux_loom))]
            cold.cast_mut().write(self.cold);
            memory.write(self.entry);
            #[cfg(tux_loom)]
            let cold = &raw const (*memory).cold;
            cold
        }
    }
}

/// Where an entry of any key and value has its [`Usage`].
const USAGE: usize = std::mem::offset_of!(Entry<(), ()>, usage);

impl<K, V> Entry<K, V> {
    /// The rest of the entry. (No entry is ever shared that lies elsewhere than where [`Newcomer::write`] has put it.)
    #[inline(always)]
    pub(crate) fn cold(&self) -> &Cold {
        #[cfg(tux_loom)]
        return &self.cold;
        // SAFETY: written before the entry could be shared, and there as long as it is.
        #[cfg(not(tux_loom))]
        unsafe {
            &*EntryLayout::cold(self)
        }
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> Hash {
        self.cold().hash()
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
        EntryLayout::prefetch(entry);
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
