//! Permits that a thread holds on their way: one exchange less, and one more place where a permit can be (I1, G2).

use super::race::race;

race! {
    /// Two threads evict from a full cache of two, each with the victim's permit in hand.
    two_permits_held: "held::evict/evict", 2, KEEP, holders 2;
        before [Set(1, 0), Set(2, 1)], a [Set(4, 3)], b [Set(3, 2), Observe]; then [Len, Resident, Evictions];
        allowed { [[], [], [Some(2), Some(2), Some(2)]] }

    /// One of them does so by way of the victim's slot.
    a_permit_held_and_one_in_a_slot: "held::evict/evict by the slot", 2, KEEP, holders 1;
        before [Set(1, 0), Set(2, 1)], a [Set(4, 3)], b [Set(3, 2), Observe]; then [Len, Resident, Evictions];
        allowed { [[], [], [Some(2), Some(2), Some(2)]] }

    /// A newcomer is killed while its thread holds its permit: the permit goes back to the capacity (I1).
    ///
    /// Seeded fault: `holder-keeps-permit` (it does not).
    a_newcomer_killed_whose_permit_is_held: "held::evict/invalidate the newcomer", 1, KEEP, holders 1;
        before [Set(2, 0)], a [Set(1, 1)], b [Invalidate(1), Observe]; then [Get(1)];
        allowed { [[], [_], [None | Some(1)]] }

    /// Two inserts of one key into a full cache: who kills the other one does not get the permit that it holds (I1, I2, I3).
    two_inserts_of_one_key_with_permits_held: "held::insert/insert, one key", 2, KEEP, holders 2;
        before [Set(2, 0), Set(3, 1)], a [Set(1, 3)], b [Set(1, 2)]; then [Get(1), Observe];
        allowed { [[], [], [Some(2 | 3)]] }

    /// The victim is overwritten while its permit is taken; memory is freed at once (I4, R1).
    a_victim_that_is_overwritten: "held::evict/overwrite", 2, FREE, holders 2;
        before [Set(1, 0), Set(2, 1)], a [Set(3, 3)], b [Set(1, 2)]; then [Observe];
        allowed { [[], [], []] }

    /// The victim is removed meanwhile.
    a_victim_that_is_removed: "held::evict/remove", 2, FREE, holders 2;
        before [Set(1, 0), Set(2, 1)], a [Set(3, 3)], b [Invalidate(1)]; then [Observe];
        allowed { [[], [_], []] }

    /// A second thread counts the live entries while a thread holds a permit (I1).
    the_bound_holds_while_a_permit_is_held: "held::evict/observe", 1, KEEP, holders 1;
        before [Set(1, 0)], a [Set(2, 1)], b [Observe, Observe]; then [];
        allowed { [[], [], []] }

    /// A thread has stopped holding a permit: the others go on with those that are left (I1, I3, I7).
    a_stopped_holder_holds_nobody_up: "stopped when holding, set/set", 2, KEEP;
        before [Set(1, 0), Set(2, 1), HaltSetting(3, 2, Stop::Holding)],
        a [Set(5, 4)], b [Set(4, 3), Resident]; then [Set(1, 5), Get(1), Observe];
        allowed { [[], [Some(0..=2)], [Some(5)]] }
}
