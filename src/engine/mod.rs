//! The cache itself: a lock-free TTL map with one global, size-bounded eviction policy.
//!
//! # The rooms, from the ground up
//!
//! | room | what it keeps, and where its invariants are |
//! |---|---|
//! | [`arch`] | all that names a processor or an allocator |
//! | [`entry`] | what an entry is, the states of its life, and where it lies in memory (P: [`entry::slab`], C: [`entry::queue_flags`], U: [`entry::Usage`]) |
//! | [`table`] | where an entry stands: buckets of seven slots, the words in them, look-ups |
//! | [`capacity`] | how many permits are in use, exactly (G) |
//! | [`expiry`] | which deadlines are due (X) |
//! | [`policy`] | who leaves (Q: [`policy`]'s `queue` and `small_queue`) |
//! | [`reclaim`] | when memory may be freed (R: [`reclaim`], D: [`reclaim::bag`], [`reclaim::supply`]) |
//! | [`threads`] | what each thread keeps: its place among the readers, and its part of each cache (D: [`threads::registry`]) |
//! | [`index`] | the three kinds of cache: without entries, with a bound (I: [`index::bounded`]), without one |
//! | [`api`] | what users call |
//!
//! A room names only rooms above it in this table; `tests/layering/engine.rs` sees to it.
//!
//! # Life of a get
//!
//! 1. The thread *pins* itself: one store to a line of its own, which keeps what it is about to see from being freed (R2). The same
//!    word has its number, by which it finds its part of the cache, [`Local`](threads::local::Local), where hits are counted.
//! 2. The hash says where the key's *home bucket* is, and has a *hint* byte and a *tag* of 16 bits. All hints of the bucket are compared at
//!    once; the first that is right leads to a slot, whose word has the tag and the address of the entry.
//! 3. The entry's key is compared, then its deadline with the tick, then one word that says that it is of the current generation (no
//!    `clear` since) and used as often as is counted. Only if it is not, its state is looked at and the use noted.
//! 4. The value is copied, and the pin left. Nothing shared was written.
//! 5. What is not found so is looked for by all tags of the home bucket, and behind it as far as its *displacements* say; what that leaves
//!    open, [`get_slow`](api) answers. A miss asks the processor for what the insert will need that mostly follows.
//!
//! # Life of a set
//!
//! 1. Leases out on the key are voided, before and after (I8). If the key lives, a new entry takes its place in the slot by one exchange, and
//!    its place in a queue; the old one is retired. Otherwise:
//! 2. The policy is told of an *arrival*, which looks the key up among the ghosts; if the cache is full, it chooses a victim.
//! 3. The entry is *published*: PENDING, in a free slot of its path. Then the path is looked over for others of the same key: of two
//!    inserts at once one sees the other and kills it, or is killed and starts again (I2, I3).
//! 4. It needs a *permit*, one of as many as the capacity is: a free one, or its victim's, which goes over in one exchange of the
//!    victim's slot, or is held by the thread on its way (I1). By that step it is LIVE.
//! 5. It waits in the small queue, or belongs to main (Q1); its deadline is noted in the expiry tree.
//! 6. Writes carry on what is to be done: a group of what has expired or was cleared, and what waits to be freed.
//!
//! # Life of an entry
//!
//! Its memory is a cell of the slab, from the thread's own pool. PENDING it may be killed by anybody; LIVE it stays live until its slot
//! changes: by an overwrite, an eviction, a removal or a sweep. Whoever changes the slot retires it (I4, R1) into a *bag* of its own
//! thread. Full bags are *sealed*: a heavy fence, and a look at who is pinned. When these have moved on (the grace period) key and value are
//! dropped, and the cell goes into a pool again. States and who decides them: [`entry`].
//!
//! # Words that are ours
//!
//! | word | nearest in the field | here |
//! |---|---|---|
//! | hint | control byte (Swiss table) | advice beside the slot's word, which counts; may be stale or lost |
//! | displacements | overflow count (F14), displacements (RocksDB) | how many entries went past a full bucket |
//! | permit | permit of a semaphore | the right to live, one of `capacity` |
//! | to help | helping (lock-free algorithms) | to carry out what another thread began and may not end |
//! | candidate, duel, horizon | LIRS | main's next victim; a new key's last use against the candidate's; how old a ghost may be |
//! | generation | epoch of a cache | how often the cache was cleared, modulo 2^16 |
//! | epoch | – | time of the policy: misses / (capacity / 16) |
//! | tick, stamp, lag | coarse clock | time of deadlines, in milliseconds; what a deadline is reckoned from; how late the ticker was |
//! | far, fast, unregistered | – | of a participant: without a place in the small array; with one; of no thread yet |
//! | bag, seal | bag (crossbeam-epoch) | what a thread has unlinked; to begin a bag's grace period |
//! | supply, budget | – | what the threads' parts of a cache share; how much may be unlinked and not freed |
//! | overtaken, voided | – | of a pending entry: killed by another of its key; of a lease: the key has changed since |

pub(crate) mod arch;
pub(crate) mod capacity;
pub(crate) mod entry;
pub(crate) mod expiry;
pub(crate) mod index;
pub(crate) mod policy;
pub(crate) mod reclaim;
pub(crate) mod table;
pub(crate) mod threads;

#[cfg(not(tux_loom))]
mod api;

#[cfg(all(not(tux_loom), feature = "backend"))]
pub(crate) use self::api::ValueRef;
#[cfg(not(tux_loom))]
pub use self::api::{Iter, Parts, Remaining, Stats, TtlCache, TtlCacheBuilder, Update, View};
pub use self::entry::DefaultHasher;
