//! Who is evicted becomes a ghost.

use super::*;

impl Policy {
    /// An entry is about to be evicted: if it is of small it becomes a ghost. (Mostly nobody else has chosen it too, as several
    /// threads may choose one of main. If it stays nevertheless, its ghost is one too many.)
    #[inline(always)]
    pub(crate) fn remember<K, V>(&self, entry: &Entry<K, V>, hash: Hash, local: &PolicyLocal) {
        if entry.queue.load(Ordering::Relaxed) & IN_MAIN == 0 {
            if local.small_evictions.count(self.count) {
                self.count_evictions(true);
            }
            self.record_ghost(entry, hash, true);
        }
    }

    /// An entry was evicted: if it was of main it becomes a ghost.
    #[inline(always)]
    pub(crate) fn evicted<K, V>(&self, entry: &Entry<K, V>, local: &PolicyLocal) {
        let flags = self.leave(entry);
        if flags & IN_MAIN != 0 {
            self.evicted_from_m(entry, flags, local);
        }
    }

    #[inline(never)]
    fn evicted_from_m<K, V>(&self, entry: &Entry<K, V>, flags: u8, local: &PolicyLocal) {
        if local.m_evictions.count(self.count) {
            self.count_evictions(false);
        }
        if flags & OLD != 0 {
            self.widen(-1);
        }
        self.record_ghost(entry, entry.hash(), false);
    }

    #[inline(always)]
    fn record_ghost<K, V>(&self, entry: &Entry<K, V>, hash: Hash, from_small: bool) {
        let stamp = GhostStamp(self.adaptive.stamp.load(Ordering::Relaxed));
        self.ghosts
            .remember(hash, from_small, entry.usage.last_access(), stamp);
    }

    /// A thread counts so many more.
    #[inline(never)]
    fn count_evictions(&self, from_small: bool) {
        let count = |word: &AtomicU64| {
            let sum = word.load(Ordering::Relaxed).wrapping_add(self.count.into());
            word.store(sum, Ordering::Relaxed);
        };
        count(&self.adaptive.evictions);
        if from_small {
            count(&self.adaptive.small_evictions);
        }
        let now = self.dates();
        self.adaptive.stamp.store(
            self.ghosts.stamp(now.evictions, now.small_evictions).0,
            Ordering::Relaxed,
        );
    }
}
