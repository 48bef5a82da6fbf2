//! One cache line of the table.

use super::SLOTS;
use super::word::Word;
use crate::engine::arch::prefetch::prefetch;
use crate::engine::entry::{Entry, Hash};
use crate::sync::Zeroed;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// What stands in a slot.
pub(super) struct SlotWord<K, V>(AtomicPtr<Entry<K, V>>);

impl<K, V> SlotWord<K, V> {
    #[inline(always)]
    pub(super) fn load(&self, order: Ordering) -> Word<K, V> {
        Word(self.0.load(order))
    }

    /// Changes it from `from` to `to`, if it still is `from`. Words with an address are unique while the caller's guard is
    /// open, so there is no ABA.
    #[inline(always)]
    pub(super) fn exchange(&self, from: Word<K, V>, to: Word<K, V>) -> bool {
        // SeqCst (which includes Release of the entry's fields): the Dekker pair of two inserts of one key.
        let order = if cfg!(tux_fault = "publish-relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::SeqCst
        };
        self.0
            .compare_exchange(from.0, to.0, order, Ordering::Relaxed)
            .is_ok()
    }
}

#[repr(C, align(64))]
pub(super) struct Bucket<K, V> {
    pub(super) hints: AtomicU64,
    pub(super) slots: [SlotWord<K, V>; SLOTS],
}

impl<K, V> Bucket<K, V> {
    /// Writes the hint byte of a slot. Plain load and store: a lost hint only costs a slower hit or insert.
    #[inline(always)]
    pub(super) fn set_hint(&self, position: usize, of: u64) {
        let byte = 0xff << (position * 8);
        let old = self.hints.load(Ordering::Relaxed);
        let new = old & !byte | of & byte;
        if new != old {
            self.hints.store(new, Ordering::Relaxed);
        }
    }
}

// SAFETY: zero hints and null pointers: an empty bucket.
unsafe impl<K, V> Zeroed for Bucket<K, V> {
    #[cfg(tux_loom)]
    fn zero() -> Self {
        let empty = |_| SlotWord(AtomicPtr::new(std::ptr::null_mut()));
        Self {
            hints: AtomicU64::new(0),
            slots: std::array::from_fn(empty),
        }
    }
}

/// Where the search path of a hash begins.
pub(crate) struct Home<'t, K, V> {
    pub(super) hash: Hash,
    /// The number of the bucket.
    pub(super) at: usize,
    pub(super) bucket: &'t Bucket<K, V>,
}

impl<K, V> Clone for Home<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Home<'_, K, V> {}

impl<K, V> Home<'_, K, V> {
    #[inline(always)]
    pub(crate) fn hash(self) -> Hash {
        self.hash
    }

    /// Asks the processor for the bucket.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.bucket);
    }

    /// The number of the bucket.
    #[inline(always)]
    pub(crate) fn at(self) -> usize {
        self.at
    }
}
