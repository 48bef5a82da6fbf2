//! What a hit costs with less than a cache has: no statistics, no clears, no reclaiming, no eviction; one thread, and keys that
//! stay. They are timed so that a ratio to hashbrown can be told from what the checks of any cache cost on this
//! processor, and from what two places to look at do.

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence},
};

use memmap2::MmapMut;

/// A table that is filled once, and a hit in two parts: the guard, and what happens inside it.
pub trait Bound: Sized {
    /// A table of these keys, each of which comes once, and values.
    ///
    /// # Errors
    /// The system's own text when there is no memory for it.
    fn of(pairs: impl ExactSizeIterator<Item = (u64, u64)>) -> Result<Self, String>;
    /// What a reader tells those who would free memory.
    fn reader(&self) -> &Reader;
    /// The value; the caller is inside.
    fn get_inside(&self, key: &u64) -> Option<u64>;

    /// Runs `look` inside the guard.
    #[inline(always)]
    fn inside<R>(&self, look: impl FnOnce() -> R) -> R {
        let inside = &self.reader().inside;
        inside.store(1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let found = look();
        inside.store(0, Ordering::Release);
        found
    }
}

/// A thread's guard, which is two plain stores, and what an entry is compared with.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Reader {
    inside: AtomicUsize,
    tick: AtomicU64,
    steady: AtomicU32,
}

/// How long an entry lives, and how much it was used.
#[derive(Debug)]
struct Stamp {
    deadline: AtomicU64,
    usage: AtomicU32,
}

impl Stamp {
    fn new() -> Self {
        Self {
            deadline: AtomicU64::new(3_600_000),
            usage: AtomicU32::new(0),
        }
    }

    /// Whether the time is not up; counts a use, which is nothing to store once it was counted.
    #[inline(always)]
    fn is_current(&self, reader: &Reader) -> bool {
        let current = self.deadline.load(Ordering::Relaxed) > reader.tick.load(Ordering::Relaxed);
        let steady = reader.steady.load(Ordering::Relaxed);
        if self.usage.load(Ordering::Relaxed) != steady {
            self.usage.store(steady, Ordering::Relaxed);
        }
        current
    }
}

/// hashbrown with a deadline and a use counter beside each value, which makes 32 bytes of an entry, and the guard around the
/// look-up: about the least that a concurrent cache has to do besides.
#[derive(Debug)]
pub struct Stamped {
    map: hashbrown::HashMap<u64, (u64, Stamp), ahash::RandomState>,
    reader: Reader,
}

impl Bound for Stamped {
    fn of(pairs: impl ExactSizeIterator<Item = (u64, u64)>) -> Result<Self, String> {
        let (size, hasher) = (pairs.len(), ahash::RandomState::new());
        let mut map = hashbrown::HashMap::with_capacity_and_hasher(size, hasher);
        map.extend(pairs.map(|(key, value)| (key, (value, Stamp::new()))));
        let reader = Reader::default();
        Ok(Self { map, reader })
    }

    #[inline(always)]
    fn reader(&self) -> &Reader {
        &self.reader
    }

    #[inline(always)]
    fn get_inside(&self, key: &u64) -> Option<u64> {
        let (value, stamp) = self.map.get(key)?;
        stamp.is_current(&self.reader).then_some(*value)
    }
}

/// Lanes of a bucket.
const LANES: usize = 7;

/// A cache line with seven places for entries, and a byte of each one's hash.
#[derive(Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// The eighth is set when an entry went past this bucket.
    hints: [u8; 8],
    lanes: [*const Entry; LANES],
}

#[derive(Debug)]
#[repr(C)]
struct Entry {
    stamp: Stamp,
    key: u64,
    value: u64,
}

/// The engine's look-up in its shape, and nothing else of the engine: buckets of hints and addresses, entries of 32 bytes
/// elsewhere, as many of both for a capacity as the engine has, all in huge pages.
#[derive(Debug)]
pub struct Bare {
    hasher: ahash::RandomState,
    buckets: Huge<Bucket>,
    /// What the lanes point to.
    _entries: Huge<Entry>,
    reader: Reader,
}

impl Bare {
    #[inline(always)]
    fn home(hash: u64, buckets: usize) -> usize {
        ((u128::from(hash) * buckets as u128) >> 64) as usize
    }
}

impl Bucket {
    /// The lanes whose hint is the byte that the hash has for them.
    #[inline(always)]
    fn matching(&self, hash: u64) -> u32 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 processor has SSE2.
        let equal = unsafe {
            use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_movemask_epi8};
            let hints = _mm_cvtsi64_si128(i64::from_ne_bytes(self.hints));
            let equal = _mm_cmpeq_epi8(hints, _mm_cvtsi64_si128(hash.cast_signed()));
            _mm_movemask_epi8(equal).cast_unsigned()
        };
        #[cfg(not(target_arch = "x86_64"))]
        let equal = {
            let pairs = self.hints.iter().zip(hash.to_ne_bytes()).enumerate();
            pairs.fold(0, |all, (at, (hint, byte))| {
                all | u32::from(*hint == byte) << at
            })
        };
        equal & ((1 << LANES) - 1)
    }
}

impl Bound for Bare {
    fn of(pairs: impl ExactSizeIterator<Item = (u64, u64)>) -> Result<Self, String> {
        let size = pairs.len();
        let mut buckets = Huge::<Bucket>::new((2 * size).div_ceil(LANES) + 1)?;
        let mut entries = Huge::<Entry>::new(size)?;
        let (hasher, all) = (ahash::RandomState::new(), buckets.len());
        for (entry, (key, value)) in entries.iter_mut().zip(pairs) {
            let stamp = Stamp::new();
            *entry = Entry { stamp, key, value };
            let hash = hasher.hash_one(key);
            let mut at = Self::home(hash, all);
            // There are twice as many lanes as entries.
            let lane = loop {
                if let Some(lane) = buckets[at].lanes.iter().position(|lane| lane.is_null()) {
                    break lane;
                }
                buckets[at].hints[LANES] = 1;
                at = (at + 1) % all;
            };
            buckets[at].lanes[lane] = entry;
            buckets[at].hints[lane] = hash.to_ne_bytes()[lane];
        }
        Ok(Self {
            hasher,
            buckets,
            _entries: entries,
            reader: Reader::default(),
        })
    }

    #[inline(always)]
    fn reader(&self) -> &Reader {
        &self.reader
    }

    #[inline(always)]
    fn get_inside(&self, key: &u64) -> Option<u64> {
        let hash = self.hasher.hash_one(key);
        let mut at = Self::home(hash, self.buckets.len());
        loop {
            // SAFETY: below the number of buckets.
            let bucket = unsafe { self.buckets.get_unchecked(at) };
            let mut found = bucket.matching(hash);
            while found != 0 {
                // SAFETY: null (a hash's byte may be zero, as an empty lane's is) or an entry of ours; nobody writes any more
                // but through what is atomic.
                let entry = unsafe { bucket.lanes[found.trailing_zeros() as usize].as_ref() };
                if let Some(entry) = entry
                    && entry.key == *key
                {
                    return entry.stamp.is_current(&self.reader).then_some(entry.value);
                }
                found &= found - 1;
            }
            if bucket.hints[LANES] == 0 {
                return None;
            }
            at = (at + 1) % self.buckets.len();
        }
    }
}

/// A slice in huge pages, where the system has them.
#[derive(Debug)]
struct Huge<T> {
    memory: MmapMut,
    len: usize,
    values: PhantomData<T>,
}

/// Types of which zero bytes are a value.
///
/// # Safety
/// So it is, and nothing is to be dropped.
unsafe trait Zero {}
// SAFETY: hints of zero and null addresses.
unsafe impl Zero for Bucket {}
// SAFETY: numbers.
unsafe impl Zero for Entry {}

impl<T: Zero> Huge<T> {
    /// So many zeros.
    fn new(len: usize) -> Result<Self, String> {
        let bytes = len.max(1) * size_of::<T>();
        let memory = MmapMut::map_anon(bytes).map_err(|e| format!("{bytes} bytes: {e}"))?;
        // Advice: without huge pages it is slower.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        Ok(Self {
            memory,
            len,
            values: PhantomData,
        })
    }
}

impl<T: Zero> Deref for Huge<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: pages, which are aligned for any of these types, of so many values, zero at first.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}

impl<T: Zero> DerefMut for Huge<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds_all_and_nothing_else<B: Bound>() {
        let pairs = (0..5_000_u32).map(|key| (u64::from(key) * 7, u64::from(key)));
        let table = B::of(pairs.clone()).unwrap();
        for (key, value) in pairs {
            assert_eq!(table.inside(|| table.get_inside(&key)), Some(value));
            assert_eq!(table.get_inside(&(key + 1)), None);
        }
        // A time that is up.
        table.reader().tick.store(3_600_000, Ordering::Relaxed);
        assert_eq!(table.get_inside(&7), None);
        assert_eq!(table.reader().inside.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_timed_looks_at_key_and_time() {
        finds_all_and_nothing_else::<Stamped>();
        finds_all_and_nothing_else::<Bare>();
    }

    #[test]
    fn entries_are_as_large_as_the_engines() {
        assert_eq!(size_of::<(u64, (u64, Stamp))>(), 32);
        assert_eq!((size_of::<Entry>(), size_of::<Bucket>()), (32, 64));
    }
}
