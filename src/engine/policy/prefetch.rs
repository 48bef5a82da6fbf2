//! Memory that the processor is asked for before it is needed.

use super::*;

impl Policy {
    /// Asks the processor for what an insert of `hash` will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: Hash) {
        self.ghosts.prefetch(hash);
    }

    /// Asks the processor, when somebody has been chosen, for what the next evictions will need: first the bucket of an entry of
    /// small, then the entry, then the set of its ghost. Without it a large cache waits for these one after the other.
    #[inline(always)]
    pub(crate) fn look_ahead<K, V>(&self, table: &Table<K, V>, local: &PolicyLocal) {
        if !self.is_large || cfg!(tux_loom) {
            return;
        }
        let ahead = |others| local.taken.ahead(others);
        table.prefetch_slot(ahead(5));
        // SAFETY: eviction happens inside a guard, and nothing is kept.
        unsafe {
            if let Some(entry) = table.occupant(ahead(2)) {
                Entry::prefetch_all(entry);
            }
            if let Some(entry) = table.occupant(ahead(0)) {
                self.ghosts.prefetch(entry.hash());
            }
        }
    }

    /// The same for the hand, which comes to a new bucket: the entries of the next one, and the one after that.
    #[inline]
    pub(super) fn look_ahead_of_hand<K, V>(&self, table: &Table<K, V>, at: Slot) {
        if cfg!(tux_loom) {
            return;
        }
        let next = self.sweep_order.after(at.bucket());
        table.prefetch_entries(next);
        table.prefetch_slot(Slot::new(self.sweep_order.after(next), 0));
    }
}
