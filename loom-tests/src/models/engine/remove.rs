//! Removal of a live entry against removal, eviction and overwrite of it: its permit is given back once (I1, I4).

use super::race::race;

race! {
    /// Exactly one removes it.
    ///
    /// Seeded fault: `permit-released-twice` (the capacity does not look whether the slot still waits).
    two_removals_of_one_entry: "table::remove/remove", 2, FREE;
        before [Set(1, 0), Set(2, 1)], a [Invalidate(1)], b [Invalidate(1), Observe]; then [Get(1), Get(2), Resident];
        allowed { [[Some(0)], [Some(1)], [None, Some(1), Some(1)]] | [[Some(1)], [Some(0)], [None, Some(1), Some(1)]] }

    /// Who has removed a key sees nothing of it (I2); the other one's set stays (I3).
    a_removal_against_an_eviction: "table::remove/evict", 1, FREE;
        before [Set(1, 0)], a [Set(2, 1), Observe], b [Invalidate(1), Get(1)]; then [Get(2), Resident];
        allowed { [[], [_, None], [Some(1), Some(1)]] }

    /// Nobody sees what was removed and overwritten (I2).
    a_removal_against_an_overwrite: "table::remove/overwrite", 1, KEEP;
        before [Set(1, 0)], a [Set(1, 1), Observe], b [Invalidate(1), Get(1)]; then [Get(1)];
        allowed { [[], [_, None | Some(1..)], [None | Some(1..)]] }

    /// Removal by predicate against a removal: exactly one removes it.
    a_removal_against_a_removal_by_predicate: "table::remove/remove matching", 1, FREE;
        before [Set(1, 0)], a [Invalidate(1)], b [InvalidateMatching(1)]; then [Resident];
        allowed { [[Some(0)], [Some(1)], [Some(0)]] | [[Some(1)], [Some(0)], [Some(0)]] }
}
