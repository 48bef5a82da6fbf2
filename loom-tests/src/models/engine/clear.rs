//! Clear against set: ordered by a generation, not by time (I5).

use super::race::race;

race! {
    /// What was set before is gone for whoever cleared; what is set meanwhile is there or not, whole.
    ///
    /// Seeded fault: `clear-not-seen` (entries of earlier generations count as current).
    a_clear_against_an_insert: "clear/insert", 2, KEEP;
        before [Set(1, 0)], a [Clear, Get(1), Len], b [Set(2, 1), Get(1)]; then [Get(2), Observe];
        allowed { [[None, Some(0 | 1)], [_], [None | Some(1)]] }

    /// The same with an overwrite: the old value does not come back (I2, I5), the new one is of one generation or the other, no
    /// clear is lost, and a set after the clears stays.
    a_clear_against_an_overwrite: "clear/clear/overwrite", 1, KEEP;
        before [Set(1, 0)], a [Clear, Get(1)], b [Clear, Len], c [Set(1, 1), Get(1)]; then [Clears, Set(1, 2), Get(1)];
        allowed { [[None | Some(1..)], [Some(0 | 1)], [None | Some(1..)], [Some(2), Some(2)]] }

    /// A sweep of what was cleared against a set of the same key: only what was cleared goes (I5).
    a_sweep_after_a_clear_spares_the_new: "clear, sweep/insert", 2, KEEP;
        before [Set(1, 0), Clear], a [Sweep], b [Set(1, 1), Get(1)]; then [Get(1), Resident];
        allowed { [[_], [Some(1)], [Some(1), Some(1)]] }
}
