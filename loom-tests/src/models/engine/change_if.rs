//! Changes that depend on what stands there, against each other and against all that may come in between (V1 to V4).
//!
//! The answer of an `Update` is what it saw when it came through, that of a `SetIfAbsent` whether it did, that of a `Take` the value.

use super::race::race;

race! {
    /// Two updates of a live key: the later one sees the earlier one's value (V1).
    ///
    /// Seeded fault: `change-unseen` (an entry that is another one than was seen is replaced all the same).
    two_updates_of_one_entry: "change/update/update", 2, FREE;
        before [Set(1, 0)], a [Update(1, 2)], b [Update(1, 1)]; then [Get(1)];
        allowed { [[Some(0)], [Some(2)], [Some(1)]] | [[Some(1)], [Some(0)], [Some(2)]] }

    /// The same of an absent key (V1, V4).
    two_updates_of_an_absent_key: "change/update/update, absent", 2, KEEP;
        before [], a [Update(1, 2)], b [Update(1, 1)]; then [Get(1), Len];
        allowed {
            [[None], [Some(2)], [Some(1), Some(1)]] | [[Some(1)], [None], [Some(2), Some(1)]]
        }

    /// Of two inserts if absent exactly one comes through (V1, V4).
    ///
    /// Seeded fault: `absent-killed-is-done` (one that a rival killed counts as done).
    two_inserts_if_absent: "change/set if absent/set if absent", 2, KEEP;
        before [], a [SetIfAbsent(1, 2)], b [SetIfAbsent(1, 1)]; then [Get(1), Len];
        allowed {
            [[Some(1)], [Some(0)], [Some(2), Some(1)]] | [[Some(0)], [Some(1)], [Some(1), Some(1)]]
        }

    /// An insert if absent that began before a clear does not take what has come since for dead (V1, V4).
    ///
    /// Seeded fault: `absent-old-era`.
    an_insert_if_absent_against_a_clear_and_another: "change/set if absent/clear, set if absent", 2, KEEP;
        before [], a [SetIfAbsent(1, 1)], b [Clear, SetIfAbsent(1, 2)]; then [Get(1)];
        allowed {
            [[Some(0)], [Some(1)], [Some(2)]] | [[Some(1)], [Some(1)], [Some(2)]] | [[Some(1)], [Some(0)], [Some(1)]]
        }

    /// Nor does it come through after another one that was cleared and swept meanwhile, to be dead itself: whoever comes next would come
    /// through as well (V4).
    ///
    /// Seeded fault: `absent-dead-at-birth`.
    an_insert_if_absent_against_another_that_is_cleared: "change/set if absent/set if absent, clear, sweep", 2, KEEP;
        before [], a [SetIfAbsent(1, 1)], b [SetIfAbsent(1, 2), Clear, Sweep]; then [SetIfAbsent(1, 3)];
        allowed {
            [[Some(0)], [Some(1), _], [Some(1)]] | [[Some(1)], [Some(1), _], [Some(0)]] | [[Some(1)], [Some(0), _], [Some(1)]]
        }

    /// A set is neither lost to an update nor passed over by it (V1).
    an_update_against_a_set: "change/update/set", 2, KEEP;
        before [Set(1, 0)], a [Set(1, 2)], b [Update(1, 1)]; then [Get(1)];
        allowed { [[], [Some(0)], [Some(2)]] | [[], [Some(2)], [Some(1)]] }

    /// The same where there was nothing: a set that the update's insert kills comes after it (V4, I3).
    ///
    /// Seeded fault: `insert-killed-is-done`.
    an_update_of_an_absent_key_against_a_set: "change/update/set, absent", 2, KEEP;
        before [], a [Set(1, 2)], b [Update(1, 1)]; then [Get(1), Len];
        allowed {
            [[], [None], [Some(2), Some(1)]] | [[], [Some(2)], [Some(1), Some(1)]]
        }

    /// An entry that comes while the one that was seen is freed is another one (V2; at the very address: `interleavings`).
    an_update_against_a_new_entry: "change/update/invalidate, set", 2, FREE;
        before [Set(1, 0)], a [Invalidate(1), Set(1, 2)], b [Update(1, 1)]; then [Get(1)];
        allowed {
            [[Some(1)], [Some(0) | None], [Some(2)]] | [[Some(0)], [None], [Some(2)]]
                | [[Some(1)], [Some(2)], [Some(1)]]
        }

    /// A value is taken or updated, not both (V1).
    a_removal_against_an_update: "change/take/update", 2, KEEP;
        before [Set(1, 0)], a [Take(1)], b [Update(1, 1)]; then [Get(1)];
        allowed { [[Some(0)], [None], [Some(1)]] | [[Some(1)], [Some(0)], [None]] }

    /// The same where there was nothing: an insert that is not live yet is left alone.
    a_removal_against_an_insert: "change/take/set", 2, KEEP;
        before [], a [Take(1)], b [Set(1, 1), Get(1)]; then [Get(1)];
        allowed { [[None], [Some(1)], [Some(1)]] | [[Some(1)], [None | Some(1)], [None]] }

    /// Of two removals one gets the value.
    two_removals_of_one_entry: "change/take/take", 2, FREE;
        before [Set(1, 3)], a [Take(1)], b [Take(1)]; then [Get(1), Resident];
        allowed {
            [[Some(3)], [None], [None, Some(0)]] | [[None], [Some(3)], [None, Some(0)]]
        }

    /// An update whose entry is evicted sees that (V1, I1).
    an_update_against_an_eviction: "change/update/evict", 1, KEEP;
        before [Set(1, 0)], a [Set(2, 2)], b [Update(1, 1)]; then [Observe, Len];
        allowed { [[], [Some(0) | None], [Some(1)]] }
}
