//! Changes that depend on what stands there, of each kind.

use super::Index;
use super::Write;
use super::version::{Seen, Version};
use crate::engine::entry::{Hash, hash_of};
use crate::engine::threads::current::Current;
use crate::engine::threads::local::Local;
use crate::lease::{Reached, Watch};
use crate::time::Deadline;
use papaya::Equivalent;
use std::hash::{BuildHasher, Hash as StdHash};

impl<K, V, S> Index<K, V, S>
where
    K: StdHash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// What `read` makes of a current entry, and which one it is: a use.
    pub(in crate::engine) fn look<Q, R>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<Seen<R>>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(hasher, bounded) => {
                let hash = hash_of(hasher, key);
                let _guard = current.participant().enter();
                bounded.look(hash, bounded.at(tick), |k| key.equivalent(k), read)
            }
            Self::Unbounded(map) => map.look(current, local, key, tick, read),
            Self::Nothing(..) => None,
        }
    }

    /// When a current entry ends. No use.
    pub(in crate::engine) fn deadline<Q>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        key: &Q,
        tick: u64,
    ) -> Option<Deadline>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(hasher, bounded) => {
                let hash = hash_of(hasher, key);
                let _guard = current.participant().enter();
                // SAFETY: the guard is open for as long as the entry is used.
                unsafe { bounded.peek(hash, bounded.at(tick), |k| key.equivalent(k)) }
                    .map(|entry| entry.deadline)
            }
            Self::Unbounded(map) => map
                .look(current, local, key, tick, |_| ())
                .map(|seen| seen.deadline),
            Self::Nothing(..) => None,
        }
    }

    /// Stores a value if the key has no current entry; otherwise hands it back.
    pub(in crate::engine) fn set_if_absent(
        &self,
        current: &Current,
        local: &Local<K, V>,
        write: Write<K, V>,
    ) -> Result<(), (K, V)> {
        let Write {
            hash,
            key,
            value,
            deadline,
            tick,
        } = write;
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.set_if_absent(local, hash, (key, value), deadline, tick)
            }
            Self::Unbounded(map) => {
                map.set_if_absent(current, local, hash, (key, value), deadline, tick)
            }
            Self::Nothing(_, leases) => {
                leases.void(hash.bits());
                Ok(())
            }
        }
    }

    /// Replaces the key's current entry if it has this version; otherwise hands the key back.
    pub(in crate::engine) fn replace_if(
        &self,
        current: &Current,
        local: &Local<K, V>,
        write: Write<K, V>,
        seen: Version,
        watch: &Watch,
    ) -> Result<(), K> {
        let Write {
            hash,
            key,
            value,
            deadline,
            tick,
        } = write;
        match self {
            Self::Bounded(_, bounded) => {
                let guard = current.participant().enter();
                let write = (key, value);
                let replaced = bounded.replace_if(local, hash, write, deadline, tick, seen, watch);
                drop(guard);
                // The value is dropped outside the guard.
                replaced.map_err(|(key, _)| key)
            }
            Self::Unbounded(map) => {
                map.replace_if(current, local, hash, (key, value), deadline, tick, seen)
            }
            // Nothing was seen here.
            Self::Nothing(..) => Err(key),
        }
    }

    /// Removes the key if its current entry has this version; whether it did.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one change, passed on once"
    )]
    pub(in crate::engine) fn remove_if(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &K,
        tick: u64,
        seen: Version,
        watch: &Watch,
    ) -> bool {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.remove_if(local, hash, tick, seen, watch, |k| k == key)
            }
            Self::Unbounded(map) => map.remove_version(current, local, hash, key, tick, seen),
            Self::Nothing(..) => false,
        }
    }

    /// Removes the key, and hands out what `read` makes of the value that went.
    pub(in crate::engine) fn take<Q, R>(
        &self,
        current: &Current,
        local: &Local<K, V>,
        hash: Hash,
        key: &Q,
        tick: u64,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R>
    where
        Q: Equivalent<K> + StdHash + ?Sized,
    {
        match self {
            Self::Bounded(_, bounded) => {
                let _guard = current.participant().enter();
                bounded.take(local, hash, tick, |k| key.equivalent(k), read)
            }
            Self::Unbounded(map) => map.take(current, local, hash, key, tick, read),
            Self::Nothing(_, leases) => {
                leases.void(hash.bits());
                None
            }
        }
    }

    /// Removes the current entries that are not to be kept, and voids all leases; how many went. `between` is called outside guards.
    pub(in crate::engine) fn retain(
        &self,
        current: &Current,
        local: &Local<K, V>,
        tick: u64,
        mut keep: impl FnMut(&K, &V) -> bool,
        between: impl Fn(),
    ) -> usize {
        match self {
            Self::Bounded(_, bounded) => {
                bounded.void_reached(Reached::Everything);
                let mut count = 0;
                for group in 0..bounded.groups() {
                    // A guard a group, so that a long walk holds nothing back.
                    let guard = current.participant().enter();
                    count += bounded.retain(local, group, tick, &mut keep);
                    drop(guard);
                    between();
                }
                bounded.void_reached(Reached::Everything);
                count
            }
            Self::Unbounded(map) => map.retain(current, local, tick, keep),
            Self::Nothing(_, leases) => {
                leases.void_reached(Reached::Everything);
                0
            }
        }
    }
}
