//! The clock's hand: who is chosen is advice, that exactly one permit passes on is not (I1, I4).

use super::race::race;

race! {
    /// Two hands on a full cache of two: two victims, two newcomers, none counted twice.
    hand_against_hand: "clock::hand/hand", 2, KEEP;
        before [Set(1, 0), Set(2, 1)], a [Set(4, 3)], b [Set(3, 2)]; then [Evictions, Len, Resident];
        allowed { [[], [], [Some(2), Some(2), Some(2)]] }

    /// A newcomer is killed while its permit is on the way to it: that is given back, once (I1).
    ///
    /// Seeded fault: `permit-lost` (it is not).
    a_newcomer_killed_on_its_way: "clock::evict/invalidate the newcomer", 1, KEEP;
        before [Set(2, 0)], a [Set(1, 1)], b [Invalidate(1), Observe]; then [Get(1)];
        allowed { [[], [_], [None | Some(1)]] }

    /// Two hands on one entry: a full cache of one (I1, I3).
    two_hands_on_one_entry: "clock::hand/hand, one entry", 1, KEEP;
        before [Set(1, 0)], a [Set(3, 2)], b [Set(2, 1), Resident]; then [Evictions, Len];
        allowed { [[], [Some(0 | 1)], [Some(2), Some(1)]] }

    /// The hand while a third thread counts the live entries: the permit passes on without a moment in which it is used twice
    /// (I1).
    the_bound_holds_at_every_step_of_an_eviction: "clock::evict/evict/observe", 1, KEEP;
        before [Set(1, 0)], a [Set(3, 2)], b [Set(2, 1)], c [Observe]; then [];
        allowed { [[], [], [], []] }
}
