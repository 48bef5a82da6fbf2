//! Who is evicted becomes a ghost.

use super::*;

impl Clock {
    /// An entry is about to be evicted: if it is of S it becomes a ghost. (Mostly nobody else has chosen it too, as several
    /// threads may choose one of M. If it stays nevertheless, its ghost is one too many.)
    #[inline(always)]
    pub(crate) fn remember<K, V>(&self, entry: &Entry<K, V>, hash: Hash, part: &Part) {
        if entry.queue.load(Ordering::Relaxed) & IN_M == 0 {
            if part.s_evictions.count(self.count) {
                self.count_evictions(true);
            }
            self.haunt(entry, hash, true);
        }
    }

    /// An entry was evicted: if it was of M it becomes a ghost.
    #[inline(always)]
    pub(crate) fn evicted<K, V>(&self, entry: &Entry<K, V>, part: &Part) {
        let flags = self.leave(entry);
        if flags & IN_M != 0 {
            self.evicted_from_m(entry, flags, part);
        }
    }

    #[inline(never)]
    fn evicted_from_m<K, V>(&self, entry: &Entry<K, V>, flags: u8, part: &Part) {
        if part.m_evictions.count(self.count) {
            self.count_evictions(false);
        }
        if flags & OLD != 0 {
            self.widen(-1);
        }
        self.haunt(entry, entry.hash(), false);
    }

    #[inline(always)]
    fn haunt<K, V>(&self, entry: &Entry<K, V>, hash: Hash, from_s: bool) {
        let stamp = Stamp(self.mood.stamp.load(Ordering::Relaxed));
        self.ghosts
            .remember(hash, from_s, entry.usage.last_access(), stamp);
    }

    /// A thread counts so many more.
    #[inline(never)]
    fn count_evictions(&self, from_s: bool) {
        let count = |word: &AtomicU64| {
            let sum = word.load(Ordering::Relaxed).wrapping_add(self.count.into());
            word.store(sum, Ordering::Relaxed);
        };
        count(&self.mood.evictions);
        if from_s {
            count(&self.mood.s_evictions);
        }
        let now = self.dates();
        self.mood.stamp.store(
            self.ghosts.stamp(now.evictions, now.s_evictions).0,
            Ordering::Relaxed,
        );
    }
}
