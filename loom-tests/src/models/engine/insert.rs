//! Insert against insert, removal and eviction of one key.

use super::race::race;

race! {
    /// Two threads set one absent key: one entry lives, at every step, and no set is dropped (I1, I2, I3).
    ///
    /// Seeded faults: `insert-no-rivals` (the search path is not looked at again after publishing),
    /// `insert-spares-pending` (a PENDING rival is not killed): two live entries of one key.
    two_inserts_of_one_key: "table::insert/insert", 2, KEEP;
        before [], a [Set(1, 2), Observe], b [Set(1, 1)]; then [Get(1), Len];
        allowed { [[], [], [Some(1 | 2), Some(1)]] }

    /// The same while a third thread counts the live entries (I1, I2, I3).
    two_inserts_of_one_key_observed: "table::insert/insert/observe", 1, KEEP;
        before [], a [Set(1, 2)], b [Set(1, 1)], c [Observe]; then [Get(1)];
        allowed { [[], [], [], [Some(1 | 2)]] }

    /// Insert against invalidation: what the invalidation finds is gone, what comes later stays; nothing is dropped
    /// twice (I2, I4).
    an_insert_against_an_invalidation: "table::insert/remove", 1, FREE;
        before [], a [Invalidate(1)], b [Set(1, 1), Get(1)]; then [Get(1)];
        allowed { [[Some(0)], [None | Some(1)], _] | [[Some(1)], [None | Some(1)], [None]] }

    /// At capacity 1 two inserts of different keys: each evicts or is evicted, one stays (I1, I3); both count, so one was
    /// evicted.
    an_insert_against_an_eviction: "table::insert/evict", 1, KEEP;
        before [], a [Set(2, 2), Resident], b [Set(1, 1)]; then [Observe, Len, Evictions];
        allowed { [[Some(0 | 1)], [], [Some(1), Some(1)]] }
}
